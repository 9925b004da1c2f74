"""A booted machine whose engines really run containers: Docker, Podman (root's and a person's), containerd, LXC and
systemd-nspawn; and systemd, for services with a /tmp of their own.

    with MemberLab(tmp_path, deb) as lab, EngineRoom.of(lab) as room:
        box = room.start("docker", "echo hello > /tmp/dvic_log_x; exec sleep infinity")
        box.end()
        box.remove()

They all start one image: the machine's own tree, which debootstrap made. No container has a network.
"""

import json
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from member_lab import Member, MemberLab
from rig import until

PACKAGES = ("dbus-user-session", "docker.io", "lxc", "podman", "systemd-container", "uidmap")

IN_MEMORY = ("/var/lib/docker", "/var/lib/containers", "/home", "/srv")
"""An overlay can't be written over another one, which the machine's disk is."""

FILES = {
    "/etc/docker/daemon.json": json.dumps({"bridge": "none", "iptables": False, "storage-driver": "overlay2"}),
    "/etc/containers/containers.conf": "[containers]\npids_limit = 0\n",  # the machine's kernel may have no such limit
    "/etc/fstab": "".join(f"tmpfs {folder} tmpfs mode=755 0 0\n" for folder in IN_MEMORY),
}

IMAGE = "bin lib lib64 usr/bin usr/lib usr/lib64 etc/passwd etc/group etc/os-release etc/alternatives"

LEFT_OUT = ("usr/bin/*docker* usr/bin/podman usr/bin/containerd* usr/bin/ctr usr/bin/lxc* usr/bin/dnet usr/bin/perl* "
            "usr/lib/cni usr/lib/podman usr/lib/systemd usr/lib/udev usr/lib/valgrind usr/lib/apt usr/lib/*/gconv "
            "usr/lib/*/perl* usr/lib/*/systemd usr/lib/*.a *.pyc")

PODMAN = "env --unset=INVOCATION_ID podman"
"""Else it takes the short-lived service that starts it for the container's own."""

ANNA = "runuser -u anna -- env --unset=INVOCATION_ID --chdir=/home/anna XDG_RUNTIME_DIR=/run/user/$(id -u anna) podman"

PREPARE = f"""
mkdir -p /srv/tree && cd / && tar -c {' '.join(f'--exclude={path}' for path in LEFT_OUT.split())} {IMAGE} |
    tar -x -C /srv/tree
cd /srv/tree && mkdir -m 1777 tmp && mkdir -p proc sys dev run var/log root
tar -cf /srv/tree.tar . && chmod 755 /srv && docker import /srv/tree.tar image
useradd --create-home anna && loginctl enable-linger anna && systemctl start user@$(id -u anna)
mkdir /run/proc && mount -t proc proc /run/proc
{PODMAN} import --quiet /srv/tree.tar image
{ANNA} import --quiet /srv/tree.tar image
rm /srv/tree.tar
"""
"""A person's engine may mount /proc where a whole one can be seen, which in a machine's own something is hidden of."""

OVERLAY = ("mkdir -p /srv/{name}.up/work /srv/{name}.up/upper /srv/{name} && mount -t overlay overlay -o "
           "lowerdir=/srv/tree,upperdir=/srv/{name}.up/upper,workdir=/srv/{name}.up/work /srv/{name}")


@dataclass(frozen=True)
class Engine:
    """Shell commands. `start` prints the container's id, `wait` ends when it has ended, `remove` has the engine forget
    it, in whatever state it is. `kind`: as DVIC calls it. `tree`: it takes a folder that we make and mount."""

    kind: str
    start: str
    wait: str
    remove: str
    tree: bool = False


INACTIVE = "while systemctl is-active --quiet {name}; do sleep 0.05; done"

ENGINES = {
    "docker": Engine("docker", "docker run --detach --network=none {more} image sh -c {script}",
                     "docker wait {id}", "docker rm --force {id}"),
    "podman": Engine("podman", f"{PODMAN} run --detach --network=none {{more}} image sh -c {{script}}",
                     f"{PODMAN} wait {{id}}", f"{PODMAN} rm --force --time=0 {{id}}"),
    "rootless": Engine("podman", f"{ANNA} run --detach --network=none {{more}} image sh -c {{script}}",
                       f"{ANNA} wait {{id}}", f"{ANNA} rm --force --time=0 {{id}}"),
    "containerd": Engine("containerd",
                         "ctr run --detach --cpu-shares=0 {more} --rootfs /srv/{name} {name} /bin/sh -c {script} && "
                         "echo {name}",
                         "until ctr task ls | grep -q '^{name} .*STOPPED'; do sleep 0.05; done",
                         "ctr task delete --force {name}; ctr container rm {name}", tree=True),
    "lxc": Engine("lxc", "printf 'lxc.rootfs.path = dir:/srv/{name}\\nlxc.net.0.type = empty\\n' > /srv/{name}.conf && "
                  "lxc-execute --name={name} --rcfile=/srv/{name}.conf --daemon -- sh -c {script} && echo {name}",
                  "lxc-wait --name={name} --state=STOPPED", "lxc-stop --name={name} --kill || :", tree=True),
    "nspawn": Engine("nspawn",
                     "systemd-run --quiet --unit={name} systemd-nspawn --quiet --directory=/srv/{name} "
                     "--machine={name} --private-network --as-pid2 {more} sh -c {script} && echo {name}",
                     INACTIVE, f"machinectl terminate {{name}}; {INACTIVE}", tree=True),
    "service": Engine("", "systemd-run --quiet --unit={name} -p PrivateTmp=yes {more} sh -c {script}",
                      INACTIVE, "systemctl stop {name} || ! systemctl is-active --quiet {name}"),
}


