"""A machine with the packages of this checkout: a hub, an operator who is signed in, and itself as the hub's node."""

import json
import re
import time

INSTALL_SECONDS = 300

URL = "http://127.0.0.1:8420"


def shell(machine, text, timeout=60):
    """The output of a command that has to succeed."""
    done = machine.run("sh", "-c", text, timeout=timeout)
    assert done.returncode == 0, f"{text}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout.strip()


def install(machine, *debs):
    for deb in debs:
        machine.put(deb, f"/root/debs/{deb.name}")
    shell(machine, "DEBIAN_FRONTEND=noninteractive apt-get -qy --no-install-recommends --allow-downgrades install "
                   + " ".join(f"/root/debs/{deb.name}" for deb in debs), INSTALL_SECONDS)


def enrol(machine):
    """As the README says: set the hub up, sign in, make a token, give it to the agent."""
    said = shell(machine, f"dvic-hub setup --url {URL} --non-interactive && systemctl start dvic-hub")
    machine.write("/root/once", re.search(r"password\s+(\S+)", said)[1] + "\n")
    machine.write("/root/password", "correct-horse-battery\n")
    hubctl(machine, f"login {URL} --user admin --password-file /root/once --new-password-file /root/password")
    machine.write("/root/token", json.loads(hubctl(machine, "token create -o json"))["token"])
    shell(machine, "dvic-agent enroll --token-file /root/token --name node-1")
    until_online(machine)


def hubctl(machine, arguments):
    return shell(machine, f"HOME=/root hubctl {arguments}")


def until(reached, what, patience=40.0):
    deadline = time.monotonic() + patience
    while not (value := reached()):
        assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
        time.sleep(0.2)
    return value


def until_online(machine, version=""):
    def online():
        done = machine.run("sh", "-c", "HOME=/root hubctl node show node-1 -o json")
        if done.returncode == 3:  # the hub itself is just coming back
            return None
        node = json.loads(done.stdout)
        return node if node["connected"] and version in node["agent_version"] else None

    # an agent that lost its connection several times within a minute waits up to a minute before the next try
    return until(online, f"a node of version {version or 'any'} is connected", 120)


def show(machine, unit, name):
    return shell(machine, f"systemctl show --value --property={name} {unit}")


def files(machine):
    """Every file and folder of the machine that a package could leave behind."""
    kept = r"^/(proc|sys|dev|run|tmp|root|var/log|var/cache|var/lib/dpkg|var/lib/apt|var/tmp)(/|$)"
    found = shell(machine, "find / -xdev -not -path '*/__pycache__*'").splitlines()
    return {path for path in found if not re.match(kept, path)}


def people(machine):
    return {name: sorted(shell(machine, f"cat /etc/{name}").splitlines()) for name in ("passwd", "group", "shadow")}
