"""A hub below a path of somebody else's site is purged: nginx goes on serving that site, whatever is left."""

from collections.abc import Iterator

import pytest
from machine import SUITES, Machine
from one_machine import INSTALL_SECONDS, files, install, people, shell

pytestmark = pytest.mark.machines

PLACE = ("/etc/nginx/conf.d/dvic-hub.conf", "/etc/nginx/snippets/dvic-hub.conf")

SITE = """server {
    listen 80;
    server_name www.example.org;
    location / { return 200 "somebody else"; }
    INCLUDE
}
"""


@pytest.fixture(scope="module", params=SUITES)
def machine(request) -> Iterator[Machine]:
    with Machine(request.param, more=("nginx",)) as booted:
        shell(booted, "rm /etc/nginx/sites-enabled/default && ln -s /srv/www.conf /etc/nginx/sites-enabled/www")
        yield booted


def restarted(machine: Machine) -> str:
    """What nginx, started anew, answers at a path of that somebody's own. (systemd counts starts, and refuses the sixth
    within ten seconds: on a quick machine that is soon reached.)"""
    shell(machine, "nginx -t -q && systemctl reset-failed nginx && systemctl restart nginx")
    return shell(machine, "curl -s http://127.0.0.1/")


def served(machine: Machine, include: str) -> str:
    """The same, when that somebody's site has this line."""
    machine.write("/srv/www.conf", SITE.replace("INCLUDE", include))
    return restarted(machine)


def set_up_below_a_path(machine: Machine, debs) -> None:
    install(machine, debs.hub)
    shell(machine, "dvic-hub setup --url https://www.example.org/dvic --non-interactive")


def purge(machine: Machine) -> str:
    """What it said on standard error. (apt shows it among the rest.)"""
    done = machine.run("dpkg", "--purge", "dvic-hub", timeout=INSTALL_SECONDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stderr


def test_nothing_is_left_where_no_site_includes_it(machine, debs):
    assert served(machine, "") == "somebody else"
    before, them = files(machine), people(machine)
    set_up_below_a_path(machine, debs)
    assert set(PLACE) <= files(machine)
    assert served(machine, "# include snippets/dvic-hub.conf;") == "somebody else"
    assert "snippets" not in purge(machine)
    assert files(machine) - before == set() and people(machine) == them
    assert shell(machine, "nginx -t -q && curl -s http://127.0.0.1/") == "somebody else"


def test_what_a_site_includes_is_left_and_it_is_said_what_to_take_out(machine, debs):
    assert served(machine, "") == "somebody else"
    before = files(machine)
    set_up_below_a_path(machine, debs)
    assert served(machine, "include snippets/dvic-hub.conf;") == "somebody else"

    said = purge(machine)
    assert "/srv/www.conf:5:    include snippets/dvic-hub.conf;" in said
    assert f"rm {' '.join(PLACE)}" in said
    assert files(machine) - before == set(PLACE)
    assert restarted(machine) == "somebody else"

    assert served(machine, "") == "somebody else"
    for line in said.splitlines():
        if line.startswith("    rm ") or line.startswith("    nginx "):
            shell(machine, line)
    assert files(machine) - before == set()
