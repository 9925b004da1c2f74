"""What people write of a monitoring service, as JSON or YAML: its components, what they depend on, which lines count.

    name: meteor_m2
    nodes: "tag:room=station"               # who may speak for it; without this every node
    components:
      - name: connect
      - name: decode                        # after the one before it, unless `after` says more
        sources: [msu-mr, mtvza]            # once for each; `repeat: true`: for whichever come
        expected: 600                       # seconds; then it is overdue, after `grace` more
      - name: archive
        after: [decode]
    rules:                                  # lines of programs that don't use dvic_log
      - {component: connect, match: "^carrier locked", step: start, file: "rx.log*"}
    schedule: {every: 5400, within: 600}    # or cron, or calendar (domain/schedule.py)

Pure. Whatever is wrong raises BadRequest that names the field (`components[1].after`).
"""

import re
from typing import Annotated, Literal

import msgspec
import yaml

from dvic_hub.errors import BadRequest
from dvic_wire import selectors
from dvic_wire.errors import WireError
from dvic_wire.limits import MAX_SELECTOR
from dvic_wire.streams import LEVELS

from .line_patterns import MAX_PATTERN, Pattern
from .schedule import Schedule, problem
from .step_states import SAID

MAX_DESCRIPTION_BYTES = 64 * 1024
"""Bytes of a service's description."""

MAX_DESCRIPTION_DEPTH = 8
"""Nesting of lists and mappings in a description."""

MAX_COMPONENTS = 100
"""Components of one service."""

MAX_COMPONENT_SOURCES = 50
"""Sources for which one component is repeated in a cycle."""

MAX_RULES = 100
"""Rules for plain lines of one service."""

MAX_EXPECTED = 7 * 86400
"""Seconds that a component may be expected to take, and of its grace."""

MAX_GIVE_UP = 30 * 86400
"""Seconds without an event after which a cycle can be given up at the latest."""

MAX_SETTLE = 3600
"""Seconds for which a cycle that went wrong may be kept open for another try."""

PART_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$(?!\n)"
"""Pattern of the names of services and components: they stand in addresses. ($ alone is also before a last newline.)"""

PartName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=PART_NAME)]
SourceName = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Title = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^\x00-\x1f]*$")]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=MAX_EXPECTED)]

_AT = re.compile(r" - at `\$\.?([^`]*)`")


class Component(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A step of each cycle. `after`: components that have to end first; without it the one before, empty: none.
    `sources`: repeated for each of these, `repeat`: for whichever come. After `expected` and `grace` more seconds it is
    overdue, counted from when it could begin and anew from when it began."""

    name: PartName
    title: Title = ""
    after: Annotated[tuple[PartName, ...], msgspec.Meta(max_length=MAX_COMPONENTS)] | None = None
    sources: Annotated[tuple[SourceName, ...], msgspec.Meta(max_length=MAX_COMPONENT_SOURCES)] = ()
    repeat: bool = False
    expected: Seconds = 3600
    grace: Seconds = 60


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Plain log lines that stand for events of a component. `match`: a regular expression (RE2); its groups named
    `cycle` and `source` say which. `file`: a glob of the log's source. `step`: start, done, fail, skip; without it the
    line is a message. `level`: the one that it counts as, instead of its own."""

    component: PartName
    match: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PATTERN)]
    step: Literal[("", *SAID)] = ""
    file: Annotated[str, msgspec.Meta(max_length=200)] = ""
    level: Literal[("", *LEVELS)] = ""


