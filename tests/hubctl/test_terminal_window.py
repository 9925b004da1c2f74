"""What is typed at our own terminal: keys for the node, and the escapes."""

import pytest

from hubctl.terminal_window import DETACH, HELP, LEAVE, Escapes


def parts(*typed):
    escapes = Escapes()
    return [part for data in typed for part in escapes.take(data)]


@pytest.mark.parametrize(("typed", "expected"), [
    ([b"ls\r"], [b"ls\r"]),
    ([b"~."], [LEAVE]),
    ([b"~", b"."], [LEAVE]),
    ([b"ls\r~."], [b"ls\r", LEAVE]),
    ([b"ls\r", b"~d"], [b"ls\r", DETACH]),
    ([b"~?~."], [HELP, LEAVE]),
    ([b"a~."], [b"a~."]),
    ([b"~~"], [b"~"]),
    ([b"~~."], [b"~."]),
    ([b"~x"], [b"~x"]),
    ([b"\n~\r~."], [b"\n~\r", LEAVE]),
    ([b"cd ~/x\r"], [b"cd ~/x\r"]),
    ([bytes(range(32, 126))], [bytes(range(32, 126))]),
])
def test_escapes_count_at_the_beginning_of_a_line_only(typed, expected):
    assert parts(*typed) == expected
