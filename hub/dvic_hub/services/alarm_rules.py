"""The rules that raise alarms: those that every hub begins with (domain/alarm_defaults.py), as people changed them, and
those that people made. Whatever changes a rule clears its open alarms, with a word of why.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from dvic_hub.domain import alarm_rules
from dvic_hub.domain.alarm_defaults import BY_NAME
from dvic_hub.domain.alarm_model import RuleRow
from dvic_hub.domain.alarm_rules import MAX_ALARM_RULES, Rule
from dvic_hub.domain.people import Actor
from dvic_hub.errors import BadRequest, Conflict, NotFound
from dvic_hub.services.audit import AuditService
from dvic_hub.store.port import Alarms

DEFAULT, CHANGED, OWN = "default", "changed", "own"
"""Where a rule comes from: the hub's own, the hub's own as somebody wants it, somebody's."""

_SECOND = 1_000_000

log = logging.getLogger("dvic.alarms")

Changed = Callable[["KeptRule | None", str, str], Awaitable[None]]
"""Told of a rule (None: it is gone), its name, and why its open alarms are over."""


@dataclass(frozen=True)
class KeptRule:
    """A rule that is in force, or switched off. `changed` 0: nobody has changed it."""

    rule: Rule
    origin: str
    changed: int = 0
    changed_by: str = ""


class RuleService:
    """`clock` gives Unix seconds. Set `on_change` before anything is changed."""

    def __init__(self, store: Alarms, audit: AuditService, clock: Callable[[], float]) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock
        self._rules: dict[str, KeptRule] = {name: KeptRule(rule, DEFAULT) for name, rule in BY_NAME.items()}
        self._lock = asyncio.Lock()
        self.on_change: Changed = _nobody
        self.unjudged: Callable[[str], list[str]] = lambda _name: []
        """Of what a rule can say nothing, each with why."""

    async def start(self) -> None:
        """Read what people changed. A row that this hub can't read counts for nothing, and is kept."""
        for row in await self._store.rules():
            try:
                self._rules[row.name] = self._kept(alarm_rules.read(row.body), row.changed, row.changed_by)
            except BadRequest as error:
                log.error("the rule %s is left out: %s", row.name, error)

    def all(self) -> list[KeptRule]:
        """By name, also those that are switched off."""
        return [self._rules[name] for name in sorted(self._rules)]

    def get(self, name: str) -> KeptRule:
        """Raises NotFound."""
        if name not in self._rules:
            raise NotFound(f"there is no rule {name}")
        return self._rules[name]

    async def put(self, rule: Rule, actor: Actor) -> KeptRule:
        """Make a rule, or put this one in the place of the one of its name. Raises BadRequest, Conflict."""
        rule = alarm_rules.checked(rule)
        async with self._lock:
            before = self._rules.get(rule.name)
            if before is None and len(self._rules) >= MAX_ALARM_RULES:
                raise Conflict(f"at most {MAX_ALARM_RULES} rules may be there", code="limit", limit=MAX_ALARM_RULES)
            if before is not None and before.origin != OWN and rule.kind != before.rule.kind:
                raise BadRequest(f"{rule.name} is the hub's own rule of kind {before.rule.kind}: for another kind make "
                                 "one of another name", field="kind")
            if before is not None and before.rule == rule:
                return before
            return await self._write(rule, before, actor)

    async def change(self, name: str, changes: dict, actor: Actor) -> KeptRule:
        """Change some of it: members of Rule but its name and kind; `settings` are put over those that there are, and
        None takes one back to its default. Raises NotFound, BadRequest."""
        before = self.get(name)
        settings = {**before.rule.settings, **changes.get("settings", {})}
        return await self.put(msgspec.structs.replace(before.rule, **{**changes, "settings": settings}), actor)

    async def reset(self, name: str, actor: Actor) -> KeptRule:
        """One of the hub's own, as every hub begins with it. Raises NotFound; Conflict for one that people made."""
        async with self._lock:
            before = self.get(name)
            if before.origin == OWN:
                raise Conflict(f"{name} is no rule of the hub's own: remove it", code="own-rule")
            if before.origin == DEFAULT:
                return before
            async with self._audit.record(actor, "rule.reset", name):
                await self._store.remove_rule(name)
            self._rules[name] = KeptRule(BY_NAME[name], DEFAULT)
            await self.on_change(self._rules[name], name, f"the rule was reset by {actor.name}")
            return self._rules[name]

    async def remove(self, name: str, actor: Actor) -> None:
        """One that people made. Raises NotFound; Conflict for one of the hub's own."""
        async with self._lock:
            if self.get(name).origin != OWN:
                raise Conflict(f"{name} is a rule of the hub's own and can't be removed: switch it off",
                               code="own-rule")
            async with self._audit.record(actor, "rule.remove", name):
                await self._store.remove_rule(name)
            del self._rules[name]
            await self.on_change(None, name, f"the rule was removed by {actor.name}")

    # ---- inside

    async def _write(self, rule: Rule, before: KeptRule | None, actor: Actor) -> KeptRule:
        row = RuleRow(rule.name, alarm_rules.written(rule), int(self._clock() * _SECOND), actor.name)
        detail = {"kind": rule.kind, "on": rule.on, "severity": rule.severity, "selector": rule.selector,
                  "settings": rule.settings}
        async with self._audit.record(actor, "rule.add" if before is None else "rule.change", rule.name, detail):
            await self._store.put_rule(row)
        kept = self._rules[rule.name] = self._kept(rule, row.changed, row.changed_by)
        what = "changed" if rule.on else "switched off"
        await self.on_change(kept, rule.name, f"the rule was {what} by {actor.name}")
        return kept

    def _kept(self, rule: Rule, changed: int, changed_by: str) -> KeptRule:
        return KeptRule(rule, CHANGED if rule.name in BY_NAME else OWN, changed, changed_by)


async def _nobody(_rule: KeptRule | None, _name: str, _why: str) -> None:
    """Nobody listens yet."""
