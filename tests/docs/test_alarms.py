"""docs/alarms.md is true: its tables are those of the code.

    python tests/docs/test_alarms.py      redraw them
"""

import re
from pathlib import Path

from dvic_hub.domain.alarm_defaults import DEFAULTS
from dvic_hub.domain.alarm_rules import KINDS, Setting

DOCUMENT = Path(__file__).parents[2] / "docs" / "alarms.md"


def shown(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"{value:,}"


def default_rules() -> list[str]:
    rows = ["| rule | severity | raised when | kind | settings |", "| --- | --- | --- | --- | --- |"]
    for rule in DEFAULTS:
        said = {name: value for name, value in rule.settings.items() if value not in ("", "*")}
        settings = ", ".join(f"{name} {shown(value)}" for name, value in said.items())
        rows.append(f"| `{rule.name}` | {rule.severity} | {rule.title} | {rule.kind} | {settings} |")
    return rows


def kinds() -> list[str]:
    rows = ["| kind | setting | default | what |", "| --- | --- | --- | --- |"]
    for kind in KINDS.values():
        selects = " It has a selector." if kind.of_nodes else ""
        rows.append(f"| `{kind.name}` | | | {kind.about}{selects} |")
        rows += [f"| | `{each.name}` | {default(each)} | {each.about} |" for each in kind.settings]
    return rows


def default(setting: Setting) -> str:
    if setting.default in (None, ""):
        return "must be given" if setting.needed else "none"
    return f"{shown(setting.default)} {setting.unit}".strip()


def redrawn(text: str) -> str:
    for name, rows in (("default rules", default_rules()), ("kinds of rules", kinds())):
        table = "\n".join([f"<!-- {name}: drawn by tests/docs/test_alarms.py -->", *rows, "<!-- end -->"])
        pattern = rf"<!-- {name}: drawn .*?<!-- end -->"
        assert re.search(pattern, text, re.S), f"the document has no place for {name}"
        text = re.sub(pattern, lambda _, table=table: table, text, flags=re.S)
    return text


def test_the_tables_drawn_from_the_code_are_current():
    assert DOCUMENT.read_text() == redrawn(DOCUMENT.read_text()), "run: python tests/docs/test_alarms.py"


if __name__ == "__main__":
    DOCUMENT.write_text(redrawn(DOCUMENT.read_text()))
