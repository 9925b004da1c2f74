"""Rules that raise alarms: what there are, what kinds there could be, and changing them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dvic_hub.api.doors import Doors
from dvic_hub.api.params import Time, page_of, show_time
from dvic_hub.api.route import Call
from dvic_hub.domain.alarm_model import SEVERITIES, WARNING
from dvic_hub.domain.alarm_rules import KINDS, KindName, Rule, RuleKind, Settings
from dvic_hub.domain.service_description import Title
from dvic_hub.errors import BadRequest
from dvic_hub.services.alarm_rules import KeptRule
from dvic_wire.limits import MAX_SELECTOR

MAX_UNJUDGED = 20
"""Histograms of which a rule's answer says why nothing can be said of them."""

Severity = Literal[SEVERITIES]
Nodes = Annotated[str, msgspec.Meta(max_length=MAX_SELECTOR)]


class RuleSettingItem(msgspec.Struct):
    """`form`: number, whole, glob, pattern or level. `default` null: it may be left out, or is `needed`."""

    name: str
    form: str
    unit: str
    about: str
    default: float | int | str | None
    needed: bool
    least: float | None
    most: float | None


class RuleKindItem(msgspec.Struct):
    """A kind of rule. `selects_nodes`: its rules have a selector."""

    kind: str
    about: str
    selects_nodes: bool
    settings: list[RuleSettingItem]


class RuleItem(msgspec.Struct):
    """`origin`: default (as every hub begins), changed, or own (people made it). `settings`: all that its kind has, by
    name. `open`: how many of its alarms are open. `unjudged`: of which histograms it can say nothing, each with why
    (no reference, too few entries), some of them."""

    name: str
    kind: str
    on: bool
    severity: str
    title: str
    selector: str
    settings: dict[str, float | int | str]
    origin: str
    changed: Time | None
    changed_by: str
    open: int
    unjudged: list[str]


class RuleList(msgspec.Struct):
    """By name. `kinds`: every kind that a rule can be of."""

    items: list[RuleItem]
    next: str
    kinds: list[RuleKindItem]


class WholeRule(msgspec.Struct, forbid_unknown_fields=True):
    """A rule; `settings` that are left out have the defaults of its kind."""

    kind: KindName
    on: bool = True
    severity: Severity = WARNING
    title: Title = ""
    selector: Nodes = "all"
    settings: Settings = {}


class RuleChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays; a setting that is null goes back to its default."""

    on: bool | UnsetType = UNSET
    severity: Severity | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    selector: Nodes | UnsetType = UNSET
    settings: Settings | UnsetType = UNSET


async def list_rules(doors: Doors, call: Call) -> RuleList:
    shown, following = page_of(doors.rules.all(), lambda kept: kept.rule.name, call.query)
    return RuleList([_item(doors, kept) for kept in shown], following, [_kind(kind) for kind in KINDS.values()])


async def show_one_rule(doors: Doors, call: Call) -> RuleItem:
    return _item(doors, doors.rules.get(call.path["rule"]))


async def put_rule(doors: Doors, call: Call) -> RuleItem:
    values = msgspec.structs.asdict(call.body)
    try:
        rule = msgspec.convert({"name": call.path["rule"], **values}, Rule)
    except msgspec.ValidationError:
        raise BadRequest("a rule's name is 1 to 64 letters, digits and . _ - and begins with a letter or digit",
                         field="rule") from None
    return _item(doors, await doors.rules.put(rule, call.actor))


async def change_rule(doors: Doors, call: Call) -> RuleItem:
    changes: dict[str, Any] = {name: value for name, value in msgspec.structs.asdict(call.body).items()
                               if value is not UNSET}
    return _item(doors, await doors.rules.change(call.path["rule"], changes, call.actor))


async def reset_rule(doors: Doors, call: Call) -> RuleItem:
    return _item(doors, await doors.rules.reset(call.path["rule"], call.actor))


async def remove_rule(doors: Doors, call: Call) -> None:
    await doors.rules.remove(call.path["rule"], call.actor)


def _item(doors: Doors, kept: KeptRule) -> RuleItem:
    rule = kept.rule
    return RuleItem(rule.name, rule.kind, rule.on, rule.severity, rule.title, rule.selector, dict(rule.settings),
                    kept.origin, show_time(kept.changed), kept.changed_by, len(doors.alarms.open(rule.name)),
                    doors.rules.unjudged(rule.name)[:MAX_UNJUDGED])


def _kind(kind: RuleKind) -> RuleKindItem:
    return RuleKindItem(kind.name, kind.about, kind.of_nodes, [
        RuleSettingItem(each.name, each.form, each.unit, each.about, each.default, each.needed,
                    _finite(each.least), _finite(each.most)) for each in kind.settings])


def _finite(bound: float) -> float | None:
    return None if abs(bound) == float("inf") else bound
