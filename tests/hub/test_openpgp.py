"""Signatures that Debian's own gpgv accepts, and a key that is kept."""

import os
import subprocess

import pytest

from dvic_hub.openpgp import KEY_FILE, ReleaseKeyError, load_or_create


def gpgv(tmp_path, key, *files) -> int:
    ring = tmp_path / "ring.gpg"
    subprocess.run(["gpg", "--batch", "--yes", "--homedir", str(tmp_path), "-o", str(ring), "--dearmor"],
                   input=key.public, text=True, check=True, capture_output=True, timeout=30)
    argv = ["gpgv", "--keyring", str(ring), *map(str, files)]
    return subprocess.run(argv, capture_output=True, timeout=30).returncode


def test_gpgv_accepts_both_kinds_of_signature_and_nothing_that_was_changed(tmp_path):
    key = load_or_create(tmp_path)
    text = "Origin: DVIC\n- a line with a dash\nSHA256:\n 00 1 x\n"
    clear, plain, detached = tmp_path / "InRelease", tmp_path / "Release", tmp_path / "Release.gpg"
    clear.write_text(key.sign_clear(text))
    plain.write_text(text)
    detached.write_text(key.sign_detached(text.encode()))
    assert gpgv(tmp_path, key, clear) == 0
    assert gpgv(tmp_path, key, detached, plain) == 0
    plain.write_text(text + "x")
    assert gpgv(tmp_path, key, detached, plain) != 0
    clear.write_text(clear.read_text().replace("DVIC", "EVIL"))
    assert gpgv(tmp_path, key, clear) != 0


def test_the_key_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    first = load_or_create(tmp_path)
    assert load_or_create(tmp_path).public == first.public
    path = tmp_path / KEY_FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in first.public and os.listdir(tmp_path) == [KEY_FILE]
    path.chmod(0o644)
    with pytest.raises(ReleaseKeyError, match="chmod 600"):
        load_or_create(tmp_path)


def test_a_damaged_key_is_named(tmp_path):
    (tmp_path / KEY_FILE).write_bytes(b"nonsense")
    (tmp_path / KEY_FILE).chmod(0o600)
    with pytest.raises(ReleaseKeyError, match="backup"):
        load_or_create(tmp_path)
