"""A kept bundle of the hub is known by what it was made of."""

import subprocess
from pathlib import Path

from checkout import copy_checkout


def digest(tree: Path) -> str:
    done = subprocess.run([tree / "packaging/binary/build.sh", "--digest"], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_bundle_of_other_sources_or_pins_is_told_from_one_of_these(tmp_path):
    copy_checkout(tmp_path)
    before = digest(tmp_path)
    assert len(before) == 64 and digest(tmp_path) == before

    for path in ("hub/dvic_hub/errors.py", "hub/dvic_hub/templates/install.sh", "wire/dvic_wire/errors.py", "setup.cfg",
                 "packaging/binary/dvic-hub.spec"):
        text = (tmp_path / path).read_text()
        (tmp_path / path).write_text(text + "\n# changed\n")
        assert digest(tmp_path) != before, path
        (tmp_path / path).write_text(text)
    (tmp_path / "hub/dvic_hub/new.py").touch()
    assert digest(tmp_path) != before


def test_what_does_not_go_into_it_does_not_count(tmp_path):
    copy_checkout(tmp_path)
    before = digest(tmp_path)
    (tmp_path / "hub/dvic_hub/__pycache__").mkdir()
    (tmp_path / "hub/dvic_hub/__pycache__/errors.pyc").touch()
    (tmp_path / "docs/operating.md").write_text("other")
    assert digest(tmp_path) == before
