"""Regular expressions of people on lines of programs: RE2, whose time grows with the line and never explodes. Pure."""

import re2

MAX_PATTERN = 500
"""Characters of a regular expression."""

MAX_MATCHED = 1000
"""Characters of a line that a regular expression looks at."""

MAX_PATTERN_BYTES = 1024 * 1024
"""Bytes that one compiled regular expression may take."""


def _options() -> "re2.Options":
    made = re2.Options()
    made.max_mem = MAX_PATTERN_BYTES
    made.log_errors = False
    return made


class Pattern:
    """One compiled expression. Raises ValueError that says what is wrong with it."""

    def __init__(self, text: str) -> None:
        try:
            self._compiled = re2.compile(text, _options())
        except re2.error as error:
            said = error.args[0] if error.args else "unreadable"
            raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None

    def match(self, line: str) -> dict[str, str] | None:
        """The named groups of the first match anywhere in the line's beginning; None when there is none."""
        found = self._compiled.search(line[:MAX_MATCHED])
        return {name: text or "" for name, text in found.groupdict().items()} if found else None
