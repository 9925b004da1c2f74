"""Whether this machine opens a terminal, and as which run: the kind `terminal` of policy.toml.

What is typed into a terminal is nobody's to check beforehand. So a machine whose owner narrowed the commands (`argv`),
or wants each one signed by an operator, opens none at all.
"""

from dvic_wire.errors import WireError
from dvic_wire.runs import RunSpec
from dvic_wire.terminals import TerminalSpec

from .command import resolve_account
from .errors import Refusal
from .policy import Policy

KIND = "terminal"
"""The kind in policy.toml."""


def allowed_terminal(claims: dict, policy: Policy) -> tuple[RunSpec, TerminalSpec]:
    """The run that carries the terminal which the order asks for, within this machine's limits; raises Refusal."""
    policy.allow_unchecked(KIND, "a terminal could do anything", "typing is not")
    try:
        wanted = TerminalSpec.from_json(claims.get("terminal"))
    except WireError as error:
        raise Refusal("malformed", str(error)) from None
    account = resolve_account(wanted.user or policy.default_user)
    spec = RunSpec(argv=wanted.argv or (account.shell,), user=account.name, timeout=wanted.timeout)
    return policy.allow(KIND, spec, account.name), wanted
