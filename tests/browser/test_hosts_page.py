"""Hosts with unsigned heartbeats in the page: who was heard, who fell silent, and that nothing proves it."""

import socket

import pytest
from axe import stumbles
from playwright.sync_api import expect
from rig import free_port, until

pytestmark = pytest.mark.browser

PORT = free_port()
HUB_SETTINGS = f'heartbeat_listen = "127.0.0.1:{PORT}"\nheartbeat_networks = ["127.0.0.0/8"]\nheartbeat_timeout = 11\n'


def beat(rig, address: str) -> None:
    """A host of this address (all of 127.0.0.0/8 is this machine) sends until it is heard."""
    def heard() -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
            opened.bind((address, 0))
            opened.sendto(b"Thump!", ("127.0.0.1", PORT))
        return address in {host["address"] for host in rig.request("GET", "/api/v1/hosts")[1]["items"]}

    until(heard, f"{address} is heard")


def row(page, address: str):
    return page.get_by_role("table", name="Hosts").get_by_role("row").filter(has_text=address)


def test_a_host_is_found_from_the_fleet_named_silent_when_it_stops_and_forgotten(open_page, rig):
    beat(rig, "127.0.0.7")
    page = open_page("/fleet", "otto")
    page.get_by_role("link", name="hosts with unsigned heartbeats").click()
    expect(page).to_have_title("Hosts · DVIC")
    expect(row(page, "127.0.0.7")).to_contain_text("unverified")
    expect(row(page, "127.0.0.7")).to_contain_text("silent")
    beat(rig, "127.0.0.8")
    expect(row(page, "127.0.0.8")).to_be_visible()
    page.get_by_role("button", name="Forget 127.0.0.7").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(row(page, "127.0.0.7")).to_have_count(0)
    assert "127.0.0.7" not in str(rig.request("GET", "/api/v1/hosts")[1])


def test_a_viewer_looks_and_forgets_nobody(open_page, rig):
    beat(rig, "127.0.0.9")
    page = open_page("/hosts", "vera")
    expect(row(page, "127.0.0.9")).to_be_visible()
    expect(page.get_by_role("button", name="Forget")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_suits_a_phone_and_everybody(open_page, rig, scheme):
    beat(rig, "127.0.0.10")
    page = open_page("/hosts", "otto", scheme=scheme)
    expect(row(page, "127.0.0.10")).to_be_visible()
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert stumbles(page) == []
