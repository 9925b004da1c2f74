"""What a page tells people to type: the fenced blocks that it marks for tests, so that a page can fail.

A mark is a comment that readers don't see, right before the block:  <!-- story: hub -->
"""

import re
import shlex
from pathlib import Path

TOP = Path(__file__).parents[2]

_BLOCK = re.compile(r"<!-- story: (\S+) -->\n```sh\n(.*?)```", re.S)


def commands(page: str, mark: str, **changes: str) -> list[str]:
    """The lines of the block, comments cut off. `changes`: words of the page (their dots as underscores) and what they
    are on the test's machines. AssertionError when the page has no such block or lacks one of the words."""
    text = (TOP / page).read_text()
    found = dict(_BLOCK.findall(text))
    assert mark in found, f"{page} has no block marked {mark!r}, only {sorted(found)}"
    lines = [line.split("  #")[0].rstrip() for line in found[mark].splitlines() if line.strip()]
    for word, other in changes.items():
        word = word.replace("_", ".")
        assert word in found[mark], f"the block {mark!r} of {page} does not name {word}"
        lines = [line.replace(word, other) for line in lines]
    return [line for line in lines if shlex.split(line, comments=True)]
