"""Enrolling one machine by ssh, from hubctl's side: ask for the host key, seal the secret, show what happens.

The secret is sealed here for the program that opens ssh, so the hub and whoever else carries it can't read it. That
rests on the sealing key being that program's, which the hub vouches for: so it has to be our hub that answers (by TLS
or on the loopback).
"""

import ipaddress
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from dvic_wire.pushing import SECRET, Secret, Target, about
from dvic_wire.sealing import seal

from .client import Client
from .errors import HubctlError, NotReachable, Refused, Usage
from .harmless import escape, one_line
from .options import confirm
from .output import say

WAIT = 20
"""Seconds for which the hub is let wait for something new."""

GIVE_UP = 60.0
"""Seconds after which a hub that can't be reached is waited for no more."""

ENDS = ("done", "failed", "cancelled")

STEPS = {"looking": "Asking {target} for its host key, from {via} ...", "installing": "Signing in and installing ...",
         "joining": "Waiting until the new node is online ..."}
"""What is said when a state is come to."""


@dataclass(frozen=True)
class Wish:
    """What to do when the host key is not known yet: `accepted` is a fingerprint that was said beforehand, "" where a
    person is asked; `yes`: take what is shown. `repeat`: the command line that begins anew."""

    accepted: str = ""
    yes: bool = False
    repeat: str = ""


def check_connection(url: str) -> None:
    """Refuse to send anything for a secret over a network that can be listened to; raises Usage."""
    parts = urlsplit(url)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return
    raise Usage(f"{url} is plain http: whoever can change packets on the way could read the password",
                "reach the hub by https, or run this on the hub's own machine (http://127.0.0.1:...)")


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class PushSession:
    """One machine. `show` takes a stream (out or err) and a line of what is said there."""

    def __init__(self, client: Client, target: Target, via: str, wish: Wish, show: Callable[[str, str], None]):
        self._client = client
        self._target = target
        self._via = via
        self._wish = wish
        self._show = show
        self._id = ""
        self._count = 0

    def carry_out(self, secret: Secret, name: str, tags: dict[str, str]) -> dict:
        """From the first look to the new node; returns the push as it ended. Raises HubctlError; Ctrl-C ends it."""
        body = {"user": self._target.user, "host": self._target.host, "port": self._target.port, "via": self._via,
                "name": name, "tags": tags}
        push = self._client.post("pushes", body=body)
        self._id = push["id"]
        try:
            push = self._follow(push)
            if push["state"] == "asking":
                push = self._follow(self._answer(push, secret))
        except BaseException as error:
            if isinstance(error, Refused) and error.status == 404:
                raise self._restarted() from None
            with suppress(HubctlError):
                self._client.post("pushes", self._id, "cancel")
            raise
        if push["state"] != "done":
            raise Refused(f"{self._target} is not enrolled: {push['reason'] or push['state']}", self._again(push))
        return push

    def _follow(self, push: dict) -> dict:
        """Until something is asked for or it is over."""
        said = ""
        while True:
            for line in push.get("lines", []):
                self._show(line["stream"], escape(line["text"]))
            self._count = push["count"]
            if push["state"] != said and push["state"] in STEPS:
                say(STEPS[push["state"]].format(target=self._target.place, via=self._via or "the hub"))
            said = push["state"]
            if said == "asking" or said in ENDS:
                return push
            push = self._look(said)

    def _look(self, state: str) -> dict:
        """What is new; while the hub can't be reached it is asked again, for it goes on without us."""
        deadline, told = time.monotonic() + GIVE_UP, False
        while True:
            try:
                return self._client.get("pushes", self._id, after=self._count, state=state, wait=WAIT)
            except NotReachable as error:
                if time.monotonic() > deadline:
                    raise
                if not told:
                    say(f"The hub does not answer: {error}. Trying again ...")
                told = True
                time.sleep(1)

    def _answer(self, push: dict, secret: Secret) -> dict:
        question = push["question"]
        fingerprint = self._accept(question)
        sealed = seal(question["seal"], secret.encode(), about(SECRET, self._id, self._target, fingerprint))
        return self._client.post("pushes", self._id, "answer", body={"host_key": fingerprint, "secret": sealed})

    def _accept(self, question: dict) -> str:
        """The fingerprint of the host key to take; raises Refused or Usage."""
        keys, wanted = question["keys"], self._wish.accepted
        shown = [key["fingerprint"] for key in keys]
        if wanted and wanted not in shown:
            raise Refused(f"{self._target.place} does not show the host key {wanted} but {', '.join(shown)}",
                          "find out why before you sign in there; nothing was sent")
        if question["known"]:
            if wanted and wanted != question["known"]:
                raise Refused(f"another host key of {self._target.place} is known: {question['known']}",
                              self._forget_line())
            say(f"The host key of {self._target.place} is the known one ({question['known']}).")
            return question["known"]
        if wanted:
            return wanted
        say(f"{self._target.place} shows its host key for the first time:")
        for key in keys:
            say(f"  {one_line(key['fingerprint'])}  {one_line(key['kind'])}")
        if self._wish.yes:
            say("Accepted without asking (--yes).")
        else:
            try:
                confirm("Is that really this machine's key?", False)
            except Usage:
                raise Usage("nobody is there to accept the host key",
                            f"compare it on the machine (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then say "
                            f"--host-key {shown[0]}") from None
        return shown[0]

    def _forget_line(self) -> str:
        via = f" --via {self._via}" if self._via else ""
        return f"if you know why: hubctl node forget-host-key {self._target.place}{via}"

    def _again(self, push: dict) -> str:
        if "HOST KEY" in push["reason"]:
            return self._forget_line()
        return f"put that right, then again: {self._wish.repeat}"

    def _restarted(self) -> Refused:
        return Refused("the hub was started again meanwhile and knows nothing of it any more",
                       f"look whether it has joined (hubctl nodes); if not: {self._wish.repeat}")
