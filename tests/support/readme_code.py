"""Code as a page shows it: tests run what people copy."""

import re


def blocks(page, language):
    """The fenced blocks of `language` in a Markdown page, as texts."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
