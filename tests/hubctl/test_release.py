"""hubctl release, against the real hub."""

import json
import stat

import pytest
from probe_debs import make_deb
from rig import Rig

from dvic_wire.signing import PrivateKey


@pytest.fixture
def rig(tmp_path):
    with Rig(tmp_path) as running:
        yield running.start_hub()


def test_packages_are_added_listed_and_removed(rig, tmp_path):
    files = [str(make_deb(tmp_path, "dvic-probe", version)) for version in ("1.0", "1:2.0~rc1")]
    rig.hubctl("release", "add", *files)
    listed = json.loads(rig.hubctl("release", "ls", "-o", "json"))
    assert [item["version"] for item in listed] == ["1.0", "1:2.0~rc1"]
    assert "dvic-probe" in rig.hubctl("release")
    rig.hubctl("release", "rm", "dvic-probe_2.0~rc1_all.deb", "--yes")
    assert rig.hubctl("release", "ls", "-o", "name").split() == ["dvic-probe_1.0_all.deb"]
    rig.hubctl("release", "rm", "dvic-probe_2.0~rc1_all.deb", "--yes", code=4)


def test_what_is_no_package_or_no_file_is_said(rig, tmp_path):
    (tmp_path / "x.deb").write_text("no package")
    rig.hubctl("release", "add", str(tmp_path / "x.deb"), code=2)
    rig.hubctl("release", "add", str(tmp_path / "missing.deb"), code=2)
    rig.hubctl("release", "add", str(tmp_path), code=2)


def test_a_package_is_signed_offline_and_counts_once_the_hub_knows_the_key(rig, tmp_path):
    deb = make_deb(tmp_path, "dvic-agent", "1:2.0", compression="zstd")
    key, manifest = tmp_path / "signing.pem", tmp_path / f"{deb.name}.manifest"
    public = rig.hubctl("release", "keygen", str(key)).strip()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    rig.hubctl("release", "keygen", str(key), code=2)
    rig.hubctl("release", "sign", str(deb), "--key", str(key), "--minimum-hub", "0.0.1", "--days", "9")
    rig.hubctl("release", "add", str(deb), "--manifest", str(manifest), code=2)
    (tmp_path / "signing.pub").write_text(public + "\n")
    rig.hubctl("release", "keys", "add", str(tmp_path / "signing.pub"), "--note", "in the safe")
    rig.hubctl("release", "keys", "add", public, code=4)
    rig.hubctl("release", "add", str(deb), "--manifest", str(manifest))
    [item] = json.loads(rig.hubctl("release", "ls", "-o", "json"))
    assert item["signed_by"] == PrivateKey.load(key).fingerprint and item["minimum_hub"] == "0.0.1"
    assert "in the safe" in rig.hubctl("release", "keys")
    rig.hubctl("release", "add", str(deb), str(deb), "--manifest", str(manifest), code=2)
    rig.hubctl("release", "add", str(deb), "--manifest", str(deb), code=2)
    rig.hubctl("release", "sign", str(manifest), "--key", str(key), code=2)
    rig.hubctl("release", "sign", str(deb), "--key", str(deb), code=2)


def test_the_hub_s_own_key_is_replaced_and_the_last_one_stays(rig, tmp_path):
    rig.hubctl("release", "keys", "-o", "json")
    rig.hubctl("release", "add", str(make_deb(tmp_path, "dvic-agent", "1.0")))
    [old] = json.loads(rig.hubctl("release", "keys", "ls", "-o", "json"))
    rig.hubctl("release", "keys", "new", code=2)
    rig.hubctl("release", "keys", "new", "--yes")
    new = next(key for key in json.loads(rig.hubctl("release", "keys", "-o", "json")) if key["own"])
    assert new["id"] != old["id"] and new["packages"] == 1
    rig.hubctl("release", "keys", "rm", old["id"][:9], "--yes")
    rig.hubctl("release", "keys", "rm", new["id"], "--yes", code=4)
    rig.hubctl("release", "keys", "rm", "nothing", "--yes", code=4)
    rig.hubctl("release", "keys", "add", "too-short", code=2)


def test_a_rollout_over_a_hub_without_nodes_or_packages_is_refused(rig, tmp_path):
    rig.hubctl("update", "all", "--yes", code=2)
    rig.hubctl("node", "add", "scale", "--generate-key")
    rig.hubctl("update", "all", "--yes", code=4)
    rig.hubctl("release", "add", str(make_deb(tmp_path, "dvic-agent", "1.0")))
    rig.hubctl("update", "all", "--yes", code=1)
    assert rig.hubctl("updates", "-o", "json").strip() == "[]"
