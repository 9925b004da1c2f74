"""hubctl release, against the real hub."""

import json

import pytest
from probe_debs import make_deb
from rig import Rig


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
