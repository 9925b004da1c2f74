"""Signing keys and manifests: made at need, replaced, added, removed, refused, and what packages are signed with."""

import asyncio
import hashlib
import stat

import pytest
from api_hub import ApiHub
from probe_debs import make_deb

from dvic_hub import signing_key
from dvic_hub.errors import Conflict
from dvic_hub.signing_key import SigningKeyError
from dvic_hub.store.sqlite import SqliteStore
from dvic_wire.signing import PrivateKey, b64encode
from dvic_wire.updates import MANIFEST_TTL, MAX_SIGNING_KEYS, Manifest, read_key_set, read_manifest

OFFLINE = PrivateKey.from_seed(b"o" * 32)
YEAR = 365 * 86_400


def played(test, tmp_path, **settings):
    async def run():
        async with asyncio.timeout(60), ApiHub(tmp_path, **settings) as hub:
            await test(hub)

    asyncio.run(run())


async def add_package(hub, path, **query) -> tuple[int, dict]:
    return await hub.ask("POST", "/api/v1/releases", "ada", path.read_bytes(), params=query)


async def keys(hub) -> dict[str, dict]:
    return {item["id"]: item for item in (await hub.ask("GET", "/api/v1/release-keys", "vera"))[1]["items"]}


async def key_set(hub):
    return read_key_set(await hub.doors.release_keys.key_set(), hub.doors.identity.public, now=hub.clock())


