"""What the hub answers to commands by Telegram, in words: plain text of a bounded length. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from .alarm_model import RAISED, SEVERITIES, Alarm
from .liveness import STATES, NodeView
from .model import Silence
from .notice_text import harmless

MAX_LINES = 30
"""Nodes or alarms that one answer lists; of the others it says how many there are."""

_SECOND = 1_000_000
_WORST_FIRST = ("silent", "late", "never", "online", "revoked")


def status(counts: Mapping[str, int], alarms: Sequence[Alarm], silences: Sequence[Silence], off: Sequence[str],
           now: float) -> str:
    """`counts`: nodes in each state; `off`: services that are switched off."""
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts.get(state))
    parts = [f"{_count(sum(counts.values()), 'node')}: {states}" if states else "There are no nodes yet.",
             alarm_list(alarms, now) if alarms else "No alarm is open."]
    if silences:
        parts.append("Silenced: " + "; ".join(
            f"{harmless(one.selector, 60)} for {spelled(one.until / _SECOND - now)}" for one in silences[:10]))
    if off:
        parts.append("Switched off: " + ", ".join(harmless(name, 64) for name in off[:10]))
    return "\n\n".join(parts)


def alarm_list(alarms: Iterable[Alarm], now: float) -> str:
    """Open alarms, those first that somebody has to look at."""
    found = sorted(alarms, key=lambda one: (one.state != RAISED or one.silenced, -SEVERITIES.index(one.severity),
                                            -one.raised))
    lines = [_alarm(one, now) for one in found[:MAX_LINES]]
    return "\n".join([f"{_count(len(found), 'alarm')} open:", *lines, *_more(len(found))])


def node_list(views: Iterable[NodeView], silenced: Mapping[str, Silence], selector: str, now: float) -> str:
    """`silenced`: by a node's id, the silence that counts for it."""
    found = sorted(views, key=lambda view: (_WORST_FIRST.index(view.state), view.name.lower()))
    if not found:
        return f"No node is named by {harmless(selector, 200)}."
    return "\n".join([f"{_count(len(found), 'node')}:",
                      *(_node(view, silenced.get(view.id), now) for view in found[:MAX_LINES]), *_more(len(found))])


def acknowledged(alarms: Sequence[Alarm], by: str) -> str:
    lines = [f"{harmless(one.summary, 200)}" for one in alarms[:MAX_LINES]]
    return "\n".join([f"Acknowledged by {by}:", *lines, *_more(len(alarms))])


def too_old(texts: Sequence[str], age: float) -> str:
    """About commands that came too late."""
    named = ", ".join(harmless(text, 60) for text in texts[:5])
    return (f"Not carried out, as it comes {spelled(age)} late: {named}{' ...' if len(texts) > 5 else ''}\n"
            "Send it again if it is still wanted.")


def spelled(seconds: float) -> str:
    """A span in at most two units: 40s, 5m, 2h, 1d3h."""
    whole = max(0, int(seconds))
    for size, unit, part_size, part in ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 60, "")):
        if whole >= size:
            count, rest = divmod(whole, size)
            return f"{count}{unit}" + (f"{rest // part_size}{part}" if rest >= part_size else "")
    return f"{whole}s"


def _alarm(alarm: Alarm, now: float) -> str:
    state = f", acknowledged by {harmless(alarm.acknowledged_by, 64)}" if alarm.acknowledged else ""
    state += ", silenced" if alarm.silenced else ""
    return (f"[{alarm.severity}] {harmless(alarm.summary, 200)} ({spelled(now - alarm.raised / _SECOND)}{state})\n"
            f"    {alarm.id}")


def _node(view: NodeView, silence: Silence | None, now: float) -> str:
    seen = view.node.last_seen
    parts = [f"{view.name}: {view.state}"]
    if seen and view.state in ("silent", "late"):
        parts.append(f"last heard {spelled(now - seen / _SECOND)} ago")
    if silence is not None:
        parts.append(f"silenced for {spelled(silence.until / _SECOND - now)}")
    return ", ".join(parts)


def _more(count: int) -> list[str]:
    return [f"\u2026 and {count - MAX_LINES} more"] if count > MAX_LINES else []


def _count(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
