"""A hub here, and booted machines on a network with it that have the agent's real package: for tests of joining and
leaving.

    with MemberLab(tmp_path, deb) as lab, lab.machine("bookworm") as ada:
        ada.install()
        ada.join("ada")
        lab.online("ada")

Between machines and hub stands a relay, so that the hub can be another one behind the same name, or answer too late.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab_network import LabNetwork
from machine import Machine
from name_server import NameServer
from nginx_front import Front
from private_authority import PrivateAuthority
from relay import Relay
from rig import Rig, free_port, until

INSTALL_SECONDS = 180

TOKEN = "/root/token"


class Member:
    """A machine of the lab."""

    def __init__(self, lab: "MemberLab", machine: Machine):
        self.lab = lab
        self.machine = machine
        self.address = lab.network.plug(machine)
        machine.run("rm", "-f", "/etc/apt/sources.list", "/etc/apt/sources.list.d/debian.sources")
        machine.write("/etc/resolv.conf", f"nameserver {lab.network.address}\noptions timeout:1 attempts:1\n")

    @property
    def root(self) -> Path:
        return self.machine.root

    def sh(self, text: str, *, code: int | None = 0, timeout: float = 90) -> str:
        """What a command says (both outputs); AssertionError on another exit code (None: whatever it is)."""
        done = self.machine.run("sh", "-c", text, timeout=timeout)
        said = (done.stdout + done.stderr).strip()
        assert code is None or done.returncode == code, f"{text}: {done.returncode}\n{said[-3000:]}"
        return said

    def reboot(self) -> None:
        """The power is cut, if it is there, and comes back; so does the cable."""
        self.machine.cut_power()
        self.machine.boot()
        self.address = self.lab.network.plug(self.machine)

    def install(self) -> None:
        self.machine.put(self.lab.deb, f"/root/{self.lab.deb.name}")
        self.sh(f"DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends install /root/{self.lab.deb.name}",
                timeout=INSTALL_SECONDS)

    def give(self, token: str) -> None:
        """The token as a file."""
        self.machine.write(TOKEN, token + "\n")

    def enrol(self, token: str, *options: str, code: int | None = 0) -> str:
        self.give(token)
        return self.sh(f"dvic-agent enroll --token-file {TOKEN} {' '.join(options)}", code=code)

    def join(self, name: str, *options: str) -> dict:
        """Enrol as `name`, and wait until the hub calls it online; returns the hub's row."""
        self.enrol(self.lab.rig.token(), "--name", name, *options)
        return self.lab.online(name)

    @property
    def pin(self) -> dict:
        """hub.json; {} while there is none."""
        path = self.root / "etc/dvic-agent/hub.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def status(self) -> dict:
        """What the agent says of itself; {} while it does not run."""
        done = self.machine.run("dvic-agent", "status", "--json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def says(self, *words: str, state: str = "") -> str:
        """Wait until the agent's connection is in `state` for a reason that holds these words; returns the reason."""
        def said() -> str:
            connection = self.status().get("connection", {"state": "", "reason": ""})
            last.append(f"{connection['state']}: {connection['reason']}")
            told = all(word in connection["reason"] for word in words) and connection["state"] == (
                state or connection["state"])
            return connection["reason"] if told else ""

        last: list[str] = []
        try:
            return until(said, f"it says {state} {words}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {last[-1:]}") from None

    def doctor(self, check: str) -> dict:
        """One finding of the doctor."""
        found = json.loads(self.machine.run("dvic-agent", "doctor", "--json").stdout)
        return next(finding for finding in found if finding["check"] == check)

    def unit(self, name: str, unit: str = "dvic-agent.service") -> str:
        """A property of a unit."""
        return self.sh(f"systemctl show --value --property={name} {unit}")


class MemberLab:
    """`tls`: the hub is behind nginx, with a certificate of a private authority. `name`: what the hub is called on the
    lab's network instead of by its address."""

    def __init__(self, folder: Path, deb: Path, *, tls: bool = False, name: str = ""):
        self.folder = folder
        self.deb = deb
        self._tls = tls
        self._name = name
        self._parts = ExitStack()

    def __enter__(self) -> "MemberLab":
        with ExitStack() as parts:
            self.network = parts.enter_context(LabNetwork())
            self.host = self._name or self.network.address
            if self._name:
                self.names = parts.enter_context(NameServer(self.network.address, self._name))
            self.relay = parts.enter_context(Relay(self.network.address, free_port()))
            self.url = f"http{'s' if self._tls else ''}://{self.host}:{self.relay.port}"
            self.rig = parts.enter_context(self.hub(self.folder))
            self.port = self.rig.port
            if self._tls:
                self._encrypt()
                parts.callback(self.front.stop)
            self.relay.target = self.port
            self._parts = parts.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    @contextmanager
    def hub(self, folder: Path) -> Iterator[Rig]:
        """A hub that says of itself that it is at the relay; started."""
        settings = f'ca_file = "{folder}/ca.pem"\ntrusted_proxies = ["127.0.0.1"]\n' if self._tls else ""
        folder.mkdir(exist_ok=True)
        self.authority = PrivateAuthority(folder) if self._tls else None
        with Rig(folder, url=self.url, settings=settings) as rig:
            yield rig.start_hub()

    def _encrypt(self) -> None:
        self.certify(self.authority)
        self.port = free_port()
        self.front = Front(self.folder, self.rig, self.port, self.authority, self.host)
        self.front.start()

    def certify(self, authority: PrivateAuthority) -> None:
        """A new certificate for the hub, which nginx reads when it is started again."""
        authority.issue(self.host, self.folder / "hub.pem", self.folder / "hub.key")

    @contextmanager
    def machine(self, suite: str, **options: object) -> Iterator[Member]:
        """`options`: as Machine takes them."""
        with Machine(suite, **options) as machine:
            yield Member(self, machine)

    def online(self, name: str, patience: float = 60.0) -> dict:
        """Wait until the hub holds a connection of this node; returns its row."""
        def row() -> dict:
            node = self.rig.node(name)
            return node if node.get("connected") and node["state"] == "online" else {}

        return until(row, f"{name} is online", patience)

    def command(self, *options: str) -> str:
        """The line that installs a machine, for one that is root already."""
        made = json.loads(self.rig.hubctl("token", "create", *options, "-o", "json"))
        command = (made[0] if isinstance(made, list) else made)["install_command"]
        return command.replace("sudo sh", "sh")

    def serve_package(self) -> None:
        """Let the hub serve the agent's package to machines."""
        self.rig.hubctl("release", "add", str(self.deb))
