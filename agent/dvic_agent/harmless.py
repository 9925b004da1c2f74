"""Text of others, made safe to show: the agent may be taken over, and whoever answers a request may be anybody."""


def harmless(text: object) -> str:
    """The text with `?` for whatever could move a terminal: controls, escapes, marks that turn the direction of
    writing. Line ends stay."""
    return "".join(letter if letter.isprintable() or letter == "\n" else "?" for letter in str(text))
