"""Packages in, packages out: who may add them, what is refused, and what apt would read."""

import asyncio
import hashlib

import pytest
from api_hub import ApiHub
from probe_debs import make_deb

from dvic_hub.errors import NotFound
from dvic_hub.services.releases import RESIGN_SECONDS, ReleaseService


def played(test, tmp_path, **settings):
    async def run():
        async with ApiHub(tmp_path, **settings) as hub:
            await test(hub)

    asyncio.run(run())


def test_an_admin_adds_a_package_and_anybody_reads_what_apt_needs(tmp_path):
    deb = make_deb(tmp_path, "dvic-probe", "1.0~rc+1")

    async def test(hub):
        status, item = await hub.ask("POST", "/api/v1/releases", "ada", deb.read_bytes())
        assert (status, item["name"], item["version"]) == (201, deb.name, "1.0~rc+1")
        assert item["sha256"] == hashlib.sha256(deb.read_bytes()).hexdigest()
        status, packages = await hub.ask("GET", "/apt/Packages")
        assert status == 200 and f"Filename: pool/{deb.name}" in packages["text"]
        for name in ("Release", "Release.gpg", "InRelease", "Packages.gz", "key.asc"):
            async with hub.http.get(f"{hub.url}/apt/{name}") as answer:
                assert answer.status == 200 and await answer.read(), name
        async with hub.http.get(f"{hub.url}/apt/pool/{deb.name}") as answer:
            assert await answer.read() == deb.read_bytes()
        digest = hashlib.sha256(packages["text"].encode()).hexdigest()
        assert (await hub.ask("GET", f"/apt/by-hash/SHA256/{digest}"))[0] == 200
        status, listed = await hub.ask("GET", "/api/v1/releases", "vera")
        assert [each["name"] for each in listed["items"]] == [deb.name]
        _, audit = await hub.ask("GET", "/api/v1/audit?action=release.add", "ada")
        assert audit["items"][0]["target"] == deb.name

    played(test, tmp_path)


def test_nobody_but_an_admin_adds_or_removes(tmp_path):
    deb = make_deb(tmp_path, "dvic-probe", "1.0")

    async def test(hub):
        for who, expected in (("", 401), ("mallory", 401), ("vera", 403), ("otto", 403)):
            assert (await hub.ask("POST", "/api/v1/releases", who, deb.read_bytes()))[0] == expected
            assert (await hub.ask("DELETE", f"/api/v1/releases/{deb.name}", who))[0] == expected
        assert (await hub.ask("GET", "/apt/Packages"))[1]["text"] == ""

    played(test, tmp_path)


def test_the_same_file_again_is_no_change_and_another_under_its_name_is_refused(tmp_path):
    one = make_deb(tmp_path, "dvic-probe", "1.0").read_bytes()
    other = make_deb(tmp_path / "other", "dvic-probe", "1.0", files={"etc/x": "1"}).read_bytes()

    async def test(hub):
        assert (await hub.ask("POST", "/api/v1/releases", "ada", one))[0] == 201
        assert (await hub.ask("POST", "/api/v1/releases", "ada", one))[0] == 201
        status, problem = await hub.ask("POST", "/api/v1/releases", "ada", other)
        assert (status, problem["code"]) == (409, "release-known")

    played(test, tmp_path)


def test_what_is_no_package_leaves_nothing_behind(tmp_path):
    async def test(hub):
        status, problem = await hub.ask("POST", "/api/v1/releases", "ada", b"#!/bin/sh\n")
        assert (status, problem["code"]) == (400, "deb")
        assert list((tmp_path / "state" / "releases").iterdir()) == []

    played(test, tmp_path)


def test_a_removed_package_is_gone_and_an_index_of_before_is_still_found_by_its_hash(tmp_path):
    deb = make_deb(tmp_path, "dvic-probe", "1.0")

    async def test(hub):
        await hub.ask("POST", "/api/v1/releases", "ada", deb.read_bytes())
        before = (await hub.ask("GET", "/apt/Packages"))[1]["text"].encode()
        assert (await hub.ask("DELETE", f"/api/v1/releases/{deb.name}", "ada"))[0] == 204
        assert (await hub.ask("DELETE", f"/api/v1/releases/{deb.name}", "ada"))[0] == 404
        assert (await hub.ask("GET", f"/apt/pool/{deb.name}"))[0] == 404
        assert (await hub.ask("GET", "/apt/Packages"))[1]["text"] == ""
        found = await hub.ask("GET", f"/apt/by-hash/SHA256/{hashlib.sha256(before).hexdigest()}")
        assert found[1]["text"].encode() == before

    played(test, tmp_path)


def test_packages_and_key_are_there_after_a_restart_and_nothing_else_in_the_folder_is_served(tmp_path):
    deb = make_deb(tmp_path, "dvic-probe", "1.0")

    async def run():
        async with ApiHub(tmp_path) as hub:
            await hub.ask("POST", "/api/v1/releases", "ada", deb.read_bytes())
            key = (await hub.ask("GET", "/apt/key.asc"))[1]["text"]
        folder = tmp_path / "state" / "releases"
        (folder / "junk.deb").write_text("junk")
        (folder / "dvic-probe_9_all.deb").write_bytes(deb.read_bytes())
        again = ReleaseService(tmp_path / "state", hub.doors.audit, hub.doors.manifests, hub.clock)
        assert await again.public_key() == key
        assert [release.name for release in await again.all()] == [deb.name]
        for name in ("junk.deb", "../releases.key", "dvic-probe_9_all.deb"):
            with pytest.raises(NotFound):
                await again.package(name)

    asyncio.run(run())


def test_the_index_is_signed_anew_before_it_runs_out(tmp_path):
    async def test(hub):
        before = (await hub.ask("GET", "/apt/Release"))[1]["text"]
        assert (await hub.ask("GET", "/apt/Release"))[1]["text"] == before
        hub.offset += RESIGN_SECONDS + 1
        assert (await hub.ask("GET", "/apt/Release"))[1]["text"] != before

    played(test, tmp_path)
