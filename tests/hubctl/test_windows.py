"""Times of the week as an operator writes them."""

import pytest

from hubctl.errors import Refused
from hubctl.verbs.windows import cron_of


def test_a_time_of_the_week_is_written_as_cron():
    assert cron_of("Sat,sun 2:05") == "5 2 * * 6,0"
    for wrong in ("someday 22:00", "sat 25:00", "sat 22:60", "sat", "22:00", "sat,; 22:00"):
        with pytest.raises(Refused, match="no time of the week"):
            cron_of(wrong)
