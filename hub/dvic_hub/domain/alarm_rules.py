"""Rules that raise alarms, as data: a kind from KINDS with its settings, what it is about, and how bad it is. Pure.

    {"name": "lab-hot", "kind": "metric", "severity": "critical", "selector": "tag:room=lab",
     "settings": {"metric": "temp.*", "above": 85, "clear": 75, "seconds": 120}}

Rules are made complete when they are read: a setting that is not given has its kind's default, and one that the kind
does not know is refused with those that it knows. `alarm_defaults` has the rules that every hub begins with.
"""

import math
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal

import msgspec

from dvic_hub.errors import BadRequest
from dvic_wire import selectors
from dvic_wire.errors import WireError
from dvic_wire.limits import MAX_SELECTOR
from dvic_wire.streams import LEVELS

from .alarm_model import SEVERITIES, WARNING
from .line_patterns import MAX_PATTERN, Pattern
from .service_description import PartName, Title
from .silences import looks_at_states

MAX_ALARM_RULES = 200
"""Rules of one hub, with those that it begins with."""

MAX_RULE_GLOB = 200
"""Characters of a glob in a rule."""

MAX_RULE_SECONDS = 7 * 86_400
"""Seconds that a rule may wait, or look back."""

MAX_RULE_COUNT = 10_000
"""Records or restarts that a rule may count up to."""

Value = float | str
Settings = Annotated[dict[
    Annotated[str, msgspec.Meta(max_length=64)],
    Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)] | Annotated[str, msgspec.Meta(max_length=MAX_PATTERN)] | None,
], msgspec.Meta(max_length=20)]


@dataclass(frozen=True)
class Setting:
    """Of a kind of rule. `form`: number, whole, glob, pattern or level. `default` None: may be left out, or must be
    given where it is `needed`. Numbers lie between `least` and `most`."""

    name: str
    form: str
    unit: str
    about: str
    default: Value | None = None
    needed: bool = False
    least: float = -math.inf
    most: float = math.inf


@dataclass(frozen=True)
class RuleKind:
    """`of_nodes`: it is about nodes, and a selector says which."""

    name: str
    about: str
    settings: tuple[Setting, ...]
    of_nodes: bool = False

    def setting(self, name: str) -> Setting | None:
        return next((each for each in self.settings if each.name == name), None)


def _seconds(default: int, about: str) -> Setting:
    return Setting("seconds", "whole", "s", about, default, least=0, most=MAX_RULE_SECONDS)


def _window(default: int, about: str) -> Setting:
    return Setting("window", "whole", "s", about, default, least=10, most=MAX_RULE_SECONDS)


def _count(default: int, about: str) -> Setting:
    return Setting("count", "whole", "", about, default, least=1, most=MAX_RULE_COUNT)


def _glob(name: str, default: str, about: str) -> Setting:
    return Setting(name, "glob", "", about, default)


def _above(about: str, default: float | None = None, least: float = 0) -> tuple[Setting, Setting]:
    return (Setting("above", "number", "", about, default, needed=default is None, least=least, most=1e9),
            Setting("clear", "number", "", "Cleared when it is no more than this; without it, at the bound.", least=0,
                    most=1e9))


def _of_objects(entries: int, *settings: Setting) -> tuple[Setting, ...]:
    return (_glob("package", "*", "Packages of these names, or with this id."),
            _glob("object", "*", "Of their histograms, these."), *settings,
            Setting("entries", "number", "", "Only with so many (effective) entries in its bins.", entries, least=0,
                    most=1e15), _seconds(0, "How long it must be so without a break."))


_REFERENCE = _glob("reference", "*", "Compared with the newest reference of such a name.")
_BINS = (Setting("first", "whole", "", "From this bin of x, counted from 1.", 1, least=1, most=1_000_000),
         Setting("last", "whole", "", "To this bin of x; without it, the last.", least=1, most=1_000_000))

_STEPS = (_glob("service", "*", "Of these services."), _glob("component", "*", "Of these components."))
_SEEN = _window(86_400, "Cleared after so long, or as soon as somebody acknowledges it.")

