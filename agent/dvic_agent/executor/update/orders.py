"""Which update may be made here, and whose word ends it: what serve.py asks before anything is started.

An update is an order as a run is (see serve.py: signature, new id, time, policy) and names a package file by two
papers (dvic_wire.updates). The manifest must be signed by a key of policy.toml or, where the machine's owner names
none, of the hub's key set, whose serial never goes back here. It must be this machine's own package, and not older than
what is installed unless the hub says that this is wanted.
"""

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass

from dvic_wire.errors import WireError
from dvic_wire.runs import FAILED, FINISHED, RUNNING
from dvic_wire.signing import PublicKey
from dvic_wire.updates import Manifest, read_key_set, read_manifest
from dvic_wire.versions import compare

from ..backend import Backend
from ..errors import Refusal, StartFailed
from ..policy import Policy
from ..rundir import RunDir, StateDir
from ..verify import PinnedHub
from .folder import UpdateDir, read_json, write_whole
from .packages import PackageProblem, Present, architecture, present
from .plan import CONFIRMING, INSTALLING, LEAST_CONFIRM, MOST_CONFIRM, Journal
from .rescue import write_program

PACKAGE = "dvic-agent"

DEFAULT_CONFIRM = 180
"""Seconds in which the new agent must have been welcomed, unless the order says otherwise."""


@dataclass(frozen=True)
class UpdateOrders:
    """Decides about updates of this machine. Every method raises Refusal; they are called inside StateDir.deciding.
    `present` asks dpkg."""

    state: StateDir
    backend: Backend
    present: Callable[[str], Present] = present

    @property
    def folder(self) -> UpdateDir:
        return UpdateDir(self.state.path)

    def allowed(self, claims: dict, hub: PinnedHub, policy: Policy, ca_file: str, now: float) -> Journal:
        """The update that the verified `claims` ask for, as it would begin at `now` (Unix seconds)."""
        if self.backend.name != "systemd":
            raise Refusal("backend", "an update needs systemd as pid 1, which this machine does not have: install the "
                                     "new package as you installed this one")
        keys = policy.allow_update()
        older, confirm = claims.get("older", False), claims.get("confirm", DEFAULT_CONFIRM)
        if type(older) is not bool or type(confirm) is not int or not LEAST_CONFIRM <= confirm <= MOST_CONFIRM:
            raise Refusal("malformed", f"older is true or false, confirm {LEAST_CONFIRM} to {MOST_CONFIRM} s")
        if not hub.url.startswith(("http://", "https://")):
            raise Refusal("config", "hub.json names no address to download from: enrol this machine again")
        try:
            manifest = read_manifest(str(claims.get("manifest", "")), keys or self._keys_of(hub, claims, now), now=now)
            previous = self._check_package(manifest, older)
        except (WireError, PackageProblem) as error:
            raise Refusal("manifest", f"the update's papers do not hold: {error}") from None
        return Journal(run=str(claims["jti"]), package=manifest.package, version=manifest.version,
                       architecture=manifest.architecture, size=manifest.size, sha256=manifest.sha256,
                       url=f"{hub.url.rstrip('/')}/apt/pool/{manifest.file_name}", ca_file=ca_file, previous=previous,
                       confirm=confirm, begun=int(now))

    def check_free(self) -> None:
        """One update at a time."""
        other = self.folder.journal()
        if other is not None and (self.carried() or not self._is_over(other.run)):
            raise Refusal("busy", f"the update {other.run} to {other.version} is under way here")

    def begin(self, journal: Journal, by: object) -> dict:
        """Start what `allowed` returned; returns the answer. Raises OSError where the disk does not take it."""
        found = self.state.create(journal.run, {"run": journal.run, "update": journal.to_json(), "by": by})
        try:
            return self._begin(journal, found)
        except (StartFailed, OSError) as error:
            self.folder.clear()
            reason = f"the update could not be started: {error}"
            found.finish(FAILED, reason=reason)
            return {"state": FAILED, "code": "start", "reason": reason}
        finally:
            found.close()

    def _begin(self, journal: Journal, found: RunDir) -> dict:
        if compare(journal.version, journal.previous) == 0:
            found.finish(FINISHED, 0, f"unchanged: {journal.name} is installed already")
            return {"state": RUNNING}
        folder = self.folder
        folder.make()
        folder.clear()
        write_program(folder.program)
        folder.save(journal)
        self.backend.start_update(found)
        return {"state": RUNNING}

    def confirm(self, claims: dict) -> dict:
        """Take the hub's word that the new agent was welcomed. Its age does not matter: it is about one run, and the
        hub gives it only once that agent is there, which a machine with a wrong clock must be able to hear."""
        journal = self.folder.journal()
        if journal is None or journal.run != claims["jti"]:
            raise Refusal("not-confirming", "that update is not under way here")
        if claims.get("version") != journal.version:
            raise Refusal("not-confirming", f"the update is to {journal.version}")
        if journal.phase not in (INSTALLING, CONFIRMING):  # installing: the new agent is faster than apt's end
            raise Refusal("not-confirming", f"the update is {journal.phase}")
        self.folder.confirm(journal.run, journal.version)
        return {"state": "confirmed"}

    def describe(self) -> dict | None:
        """The update under way, for `ping`; None where there is none."""
        journal = self.folder.journal()
        if journal is None:
            return None
        return {"run": journal.run, "version": journal.version, "previous": journal.previous, "phase": journal.phase,
                "begun": journal.begun, "carried": self.carried()}

    def carried(self) -> bool:
        """Whether a process is at work on it."""
        try:
            handle = os.open(self.folder.lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def _is_over(self, run: str) -> bool:
        with self.state.opened(run) as found:
            return found is None or found.end() is not None

    def _keys_of(self, hub: PinnedHub, claims: dict, now: float) -> tuple[PublicKey, ...]:
        """The keys of the hub's key set, which becomes the least one that is taken from now on. Raises WireError."""
        keys = read_key_set(str(claims.get("keys", "")), hub.key, now=now)
        self.folder.make()
        place = self.folder.path / "keys.json"
        seen = read_json(place)
        least = seen.get("serial", 0) if seen.get("hub") == hub.fingerprint else 0
        if keys.serial < least:
            raise Refusal("keys", f"the key set {keys.serial} is older than {least}, which this machine has seen")
        if keys.serial > least:
            write_whole(place, json.dumps({"hub": hub.fingerprint, "serial": keys.serial}).encode())
        return keys.keys

    def _check_package(self, manifest: Manifest, older: bool) -> str:
        """The installed version that it takes the place of."""
        if manifest.package != PACKAGE:
            raise Refusal("manifest", f"the package is {manifest.package}, and only {PACKAGE} updates itself")
        if manifest.architecture != "all" and manifest.architecture != (own := architecture()):
            raise Refusal("manifest", f"the package is for {manifest.architecture}, this machine is {own}")
        installed = self.present(PACKAGE).whole
        if not installed:
            raise Refusal("not-installed", f"{PACKAGE} is not installed here as a whole package (dpkg -s {PACKAGE}): "
                                           "apt-get install it")
        if compare(manifest.version, installed) < 0 and not older:
            raise Refusal("older", f"{manifest.version} is older than {installed}, which is installed; where that is "
                                   "wanted, ask for it with --older")
        return installed