def manifest_of(path, version: str, key: PrivateKey, now: float, **changes) -> str:
    about = {"package": "dvic-agent", "version": version, "architecture": "all", "size": path.stat().st_size,
             "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **changes}
    return Manifest(**about).sign(key, now=now)


# ---- the hub's own key

def test_the_first_package_makes_the_hub_s_own_key_and_is_signed_with_it(tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1:2.0~rc1")

    async def test(hub):
        assert await keys(hub) == {} and (await hub.ask("GET", "/api/v1/release-keys", "vera"))[1]["serial"] == 0
        status, item = await add_package(hub, deb, minimum_hub="0.1")
        assert status == 201
        [key] = (await keys(hub)).values()
        assert key["own"] and key["packages"] == 1 and item["signed_by"] == key["id"]
        assert item["minimum_hub"] == "0.1"
        path = tmp_path / "state" / signing_key.KEY_FILE
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        kept = (await hub.doors.manifests.all())[deb.name]
        read = read_manifest(kept.text, (PrivateKey.load(path).public,), now=hub.clock())
        assert (read.version, read.size, read.sha256) == ("1:2.0~rc1", deb.stat().st_size, item["sha256"])
        assert (await key_set(hub)).keys == (PrivateKey.load(path).public,)
        audit = (await hub.ask("GET", "/api/v1/audit?action=release.key.new", "ada"))[1]["items"]
        assert [entry["target"] for entry in audit] == [key["id"]]

    played(test, tmp_path)


def test_a_package_of_something_else_needs_no_manifest(tmp_path):
    deb = make_deb(tmp_path, "dvic-probe", "1.0")

    async def test(hub):
        assert (await add_package(hub, deb))[1]["signed_by"] == ""

    played(test, tmp_path)


def test_what_a_package_says_of_hubs_is_in_its_manifest(tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1.0", fields={"Dvic-Minimum-Hub": "7.5"})

    async def test(hub):
        assert (await add_package(hub, deb))[1]["minimum_hub"] == "7.5"
        with pytest.raises(Conflict) as error:
            await hub.doors.releases.for_rollout("dvic-agent")
        assert error.value.code == "hub-too-old" and "update the hub first" in str(error.value)
        assert (await add_package(hub, deb, minimum_hub="0.0.1"))[1]["minimum_hub"] == "0.0.1"
        assert (await hub.doors.releases.for_rollout("dvic-agent"))[1].minimum_hub == "0.0.1"
        assert (await add_package(hub, deb, minimum_hub="x y"))[0] == 400

    played(test, tmp_path)


def test_a_replaced_key_counts_until_it_is_removed_and_packages_are_signed_anew(tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1.0")

    async def test(hub):
        await add_package(hub, deb)
        before = await key_set(hub)
        [old] = await keys(hub)
        status, new = await hub.ask("POST", "/api/v1/release-keys", "ada", {"generate": True})
        assert status == 201 and new["own"] and new["packages"] == 1
        after = await key_set(hub)
        assert {key.fingerprint for key in after.keys} == {old, new["id"]} and after.serial > before.serial
        assert (await hub.ask("DELETE", f"/api/v1/release-keys/{old}", "ada"))[0] == 204
        last = await key_set(hub)
        assert [key.fingerprint for key in last.keys] == [new["id"]] and last.serial > after.serial
        assert (await hub.doors.releases.for_rollout("dvic-agent"))[1].version == "1.0"
        status, problem = await hub.ask("DELETE", f"/api/v1/release-keys/{new['id']}", "ada")
        assert (status, problem["code"]) == (409, "last-key")
        assert (await hub.ask("DELETE", f"/api/v1/release-keys/{old}", "ada"))[0] == 404

    played(test, tmp_path)


def test_keys_and_serial_are_there_after_a_restart(tmp_path):
    async def run():
        async with ApiHub(tmp_path) as hub:
            await hub.ask("POST", "/api/v1/release-keys", "ada", {"generate": True})
            before = await key_set(hub)
        again = SqliteStore(hub.doors.store.path)
        await again.open()
        serial, rows = await again.releases.keys()
        await again.close()
        assert serial == before.serial and [row.public_key for row in rows] == [key.raw for key in before.keys]

    asyncio.run(run())


def test_a_key_file_that_others_can_read_or_that_is_damaged_is_not_used(tmp_path):
    async def test(hub):
        await hub.doors.release_keys.own()
        path = tmp_path / "state" / signing_key.KEY_FILE
        path.chmod(0o644)
        with pytest.raises(SigningKeyError, match="chmod 600"):
            await hub.doors.release_keys.own()
        path.chmod(0o600)
        path.write_text("no key")
        with pytest.raises(SigningKeyError, match="backup"):
            await hub.doors.release_keys.own()

    played(test, tmp_path)


# ---- keys of others

def test_a_package_that_was_signed_elsewhere_counts_once_its_key_does(tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1.0")

    async def test(hub):
        text = manifest_of(deb, "1.0", OFFLINE, hub.clock())
        status, problem = await add_package(hub, deb, manifest=text)
        assert (status, problem["code"], problem["field"]) == (400, "manifest", "manifest")
        assert (await hub.ask("GET", "/api/v1/releases", "vera"))[1]["items"] == []
        body = {"x": b64encode(OFFLINE.public.raw), "note": "in the safe"}
        status, key = await hub.ask("POST", "/api/v1/release-keys", "ada", body)
        assert (status, key["id"], key["own"]) == (201, OFFLINE.fingerprint, False)
        status, problem = await hub.ask("POST", "/api/v1/release-keys", "ada", body)
        assert (status, problem["code"]) == (409, "key-known")
        assert (await add_package(hub, deb, manifest=text))[1]["signed_by"] == OFFLINE.fingerprint
        assert (await add_package(hub, deb))[1]["signed_by"] == OFFLINE.fingerprint

    played(test, tmp_path)


@pytest.mark.parametrize("changes", [{"version": "1.1"}, {"size": 5}, {"sha256": "ab" * 32}, {"package": "dvic-probe"},
                                     {"architecture": "amd64"}])
def test_a_manifest_of_another_file_is_refused_and_says_what_differs(tmp_path, changes):
    deb = make_deb(tmp_path, "dvic-agent", "1.0")

    async def test(hub):
        await hub.ask("POST", "/api/v1/release-keys", "ada", {"x": b64encode(OFFLINE.public.raw)})
        text = manifest_of(deb, **{"version": "1.0", "key": OFFLINE, "now": hub.clock(), **changes})
        status, problem = await add_package(hub, deb, manifest=text)
        assert (status, problem["code"]) == (400, "manifest") and next(iter(changes)) in problem["detail"]

    played(test, tmp_path)


def test_without_its_own_key_in_the_set_the_hub_signs_nothing(tmp_path):
    deb, other = (make_deb(tmp_path, "dvic-agent", version) for version in ("1.0", "2.0"))

    async def test(hub):
        await add_package(hub, deb)
        [own] = await keys(hub)
        await hub.ask("POST", "/api/v1/release-keys", "ada", {"x": b64encode(OFFLINE.public.raw)})
        assert (await hub.ask("DELETE", f"/api/v1/release-keys/{own}", "ada"))[0] == 204
        assert (await add_package(hub, other))[1]["signed_by"] == ""
        for version, code in (("1.0", "manifest"), ("2.0", "no-manifest")):
            with pytest.raises(Conflict) as error:
                await hub.doors.releases.for_rollout("dvic-agent", version)
            assert error.value.code == code
        text = manifest_of(other, "2.0", OFFLINE, hub.clock())
        assert (await add_package(hub, other, manifest=text))[1]["signed_by"] == OFFLINE.fingerprint
        assert (await hub.doors.releases.for_rollout("dvic-agent"))[1].version == "2.0"

    played(test, tmp_path)


def test_a_manifest_that_ran_out_is_refused_until_the_package_is_added_again(tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1.0")

    async def test(hub):
        await add_package(hub, deb)
        hub.offset += MANIFEST_TTL + 3600
        with pytest.raises(Conflict, match="ran out on"):
            await hub.doors.releases.for_rollout("dvic-agent")
        hub.tokens["ada"] = await hub.new_token("ada", "admin")
        assert (await add_package(hub, deb))[0] == 201
        assert (await hub.doors.releases.for_rollout("dvic-agent"))[1].expires > hub.clock() + MANIFEST_TTL - 3600

    played(test, tmp_path)


def test_a_package_of_before_there_were_manifests_gets_one_when_it_is_rolled_out(tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1.0")

    async def test(hub):
        await add_package(hub, deb)
        await hub.doors.manifests.forget(deb.name)
        assert (await hub.doors.releases.for_rollout("dvic-agent"))[1].version == "1.0"
        await hub.ask("DELETE", f"/api/v1/releases/{deb.name}", "ada")
        assert await hub.doors.manifests.all() == {}

    played(test, tmp_path)


def test_the_newest_is_chosen_as_debian_counts(tmp_path):
    debs = [make_deb(tmp_path, "dvic-agent", version) for version in ("1.9", "1.10", "1.10~rc1", "1:0.1")]

    async def test(hub):
        for deb in debs[:3]:
            await add_package(hub, deb)
        assert (await hub.doors.releases.newest("dvic-agent")).control.version == "1.10"
        await add_package(hub, debs[3])
        assert (await hub.doors.releases.newest("dvic-agent")).control.version == "1:0.1"
        assert (await hub.doors.releases.newest("dvic-agent", "1.9")).control.version == "1.9"

    played(test, tmp_path)


# ---- who may, and how many

def test_only_an_admin_changes_keys(tmp_path):
    async def test(hub):
        await hub.doors.release_keys.own()
        for who, expected in (("", 401), ("mallory", 401), ("vera", 403), ("otto", 403)):
            assert (await hub.ask("POST", "/api/v1/release-keys", who, {"generate": True}))[0] == expected
            assert (await hub.ask("DELETE", "/api/v1/release-keys/x", who))[0] == expected
        assert len(await keys(hub)) == 1

    played(test, tmp_path)


@pytest.mark.parametrize("body", [{}, {"x": "A" * 43, "generate": True}, {"x": "AAAA"}, {"x": "ä" * 43},
                                  {"x": "A" * 43, "d": "secret"}])
def test_what_is_no_key_is_refused(tmp_path, body):
    async def test(hub):
        assert (await hub.ask("POST", "/api/v1/release-keys", "ada", body))[0] == 400
        assert await keys(hub) == {}

    played(test, tmp_path)


def test_there_are_at_most_so_many_keys(tmp_path):
    async def test(hub):
        for number in range(MAX_SIGNING_KEYS - 1):
            key = PrivateKey.from_seed(bytes([number]) * 32)
            assert (await hub.ask("POST", "/api/v1/release-keys", "ada", {"x": b64encode(key.public.raw)}))[0] == 201
        for body in ({"generate": True}, {"x": b64encode(OFFLINE.public.raw)}):
            status, problem = await hub.ask("POST", "/api/v1/release-keys", "ada", body)
            assert (status, problem["code"]) == (409, "limit")
        assert len((await key_set(hub)).keys) == MAX_SIGNING_KEYS

    played(test, tmp_path)