_KINDS = (
    RuleKind("node-silent", "A node, machine or device, is silent: three of its promised keepalives did not come.", (
        _seconds(15, "How long it must be silent by then."),), of_nodes=True),
    RuleKind("host-silent", "A host that sends unsigned heartbeats (`Thump!`) is silent.", (
        _glob("address", "*", "Hosts with these addresses."), _seconds(0, "How long it must be silent by then."))),
    RuleKind("metric", "A measurement is above or below a bound for a time.", (
        Setting("metric", "glob", "", "Which measurements, such as `cpu.total` or `disk.*.percent`.", needed=True),
        Setting("above", "number", "", "Raised when it is more."), Setting("below", "number", "", "Raised when it is "
                                                                           "less."),
        Setting("clear", "number", "", "Cleared when it is back there; without it, at the bound."),
        _seconds(300, "How long it must be so without a break.")), of_nodes=True),
    RuleKind("disk-full", "A disk will be full soon if it goes on as in the last hours.", (
        _glob("metric", "disk.*.percent", "Which disks."),
        Setting("days", "number", "days", "Raised when it is full within so long; cleared beyond twice that.", 3,
                least=0.1, most=60),
        Setting("above", "number", "%", "Only where it is filled by so much already.", 50, least=0, most=100)),
        of_nodes=True),
    RuleKind("log", "Many log records of a level, or with a text, within a time.", (
        Setting("level", "level", "", "This level and worse; empty: any.", ""),
        Setting("pattern", "pattern", "", "A regular expression (RE2) that the message matches; empty: any.", ""),
        _glob("source", "*", "From these files or streams."), _glob("unit", "*", "Of these systemd units."),
        _count(1, "Raised when there are so many of one node."),
        _window(300, "Within so long; cleared after as long without so many.")), of_nodes=True),
    RuleKind("demo-ended", "A program behind a log file, or a container, has ended and none of its name goes on.", (
        _glob("demo", "*", "Programs of these names."), _seconds(60, "How long it must be gone."),
        Setting("lived", "whole", "s", "Only one that ran for so long before.", 600, least=0, most=MAX_RULE_SECONDS)),
        of_nodes=True),
    RuleKind("demo-restarts", "A program behind a log file, or a container, is started again and again.", (
        _glob("demo", "*", "Programs of these names."), _count(3, "Raised at so many restarts."),
        _window(600, "Within so long; cleared after as long without so many.")), of_nodes=True),
    RuleKind("step-error", "A step of a service's cycle ended in an error; cleared when it is ok again.", _STEPS),
    RuleKind("step-overdue", "A step of a service's cycle is overdue, or has not begun when it was expected.", _STEPS),
    RuleKind("run-failed", "A command that was run on nodes failed on some of them.", (_SEEN,)),
    RuleKind("update-rolled-back", "A node's update was rolled back or failed; cleared when one succeeds.", (_SEEN,),
             of_nodes=True),
    RuleKind("certificate", "The TLS certificate at the hub's own address ends soon, or is refused.", (
        Setting("days", "number", "days", "Raised when it ends within so long.", 14, least=0.1, most=3650),)),
    RuleKind("hub-disk", "The disk with the hub's database is nearly full, or takes nothing any more.", (
        Setting("above", "number", "%", "Raised when more of it is used.", 90, least=1, most=100),
        Setting("clear", "number", "%", "Cleared when no more of it is used.", 85, least=0, most=100))),
    RuleKind("package-stopped", "A histogram package that was updated regularly is not any more.", (
        _glob("package", "*", "Packages of these names, or with this id."),
        _seconds(120, "How long no update must have come, and five times the usual pause at least.")), of_nodes=True),
    RuleKind("package-mean", "The mean of a 1-D histogram, a profile or a graph is out of a range.", _of_objects(
        1, Setting("minimum", "number", "", "Raised when it is less."),
        Setting("maximum", "number", "", "Raised when it is more."),
        Setting("margin", "number", "", "Cleared when it is so far inside.", 0, least=0)), of_nodes=True),
    RuleKind("package-empty-bin", "A bin of a histogram is empty that must not be.", _of_objects(100, *_BINS),
             of_nodes=True),
    RuleKind("package-hot-bin", "A bin of a histogram holds many times what its others do.", _of_objects(
        100, *_above("Raised when it holds more than so many times their median.", 10, least=1)), of_nodes=True),
    RuleKind("package-chi2", "Chi-squared per degree of freedom between a histogram and its reference.", _of_objects(
        100, _REFERENCE, *_above("Raised when it is more.", 3)), of_nodes=True),
    RuleKind("package-kolmogorov", "The Kolmogorov distance between a 1-D histogram and its reference, 0 to 1.",
             _of_objects(100, _REFERENCE, *_above("Raised when it is more.", 0.1)), of_nodes=True),
)

KINDS = {kind.name: kind for kind in _KINDS}
"""Every kind of rule by its name."""