DROP_IN = "/etc/systemd/system/dvic-agent.service.d/engine.conf"

ASK = f"""
install -D -m 644 /dev/stdin {DROP_IN} <<END
[Service]
SupplementaryGroups=docker
END
install -D -m 644 /dev/stdin /etc/systemd/system/podman.socket.d/agent.conf <<END
[Socket]
ListenStream=
ListenStream=/run/podman-agent.sock
SocketGroup=dvic-agent
END
cp /etc/dvic-agent/agent.toml /root/agent.toml
cat >> /etc/dvic-agent/agent.toml <<END
[containers]
sockets = ["/run/docker.sock", "/run/podman-agent.sock"]
END
systemctl daemon-reload && systemctl enable podman.socket && systemctl restart podman.socket dvic-agent
"""
"""As docs/operating.md has it."""

ASK_NO_MORE = f"""
rm {DROP_IN} && cp /root/agent.toml /etc/dvic-agent/agent.toml
systemctl daemon-reload && systemctl disable --now podman.socket && systemctl restart dvic-agent
"""


@dataclass
class Box:
    """A container that was started. `id`: what its engine calls it; "" for a service, which is known by its `name`."""

    room: "EngineRoom"
    engine: Engine
    name: str
    id: str

    @property
    def short(self) -> str:
        """As DVIC shows it."""
        return self.id[:12] if self.id else f"{self.name}.service"

    def wait(self) -> None:
        """For its end."""
        self._do(self.engine.wait)

    def remove(self) -> None:
        """Have the engine forget it, and take its tree away. AssertionError: what is said against it."""
        self._do(self.engine.remove)
        if self.engine.tree:
            self._do("umount /srv/{name}")

    def _do(self, command: str) -> None:
        self.room.member.sh(command.format(name=self.name, id=self.id))


class EngineRoom:
    def __init__(self, lab: MemberLab, member: Member):
        self.lab = lab
        self.member = member

    @classmethod
    @contextmanager
    def of(cls, lab: MemberLab, suite: str = "bookworm", name: str = "ada") -> Iterator["EngineRoom"]:
        """With the agent installed and enrolled, and the engines ready."""
        with lab.machine(suite, more=PACKAGES, files=FILES, engines=True) as member:
            member.sh(PREPARE, timeout=180)
            member.install()
            member.join(name)
            yield cls(lab, member)

    def start(self, engine: str, script: str, more: str = "") -> Box:
        """A container in which the shell does this. `more`: options of its engine."""
        used, name = ENGINES[engine], f"box-{secrets.token_hex(3)}"
        words = {"name": name, "script": shlex.quote(script), "more": more}
        if used.tree:
            self.member.sh(OVERLAY.format(**words))
        said = self.member.sh(used.start.format(**words))
        return Box(self, used, name, said.split()[-1] if said else "")

    @contextmanager
    def asked(self) -> Iterator[None]:
        """The agent may ask Docker and root's Podman meanwhile."""
        self.member.sh(ASK)
        self.lab.online("ada")
        try:
            yield
        finally:
            self.member.sh(ASK_NO_MORE)

    def into(self, box_word: str, name: str) -> None:
        """Make an empty file in the /tmp of the container in which somebody has this word in their command line."""
        self.member.sh(f"for pid in $(pgrep --full {box_word}); do touch /proc/$pid/root/tmp/{name}; done")

    def lines(self, words: str, source: str = "dvic_log_*") -> list[dict]:
        """Log records with these words at the hub, newest first; not the journal's, which has our own commands too."""
        return self.lab.rig.logs(f"&grep={quote(words)}&source={source}")

    def seen(self, words: str) -> list[dict]:
        """The same, when there are any."""
        return until(lambda: self.lines(words), f"{words} is at the hub", 60)

    @property
    def agent(self) -> int:
        """Its pid in the machine."""
        return int(self.member.unit("MainPID"))

    def streams(self) -> set[str]:
        """Of containers, those that the agent follows."""
        return {one["stream"] for one in self.member.status()["streams"] if one["stream"].startswith("mount:")}

    def agent_holds(self, name: str) -> bool:
        """Whether the agent has a file open whose path, in whatever container, ends so."""
        return name in self.member.sh(f"ls -l /proc/{self.agent}/fd || :")
