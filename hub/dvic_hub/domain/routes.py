"""Routes: which alarms go to which channels. Pure.

- An alarm goes to every channel that any route which matches it names; each channel gets it once.
- A route matches by severity (that one and worse), service, rule and the node's selector. One that looks at nodes
  matches no alarm without one; one that names services none without a service.
- A route that names no channels means all that are on. A hub begins with two such routes, so that whoever adds a
  channel is told of what matters without any further step.
- `repeat`: what nobody acknowledges is told again after so long, as often as that. Of several the shortest counts.
- A service's own switches (e-mail, Telegram) take their channels away from what any route says.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from dvic_hub.errors import BadRequest
from dvic_wire import selectors
from dvic_wire.errors import WireError

from .alarm_model import CRITICAL, SEVERITIES, WARNING, Alarm
from .channels import Channel

MAX_ROUTES = 100
"""Routes of one hub."""

MIN_REPEAT = 300
"""Seconds after which an alarm is told again at the soonest."""

MAX_REPEAT = 7 * 86_400
"""Seconds after which an alarm is told again at the latest."""

MAX_NAMES = 50
"""Services, rules or channels that one route names."""


@dataclass(frozen=True)
class Route:
    """`services`, `rules`: globs, empty for any. `channels`: empty for all. `repeat`: seconds, 0 for never. `recovery`:
    whether it is told when the alarm is over."""

    name: str
    severity: str = WARNING
    selector: str = "all"
    services: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    repeat: int = 0
    recovery: bool = True
    enabled: bool = True
    changed: int = 0
    changed_by: str = ""


DEFAULT_ROUTES = (Route("everything"), Route("critical", severity=CRITICAL, repeat=4 * 3600))
"""What a new hub begins with: every channel gets warnings and worse; what is critical again every 4 h."""


@dataclass(frozen=True)
class Target:
    """A channel that gets an alarm. `repeat` in seconds."""

    channel: str
    repeat: int
    recovery: bool


def check_route(route: Route) -> Route:
    """Raises BadRequest that names what is wrong."""
    if route.severity not in SEVERITIES:
        raise BadRequest(f"severity is one of {', '.join(SEVERITIES)}", field="severity")
    if route.repeat and not MIN_REPEAT <= route.repeat <= MAX_REPEAT:
        raise BadRequest(f"repeat is 0, or {MIN_REPEAT} s to {MAX_REPEAT // 86_400} days", field="repeat",
                         limit=MAX_REPEAT)
    try:
        selectors.parse(route.selector)
    except WireError as error:
        raise BadRequest(f"selector: {error}", field="selector") from None
    for field in ("services", "rules", "channels"):
        if len(getattr(route, field)) > MAX_NAMES:
            raise BadRequest(f"{field}: at most {MAX_NAMES}", field=field, limit=MAX_NAMES)
    return route


def matches(route: Route, alarm: Alarm, on_node: Callable[[str, str], bool]) -> bool:
    """`on_node`: whether a selector names a node, by its id."""
    if not route.enabled or SEVERITIES.index(alarm.severity) < SEVERITIES.index(route.severity):
        return False
    if not _any_of(route.services, alarm.service) or not _any_of(route.rules, alarm.rule):
        return False
    return route.selector == "all" or (bool(alarm.node) and on_node(route.selector, alarm.node))


def targets(alarm: Alarm, routes: Iterable[Route], channels: Mapping[str, Channel],
            on_node: Callable[[str, str], bool], off: frozenset[str] = frozenset()) -> dict[str, Target]:
    """Who gets an alarm, by channel. `off`: the media that are switched off for its service."""
    found: dict[str, Target] = {}
    for route in routes:
        if not matches(route, alarm, on_node):
            continue
        for name in route.channels or channels:
            channel, known = channels.get(name), found.get(name)
            if channel is None or not channel.enabled or channel.medium in off:
                continue
            repeats = [each for each in (route.repeat, known.repeat if known else 0) if each]
            recovery = route.recovery or (known is not None and known.recovery)
            found[name] = Target(name, min(repeats, default=0), recovery)
    return found


def _any_of(globs: tuple[str, ...], text: str) -> bool:
    return not globs or any(fnmatchcase(text, glob) for glob in globs if text)
