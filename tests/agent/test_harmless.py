"""What others say, on a terminal."""

from dvic_agent.harmless import harmless


def test_words_of_any_language_and_line_ends_stay():
    assert harmless("Gerät läuft\nденек") == "Gerät läuft\nденек"


def test_what_moves_a_terminal_does_not():
    assert harmless("\x1b[2J \x9b1m \r \x07 \u202e \0") == "?[2J ?1m ? ? ? ?"
