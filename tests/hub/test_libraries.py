"""GET /libraries/: what is listed, what is served, and what never is."""

import asyncio

import aiohttp
import pytest
from api_hub import ApiHub


def fetched(tmp_path, folder, *paths):
    """(status, headers, body) of each, asked for without signing in and without tidying up the path."""
    async def run():
        async with ApiHub(tmp_path, libraries_dir=folder) as hub, aiohttp.ClientSession() as client:
            answers = []
            for path in paths:
                async with client.get(aiohttp.client.URL(hub.url + path, encoded=True)) as answer:
                    answers.append((answer.status, answer.headers, await answer.text()))
            return answers

    return asyncio.run(run())


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "libraries"
    (folder / "below").mkdir(parents=True)
    for name in ("dvic-log", "dvic-log-0.1.0.tgz", "dvic-log-0.1.0.jar", "dvic_log-0.1.0-py3-none-any.whl", ".hidden",
                 "a name<b>", "below/file"):
        (folder / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    return folder


def test_the_page_lists_every_file_with_its_size_and_how_it_is_had(tmp_path, folder):
    [(status, headers, page)] = fetched(tmp_path, folder, "/libraries/")
    assert status == 200 and headers["Content-Type"].startswith("text/html")
    for part in ("pip install http://", "npm install http://", "chmod +x dvic-log", "<td>18<",
                 'href="dvic-log-0.1.0.jar"'):
        assert part in page, part
    assert not any(part in page for part in ("hidden", "link\"", "below", "<b>"))


def test_an_archive_is_offered_to_the_language_that_it_is_for(tmp_path, folder):
    for name in ("dvic-micropython-0.1.0.tgz", "dvic-log-c-0.1.0.tar.gz"):
        (folder / name).write_text(name)
    [(_, _, page)] = fetched(tmp_path, folder, "/libraries/")
    rows = {row.split("<td>")[1]: row for row in page.splitlines() if row.startswith("<tr><td>")}
    assert "unpack it on the device" in rows["MicroPython"] and "dvic-log-c-" in rows["C and C++"]
    assert "dvic-log-0.1.0.tgz" in rows["JavaScript"] and "npm" not in rows["MicroPython"]


def test_a_file_is_served_to_whoever_asks_as_nothing_that_a_browser_runs(tmp_path, folder):
    [(status, headers, body)] = fetched(tmp_path, folder, "/libraries/dvic-log-0.1.0.tgz")
    assert (status, body) == (200, "dvic-log-0.1.0.tgz")
    assert headers["Content-Type"] == "application/octet-stream" and headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_else_is_ever_served(tmp_path, folder):
    paths = ["/libraries/" + name for name in (
        "..%2fsecret", "%2e%2e/secret", "..", "link", ".hidden", "below", "below/file", "below%2ffile",
        "a%20name%3Cb%3E", "%00", "dvic-log%0a", "%2fetc%2fpasswd", "x" * 300, "none")]
    answers = fetched(tmp_path, folder, *paths)
    assert {status for status, _, _ in answers} == {400, 404} and not any("secret" in body for _, _, body in answers)


def test_a_hub_without_libraries_says_how_to_get_them(tmp_path):
    [(status, _, page)] = fetched(tmp_path, tmp_path / "nowhere", "/libraries/")
    assert status == 200 and "libraries/build.sh" in page and ".dvic/hub/libraries" in page
