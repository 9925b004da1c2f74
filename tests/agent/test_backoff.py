"""The waits between tries."""

from dvic_agent.backoff import LONGEST, MAX_ASKED, SHORTEST, STEADY, Backoff


def least(low: float, high: float) -> float:
    return low


def most(low: float, high: float) -> float:
    return high


def test_the_first_wait_is_at_least_half_a_second():
    assert Backoff(least).next() == SHORTEST


def test_waits_double_up_to_a_minute_and_never_pass_it():
    backoff = Backoff(most)
    waits = [backoff.next() for _ in range(12)]
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == LONGEST == max(waits)


def test_waits_differ_between_agents():
    waits = {round(Backoff().next(), 9) for _ in range(50)}
    assert len(waits) > 40
    assert all(SHORTEST <= wait <= 2 * SHORTEST for wait in waits)


def test_every_wait_stays_between_the_bounds():
    for _ in range(100):
        backoff = Backoff()
        assert all(SHORTEST <= backoff.next() <= LONGEST for _ in range(20))


def test_a_connection_that_stood_starts_the_row_anew():
    backoff = Backoff(most)
    for _ in range(8):
        backoff.next()
    assert backoff.next(stood=STEADY) == 1


def test_a_connection_that_broke_at_once_counts_as_a_failure():
    backoff = Backoff(most)
    backoff.next()
    assert backoff.next(stood=STEADY - 1) == 2


def test_a_hub_that_asks_for_a_wait_gets_it_and_some_jitter():
    assert Backoff(least).next(asked=60) == 60
    assert Backoff(most).next(asked=60) == 75


def test_no_hub_can_send_an_agent_away_for_a_day():
    assert Backoff(least).next(asked=86_400) == MAX_ASKED
