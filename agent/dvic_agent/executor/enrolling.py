"""Enrolling another machine by ssh from here: a run whose command is our own dvic_push, never one that the hub chose.

What the run asks for in its output (see dvic_wire.pushing) comes back in an order of its own (see answers.py). The
secret in it is sealed for the command, which alone can open it. ssh does not run as root but as SSH_USER, where the
package has made that user.
"""

import os
import pwd
import sys
from contextlib import suppress

from dvic_wire.errors import WireError
from dvic_wire.pushing import Target
from dvic_wire.runs import RunSpec

from .errors import Refusal
from .policy import Policy

KIND = "enroll"
"""The kind in policy.toml."""

SSH_USER = "dvic-ssh"

ENROLL_SECONDS = 1800
"""Time limit of such a run: a person looks at the host key, then packages are installed."""


def enroll_spec(claims: dict, policy: Policy) -> RunSpec:
    """The run that opens ssh to the target which the order names; raises Refusal."""
    if KIND not in policy.kinds:
        raise Refusal("policy", "this machine's policy does not allow it to enrol other machines by ssh (kind enroll)")
    if policy.operator_keys:
        raise Refusal("operator", "this machine does only what an operator has signed as well; enrol from another one")
    wanted = claims.get("target")
    try:
        given = wanted if isinstance(wanted, dict) else {}
        target = Target(str(given.get("user")), str(given.get("host")), given.get("port")).checked()
    except WireError as error:
        raise Refusal("malformed", str(error)) from None
    argv = (sys.executable, "-I", "-m", "dvic_push", claims["jti"], target.user, target.host, str(target.port))
    seconds = min(ENROLL_SECONDS, policy.limits.timeout or ENROLL_SECONDS)
    return RunSpec(argv=argv, user=ssh_user(), timeout=seconds)


def ssh_user() -> str:
    """Who opens ssh: SSH_USER where root can become it; "", our own user, otherwise."""
    with suppress(KeyError):
        if os.geteuid() == 0:
            return pwd.getpwnam(SSH_USER).pw_name
    return ""
