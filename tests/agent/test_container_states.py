"""Which containers there are, by the kernel's word and their engines': what is told, and when it is forgotten."""

from dataclasses import replace

from dvic_agent.sources.container_states import GONE, KEPT, MAX_ENDED, MAX_STATES, SLACK, ContainerStates
from dvic_agent.sources.engine_answers import ENDED, PAUSED, RESTARTING, RUNNING, Told
from dvic_agent.sources.namespaces import Home

S = 1_000_000
NOW = 1_795_000_000 * S
ID, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
HOME = Home("docker", ID, f"docker-{ID}.scope")
WEB = Told(ID, "docker", "web", "nginx:1", RUNNING, None, NOW - 5 * S)
JOB = replace(WEB, state=ENDED, exit_code=3, since=NOW - S)


class Watched:
    """States, and a clock that moves on by a second with each look."""

    def __init__(self) -> None:
        self.states = ContainerStates()
        self.seconds = 0.0

    def look(self, seen=None, told=(), buried=(), fresh=True, after: float = 1.0) -> list[tuple]:
        """State, exit code (None: not told) and name of what changed."""
        self.seconds += after
        changed = self.states.compare(seen, [(one, fresh) for one in told], buried, NOW + int(self.seconds * S),
                                      self.seconds)
        return [(one["state"], one.get("exit_code"), one.get("name", "")) for one in changed]


def test_without_an_engine_a_container_runs_while_it_has_processes_and_its_code_is_not_known():
    it = Watched()

    assert it.look({HOME: NOW}) == [(RUNNING, None, "")]
    assert it.look({HOME: NOW}) == []
    assert it.states.all() == [{"id": ID, "engine": "docker", "state": RUNNING, "since": NOW, "unit": HOME.unit}]
    assert it.look({}) == [(ENDED, None, "")]
    assert it.look({}) == []
    assert it.look({HOME: NOW + 60 * S}) == [(RUNNING, None, "")], "it was started again"
    assert it.look({}) and it.look({}, after=KEPT - 2) == []
    assert it.look({}, after=3) == [(GONE, None, "")]
    assert it.states.all() == []


def test_a_service_with_a_tmp_of_its_own_is_no_container():
    assert Watched().look({Home(unit="daq.service"): NOW, Home(): NOW}) == []


def test_a_beginning_that_is_counted_coarsely_is_no_new_one_and_a_later_one_is():
    it = Watched()
    it.look({HOME: NOW})

    assert it.look({HOME: NOW + SLACK // 2}) == []
    assert it.look({HOME: 0}) == []
    assert it.look({HOME: NOW + 2 * SLACK}) == [(RUNNING, None, "")]
    assert it.states.all()[0]["since"] == NOW + 2 * SLACK


def test_the_engine_tells_name_image_and_exit_code_and_the_kernel_the_unit():
    it = Watched()

    assert it.look({HOME: NOW}, [WEB]) == [(RUNNING, None, "web")]
    assert it.states.all() == [{"id": ID, "engine": "docker", "state": RUNNING, "since": WEB.since, "name": "web",
                                "image": "nginx:1", "unit": HOME.unit}]
    assert it.look({HOME: NOW}, [replace(WEB, state=PAUSED)]) == [(PAUSED, None, "web")]
    assert it.look({}, [replace(WEB, state=RESTARTING, exit_code=1)]) == [(RESTARTING, 1, "web")]
    assert it.look({}, [JOB]) == [(ENDED, 3, "web")]
    assert it.states.all()[0]["unit"] == HOME.unit
    assert it.look({}, [JOB], after=10 * KEPT) == [], "it is in the engine's list as long as it is not removed"
    assert it.look({}, [WEB]) == [(RUNNING, None, "web")], "and its old code is not told of the new start"


def test_a_removed_one_keeps_its_code_and_name_for_a_while():
    it = Watched()
    it.look({HOME: NOW}, [WEB])

    assert it.look({HOME: NOW}, [], [JOB]) == [(ENDED, 3, "web")], "the kernel may show its processes for a moment"
    assert it.look({HOME: NOW}, []) == []
    assert it.look({}, []) == []
    assert it.look({}, [], after=KEPT) == [(GONE, 3, "web")]


def test_one_that_nobody_saw_run_is_told_by_its_last_word():
    it = Watched()

    assert it.look({}, [], [JOB]) == [(ENDED, 3, "web")]
    assert it.look({}, []) == []


def test_a_last_word_that_comes_before_the_list_knows_is_not_lost():
    it = Watched()
    it.look(None, [WEB])

    assert it.look(None, [WEB], [JOB]) == []
    assert it.look(None, []) == [(ENDED, 3, "web")]


def test_when_the_engine_is_out_of_reach_the_kernel_says_what_runs_and_names_stay():
    it = Watched()
    other = replace(WEB, id=OTHER, name="other")
    it.look({HOME: NOW}, [WEB, other])

    assert it.look({HOME: WEB.since + S}, [WEB, other], fresh=False) == [(ENDED, None, "other")]
    assert it.look({}, [WEB, other], fresh=False) == [(ENDED, None, "web")]
    assert it.look({}, [JOB, other]) == [(ENDED, 3, "web"), (RUNNING, None, "other")], "it is back"


def test_where_the_kernel_is_not_asked_the_engines_old_word_stands():
    it = Watched()
    it.look(None, [WEB])

    assert it.look(None, [WEB], fresh=False) == []


def test_all_that_has_ended_is_bounded_and_the_oldest_give_way():
    it = Watched()
    homes = {Home("lxc", str(number)): NOW for number in range(MAX_STATES + 5)}

    assert len(it.look(homes)) == MAX_STATES
    changed = it.look({})
    assert [state for state, *_ in changed].count(GONE) == MAX_STATES - MAX_ENDED
    assert len(it.states.all()) == MAX_ENDED


def test_containers_of_two_engines_may_have_one_name_but_a_long_id_is_one_container():
    it = Watched()

    assert len(it.look({Home("lxc", "web"): NOW, Home("nspawn", "web"): NOW})) == 2
    it.look({Home("containerd", ID): NOW})
    assert [one["engine"] for one in it.states.all() if one["id"] == ID] == ["containerd"]
    it.look({Home("containerd", ID): NOW}, [WEB])
    assert [one["engine"] for one in it.states.all() if one["id"] == ID] == ["docker"]
