"""The command lines of a push: of ssh-keyscan and ssh here, of the shell there. Pure; nothing secret is in any of them.

ssh is told everything: no settings of the user or the machine count, no key of this machine is offered, nothing is
forwarded, and the only host key that it takes is the one that was accepted.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from dvic_wire.pushing import HostKey, Target

CONNECT_SECONDS = 15
"""How long a target may take to answer, seconds."""

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

READY = b"dvic-push-ready"
"""The line of stdout that says: a shell of root waits for the installer on its standard input."""

NO_SUDO = b"dvic-push-no-sudo"
"""The line of stdout that says: not root, and there is no sudo."""

SUDO_ASKS = b"dvic-push-sudo-asks"
"""What sudo prints on stderr when it wants the password as a line of its standard input; no newline follows."""

ALIAS = "dvic-target"
"""Under this name the accepted key stands in known_hosts, whatever the target is called."""

# For sh, in single quotes within a command line of any login shell: so there are no single quotes and no ! in it.
_THERE = " ".join(f'''
go="echo {READY.decode()}; exec sh -s -- \\"\\$@\\"";
if [ "$(id -u)" = 0 ]; then exec sh -c "$go" sh "$@"; fi;
command -v sudo >/dev/null 2>&1 || {{ echo {NO_SUDO.decode()}; exit 1; }};
if sudo -n true </dev/null >/dev/null 2>&1; then exec sudo -n sh -c "$go" sh "$@"; fi;
exec sudo -S -p {SUDO_ASKS.decode()} sh -c "$go" sh "$@"'''.split())


@dataclass(frozen=True)
class SignIn:
    """How ssh signs in. `key`: a path under which it can read the private key, "" for a password. `asks`: it will ask
    for something (the password, the key's passphrase) at its terminal."""

    key: str = ""
    asks: bool = True


def scan_argv(target: Target) -> list[str]:
    """ssh-keyscan for the target's host keys."""
    return ["ssh-keyscan", "-T", str(CONNECT_SECONDS), "-p", str(target.port), "-t", "ed25519,ecdsa,rsa", "--",
            target.host]


def known_hosts(key: HostKey) -> str:
    """The file that ssh takes for all that it knows of hosts."""
    return f"{ALIAS} {key}\n"


def ssh_argv(target: Target, hosts: Path, how: SignIn, arguments: tuple[str, ...]) -> list[str]:
    """ssh to the target, where a shell of root will read a script. `hosts`: the file of known_hosts(); `arguments`
    are the script's."""
    options = {
        "StrictHostKeyChecking": "yes", "UserKnownHostsFile": str(hosts), "GlobalKnownHostsFile": "none",
        "HostKeyAlias": ALIAS, "CheckHostIP": "no", "UpdateHostKeys": "no", "VerifyHostKeyDNS": "no",
        "ConnectTimeout": str(CONNECT_SECONDS), "ServerAliveInterval": "15", "ServerAliveCountMax": "4",
        "ForwardAgent": "no", "ForwardX11": "no", "ClearAllForwardings": "yes", "PermitLocalCommand": "no",
        "ControlMaster": "no", "ControlPath": "none", "EscapeChar": "none", "LogLevel": "ERROR",
        "GSSAPIAuthentication": "no", "HostbasedAuthentication": "no", "IdentityAgent": "none",
        "NumberOfPasswordPrompts": "1", "BatchMode": "no" if how.asks else "yes",
    }
    if how.key:
        options |= {"IdentityFile": how.key, "IdentitiesOnly": "yes", "PreferredAuthentications": "publickey"}
    else:
        options |= {"IdentityFile": "none", "PubkeyAuthentication": "no",
                    "PreferredAuthentications": "password,keyboard-interactive"}
    return ["ssh", "-F", "none", "-T", "-p", str(target.port), "-l", target.user,
            *(f"-o{name}={value}" for name, value in options.items()), "--", target.host, remote_line(arguments)]


def remote_line(arguments: tuple[str, ...]) -> str:
    """What the login shell there is given: become root, by sudo where need be, and wait for the script."""
    return shlex.join(["sh", "-c", _THERE, "dvic-push", *arguments])


def environment(folder: Path) -> dict[str, str]:
    """All that ssh finds in its environment. Whatever it would look for at home is not in this folder."""
    return {"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": str(folder), "SSH_ASKPASS_REQUIRE": "never"}