KindName = Literal[tuple(KINDS)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """`selector`: which nodes, of kinds that are about nodes. `settings`: by their names, as KINDS knows them."""

    name: PartName
    kind: KindName
    severity: Literal[SEVERITIES] = WARNING
    on: bool = True
    title: Title = ""
    selector: Annotated[str, msgspec.Meta(max_length=MAX_SELECTOR)] = "all"
    settings: Settings = {}

    def text(self, name: str) -> str:
        return str(self.settings.get(name) or "")

    def number(self, name: str) -> float | None:
        value = self.settings.get(name)
        return None if value is None else float(value)


def written(rule: Rule) -> str:
    return msgspec.json.encode(rule).decode()


_DECODER = msgspec.json.Decoder(Rule)


def read(body: str) -> Rule:
    """What `written` wrote, checked anew: another version of the hub may have written it. Raises BadRequest."""
    try:
        return checked(_DECODER.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(f"the rule can't be read: {error}", code="malformed") from None


def checked(rule: Rule) -> Rule:
    """The rule with all its settings; raises BadRequest that names the field."""
    kind = KINDS[rule.kind]
    for name in rule.settings:
        if kind.setting(name) is None:
            known = [each.name for each in kind.settings]
            near = get_close_matches(name, known, 1)
            raise BadRequest(f"a rule of kind {rule.kind} has no setting {name[:64]!r}: "
                             + (f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"),
                             field=f"settings.{name[:64]}")
    settings = {each.name: _value(each, rule.settings.get(each.name)) for each in kind.settings}
    settings = {name: value for name, value in settings.items() if value is not None}
    _check_bounds(rule.kind, settings)
    if not kind.of_nodes and rule.selector != "all":
        raise BadRequest(f"a rule of kind {rule.kind} is about no node: it has no selector", field="selector")
    try:
        selector = selectors.parse(rule.selector)
    except WireError as error:
        raise BadRequest(f"the selector can't be read: {error}", field="selector") from None
    if looks_at_states(selector):
        raise BadRequest("a rule names nodes by name, tag or os: states come and go", field="selector")
    return msgspec.structs.replace(rule, settings=settings)


def _value(setting: Setting, value: Value | None) -> Value | None:
    field = f"settings.{setting.name}"
    if value is None:
        if setting.needed:
            raise BadRequest(f"{setting.name} is needed: {setting.about}", field=field)
        return setting.default
    if setting.form in ("number", "whole"):
        return _number(setting, value, field)
    if not isinstance(value, str) or any(letter < " " for letter in value):
        raise BadRequest(f"{setting.name} must be a text of one line", field=field)
    if setting.form == "level" and value not in ("", *LEVELS):
        raise BadRequest(f"{setting.name} is one of {', '.join(LEVELS)}", field=field)
    most = MAX_PATTERN if setting.form == "pattern" else MAX_RULE_GLOB
    if len(value) > most:
        raise BadRequest(f"{setting.name} has at most {most} characters", field=field, limit=most)
    if setting.form == "pattern" and value:
        try:
            Pattern(value)
        except ValueError as error:
            raise BadRequest(f"{setting.name} is no regular expression (RE2): {error}", field=field) from None
    if setting.form == "glob" and not value:
        return setting.default if setting.default else _value(setting, None)
    return value


def _number(setting: Setting, value: Value, field: str) -> float:
    if isinstance(value, str) or not math.isfinite(value) or (setting.form == "whole" and value != int(value)):
        raise BadRequest(f"{setting.name} must be a {'whole ' * (setting.form == 'whole')}number", field=field)
    if not setting.least <= value <= setting.most:
        raise BadRequest(f"{setting.name} is {setting.least:g} to {setting.most:g} {setting.unit}".rstrip(),
                         field=field, limit=setting.most if value > setting.most else setting.least)
    return int(value) if value == int(value) else value


def _check_bounds(kind: str, settings: dict[str, Value]) -> None:
    above, below, clear = (settings.get(name) for name in ("above", "below", "clear"))
    if kind == "metric" and (above is None) == (below is None):
        raise BadRequest("a rule of kind metric has either above or below", field="settings.above")
    if clear is not None and above is not None and clear > above:
        raise BadRequest("clear must not be more than above: it could never be cleared", field="settings.clear")
    if clear is not None and below is not None and clear < below:
        raise BadRequest("clear must not be less than below: it could never be cleared", field="settings.clear")
    low, high = settings.get("minimum"), settings.get("maximum")
    if kind == "package-mean":
        if low is None and high is None:
            raise BadRequest("a rule of kind package-mean has a minimum, a maximum or both", field="settings.minimum")
        if low is not None and high is not None and low + 2 * settings["margin"] > high:
            raise BadRequest("minimum and maximum leave no room, with the margin: it could never be cleared",
                             field="settings.minimum")
    if settings.get("last") is not None and settings["last"] < settings["first"]:
        raise BadRequest("last must not be less than first", field="settings.last")
    if kind == "log" and not settings["level"] and not settings["pattern"]:
        raise BadRequest("a rule of kind log has a level or a pattern: else every record would count",
                         field="settings.level")
