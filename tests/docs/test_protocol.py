"""docs/protocol.md is true: each message has an example that decodes, and the diagram is the code's table.

    python tests/docs/test_protocol.py      redraw the tables of states in the document
"""

import json
import re
from pathlib import Path

import pytest

from dvic_hub.domain import step_states
from dvic_hub.domain.cycles import COUNTED
from dvic_wire import codec, runs, updates
from dvic_wire.messages import KINDS
from dvic_wire.signing import Purpose
from dvic_wire.streams import GAP_REASONS, LEVELS

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
MARKS = {"<!-- drawn from the table by tests/docs/test_protocol.py -->\n```\n": runs.TRANSITIONS,
         "<!-- drawn from the table of updates by tests/docs/test_protocol.py -->\n```\n": updates.TRANSITIONS,
         "<!-- drawn from the table of steps by tests/docs/test_protocol.py -->\n```\n": step_states.TRANSITIONS}


def drawn(table: dict) -> str:
    """A table of states as text."""
    order = list(table)
    return "\n".join(f"{state:<12} -> {', '.join(sorted(to, key=order.index)) or '(end)'}"
                     for state, to in table.items()) + "\n"


def test_every_message_has_an_example_that_decodes():
    sections = re.findall(r"^#### (\w+)\n```json\n(.+?)\n```", DOCUMENT.read_text(), re.M | re.S)
    assert [name for name, _ in sections] == list(KINDS)
    for name, example in sections:
        assert codec.KIND_OF[type(codec.decode(example))] == name


def test_every_other_example_is_json():
    blocks = re.findall(r"```json\n(.+?)\n```", DOCUMENT.read_text(), re.S)
    for block in blocks:
        try:
            json.loads(block)
        except ValueError:
            for line in block.splitlines():
                json.loads(line)


@pytest.mark.parametrize("mark", MARKS)
def test_the_tables_of_states_are_the_code_s(mark):
    assert mark + drawn(MARKS[mark]) + "```" in DOCUMENT.read_text()


def test_purposes_levels_and_gap_reasons_are_all_named():
    text = DOCUMENT.read_text()
    for word in [*Purpose, *LEVELS, *GAP_REASONS, *COUNTED]:
        assert f"`{word}`" in text, word


if __name__ == "__main__":
    for line, table in MARKS.items():
        before, _, rest = DOCUMENT.read_text().partition(line)
        DOCUMENT.write_text(before + line + drawn(table) + rest[rest.index("```"):])