class Description(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A monitoring service. `nodes`: a selector of those that may speak for it. `schedule`: when cycles are expected to
    begin. `by_messages`: a plain message alone begins a step and a cycle. `settle`: seconds for which a cycle with an
    error is open for another try. `give_up`: seconds without an event, after which an open cycle is ended as it is."""

    name: PartName
    components: Annotated[tuple[Component, ...], msgspec.Meta(min_length=1, max_length=MAX_COMPONENTS)]
    title: Title = ""
    nodes: Annotated[str, msgspec.Meta(max_length=MAX_SELECTOR)] = "all"
    rules: Annotated[tuple[Rule, ...], msgspec.Meta(max_length=MAX_RULES)] = ()
    schedule: Schedule | None = None
    by_messages: bool = False
    settle: Annotated[int, msgspec.Meta(ge=0, le=MAX_SETTLE)] = 10
    give_up: Annotated[int, msgspec.Meta(ge=60, le=MAX_GIVE_UP)] = 86400

    def befores(self) -> dict[str, tuple[str, ...]]:
        """Of each component those that it waits for, by name."""
        found, before = {}, ()
        for component in self.components:
            found[component.name] = before if component.after is None else component.after
            before = (component.name,)
        return found


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(data: bytes) -> Description:
    """A description from JSON or YAML, checked. Raises BadRequest."""
    if len(data) > MAX_DESCRIPTION_BYTES:
        raise BadRequest(f"a description may have {MAX_DESCRIPTION_BYTES} bytes", code="limit",
                         limit=MAX_DESCRIPTION_BYTES)
    try:
        text = data.decode()
        _check_shape(text)
        value = yaml.load(text, _LOADER)  # noqa: S506 (a safe loader; JSON is YAML too)
    except UnicodeDecodeError:
        raise BadRequest("the description is not UTF-8", code="malformed") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        said = getattr(error, "problem", "") or getattr(error, "context", "") or "unreadable"
        raise BadRequest(f"the description is neither JSON nor YAML: {said}{where}", code="malformed") from None
    except ValueError as error:  # a date that no calendar has
        raise BadRequest(f"the description can't be read: {error}", code="malformed") from None
    return checked(value)


def checked(value: object) -> Description:
    """A description from what JSON or YAML held. Raises BadRequest."""
    try:
        made = msgspec.convert(value, Description)
    except msgspec.ValidationError as error:
        raise _refusal(error) from None
    _check_components(made)
    _check_rules(made)
    if made.schedule and (wrong := problem(made.schedule)):
        raise BadRequest(wrong, field="schedule")
    try:
        selectors.parse(made.nodes)
    except WireError as error:
        raise BadRequest(f"nodes is no selector: {error}", field="nodes") from None
    return made


def _check_shape(text: str) -> None:
    """Before anything is made of it: a few bytes of aliases stand for more than any memory holds, and libyaml dies of
    what is nested too deep."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise BadRequest("aliases are not read in a description", code="malformed")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DESCRIPTION_DEPTH:
            raise BadRequest(f"a description is nested at most {MAX_DESCRIPTION_DEPTH} deep", code="limit",
                             limit=MAX_DESCRIPTION_DEPTH)


def _check_components(made: Description) -> None:
    names = [component.name for component in made.components]
    for index, component in enumerate(made.components):
        place = f"components[{index}]"
        if names.index(component.name) != index:
            raise BadRequest(f"there are two components {component.name}", field=f"{place}.name")
        if component.sources and component.repeat:
            raise BadRequest(f"{component.name} has either sources or repeat", field=f"{place}.repeat")
        if len(set(component.sources)) != len(component.sources):
            raise BadRequest(f"{component.name} names a source twice", field=f"{place}.sources")
        for other in component.after or ():
            if other not in names:
                raise BadRequest(f"{component.name} comes after {other}, and there is no such component",
                                 field=f"{place}.after")
    befores, done = made.befores(), set()
    while ready := {name for name in names if name not in done and set(befores[name]) <= done}:
        done |= ready
    if len(done) < len(names):
        stuck = [name for name in names if name not in done]
        raise BadRequest(f"these components wait for one another: {', '.join(stuck)}",
                         field=f"components[{names.index(stuck[0])}].after")


def _check_rules(made: Description) -> None:
    names = {component.name for component in made.components}
    for index, rule in enumerate(made.rules):
        if rule.component not in names:
            raise BadRequest(f"there is no component {rule.component}", field=f"rules[{index}].component")
        try:
            Pattern(rule.match)
        except ValueError as error:
            raise BadRequest(f"rules[{index}].match is no regular expression (RE2): {error}",
                             field=f"rules[{index}].match") from None


def _refusal(error: msgspec.ValidationError) -> BadRequest:
    text = str(error)
    found = _AT.search(text)
    field = found.group(1) if found else ""
    return BadRequest(f"{_AT.sub('', text)}{f' in {field}' if field else ''}", field=field)
