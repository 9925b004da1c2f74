"""docs/settings.md is true: it lists every setting and every limit with its unit and default, and nothing else.

    python tests/docs/test_settings.py      redraw the tables that come from the code
"""

import ast
import re
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path

import pytest

from dvic_agent.config import KEYS, AgentConfig
from dvic_agent.executor.policy import Limits, Policy
from dvic_hub.config import HubConfig

TOP = Path(__file__).parents[2]
DOCUMENT = TOP / "docs" / "settings.md"

LIMITS_OF = {
    "wire": [TOP / "wire" / "dvic_wire"], "agent": [TOP / "agent" / "dvic_agent"], "hub": [TOP / "hub" / "dvic_hub"],
    "push": [TOP / "push" / "dvic_push"], "hubctl": [TOP / "hub" / "hubctl"],
    "dvic_log": [TOP / "libraries" / "python" / "dvic_log"],
}
"""Where the limits of each part are; a limit is a public constant MAX_..., and all that wire/limits.py holds."""


def shown(value: object, unit: str = "") -> str:
    """A default as the document writes it."""
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return ", ".join(shown(item) for item in value)
    if isinstance(value, (int, float)):
        if "byte" in unit.lower() and value >= 1024 and value % 1024 == 0:
            return f"{value // 1024 ** 2} MiB" if value % 1024 ** 2 == 0 else f"{value // 1024} KiB"
        return f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return f"`{value}`"


def hub_table() -> list[str]:
    rows = ["| key | default | unit | bounds | what it does |", "| --- | --- | --- | --- | --- |"]
    for each in fields(HubConfig):
        about = each.metadata
        bounds = "" if about["least"] is None else f"{about['least']:,} to {about['most']:,}"
        rows.append(_row(f"`{each.name}`", shown(each.default, about["unit"]), about["unit"], bounds, about["about"]))
    return rows


def limits_table(part: str) -> list[str]:
    rows = ["| limit | value | module | what it bounds |", "| --- | --- | --- | --- |"]
    return rows + [_row(f"`{name}`", shown(value, about), module, about) for name, module, value, about in limits(part)]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def limits(part: str) -> list[tuple[str, str, object, str]]:
    """(name, module, value, docstring) of every limit of a part, by reading its source."""
    found = []
    for folder in LIMITS_OF[part]:
        for path in sorted(folder.rglob("*.py")):
            body = ast.parse(path.read_text()).body
            for statement, behind in zip_longest(body, body[1:]):
                for name, value in _constant(statement):
                    if name.startswith("MAX_") or path.name == "limits.py":
                        found.append((name, str(path.relative_to(folder).with_suffix("")), value, _docstring(behind)))
    return sorted(found)


def _constant(statement: ast.stmt) -> list[tuple[str, object]]:
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return []
    name = statement.targets[0].id
    if name.startswith("_") or not name.isupper():
        return []
    try:
        # arithmetic of plain numbers, such as 4 * 1024 * 1024
        return [(name, eval(compile(ast.Expression(statement.value), name, "eval"), {"__builtins__": {}}))]
    except NameError:
        return []  # made from another constant, which is listed itself


def _docstring(statement: ast.stmt | None) -> str:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return " ".join(str(statement.value.value).split())
    return ""


def drawn() -> dict[str, list[str]]:
    return {"hub.toml": hub_table(), **{f"limits of {part}": limits_table(part) for part in LIMITS_OF}}


def redrawn(text: str) -> str:
    for name, rows in drawn().items():
        table = "\n".join([f"<!-- {name}: drawn by tests/docs/test_settings.py -->", *rows, "<!-- end -->"])
        pattern = rf"<!-- {re.escape(name)}: drawn .*?<!-- end -->"
        assert re.search(pattern, text, re.S), f"the document has no place for {name}"
        text = re.sub(pattern, lambda _, table=table: table, text, flags=re.S)
    return text


def rows_below(heading: str) -> dict[str, list[str]]:
    """The rows of the tables in one section: name to cells."""
    section = DOCUMENT.read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_tables_drawn_from_the_code_are_current():
    assert DOCUMENT.read_text() == redrawn(DOCUMENT.read_text()), "run: python tests/docs/test_settings.py"


def test_agent_toml_lists_every_key_with_default_unit_and_bounds():
    default = AgentConfig()
    listed = rows_below("agent.toml")
    assert list(listed) == [key.name for key in KEYS]
    for key in KEYS:
        value, unit, bounds, about = listed[key.name]
        assert value == shown(getattr(default, key.setting), unit), key.name
        assert unit and about, f"{key.name} needs a unit and a sentence"
        wanted = f"{shown(key.least, unit)} to {shown(key.most, unit)}" if key.most else ", ".join(key.choices)
        assert bounds == wanted, key.name


def test_policy_toml_lists_every_key_with_its_default():
    default = {each.name: getattr(Policy(), each.name) for each in fields(Policy) if each.name != "limits"}
    default |= {f"limits.{each.name}": getattr(Limits(), each.name) for each in fields(Limits)}
    listed = rows_below("policy.toml")
    assert list(listed) == list(default)
    for name, value in default.items():
        assert listed[name][0] == shown(value, listed[name][1]), name


@pytest.mark.parametrize("part", LIMITS_OF)
def test_every_limit_says_what_it_bounds(part):
    assert [name for name, _, _, about in limits(part) if not about] == []


if __name__ == "__main__":
    DOCUMENT.write_text(redrawn(DOCUMENT.read_text()))
