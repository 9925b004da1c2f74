"""Texts from outside that must be shown as text wherever they turn up, and what they would do if they were not."""

HOSTILE = (
    "<script>document.title = 'taken'</script>",
    "\"><img src=x onerror=\"document.title = 'taken'\">",
    "javascript:document.title='taken'",
    "{{constructor.constructor('document.title=1')()}} ${7*7} %s%n",
    "\x1b[31mred\x1b[0m \x1b]0;taken\x07 \x1b[2J\x9b1A",
    "\u202etxt.exe \u2066mirror\u2069 \u200bnothing",
    "x" * 3000,
    "two\nlines\r\nand\ttabs",
)

PLAIN = ("\\x1b[31mred\\x1b[0m \\x1b]0;taken\\x07", "\\u202etxt.exe")
"""How those with control characters are shown."""


def is_untouched(page) -> bool:
    """Nothing of it was carried out."""
    return page.evaluate("!document.title.includes('taken') && !document.querySelector('main img, main script')")
