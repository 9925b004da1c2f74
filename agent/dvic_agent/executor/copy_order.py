"""Whether this machine copies a file, and as which run: the kind `copy` of policy.toml.

Who can write files as a user can have that user execute anything, and who can read them learns all that it knows. So a
machine whose owner narrowed the commands (`argv`), or wants each one signed by an operator, copies nothing at all.
The run's command is our own copying.py.
"""

import json
import sys
from dataclasses import replace

from dvic_wire.copies import TO, CopySpec
from dvic_wire.errors import WireError
from dvic_wire.runs import RunSpec

from .command import resolve_account
from .errors import Refusal
from .policy import Policy

KIND = "copy"
"""The kind in policy.toml."""


def allowed_copy(claims: dict, policy: Policy) -> RunSpec:
    """The run that copies the file which the order names, within this machine's limits; raises Refusal."""
    policy.allow_unchecked(KIND, "a file could change anything", "a file is not")
    try:
        wanted = CopySpec.from_json(claims.get("copy"))
    except WireError as error:
        raise Refusal("malformed", str(error)) from None
    most = policy.limits.copy or wanted.size
    if wanted.direction == TO and wanted.size > most:
        raise Refusal("policy", f"the file has {wanted.size} bytes, this machine's policy allows {most}")
    account = resolve_account(wanted.user or policy.default_user)
    order = json.dumps(replace(wanted, user=account.name, size=min(wanted.size, most)).to_json())
    argv = (sys.executable, "-I", "-m", "dvic_agent.executor.copying", claims["jti"], order)
    return policy.allow(KIND, RunSpec(argv=argv, user=account.name, timeout=wanted.timeout), account.name)
