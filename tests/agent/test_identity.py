"""node.key and hub.json."""

import json
import os
import stat
import tempfile
from pathlib import Path

import pytest

from dvic_agent.errors import IdentityError, NotEnrolled
from dvic_agent.identity import (
    PinnedHub,
    ensure_key,
    load_hub,
    load_identity,
    load_key,
    make_private_dir,
    occupy,
    save_hub,
    write_whole,
)
from dvic_wire.signing import PrivateKey


def pinned(key: PrivateKey, hub: PrivateKey | None = None) -> PinnedHub:
    return PinnedHub("http://hub:8420", (hub or PrivateKey.generate()).public, key.public.node_id, "ada")


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_key_is_made_once_in_a_private_folder(tmp_path):
    private = tmp_path / "var/state"
    first = ensure_key(private)
    assert ensure_key(private).fingerprint == first.fingerprint
    assert mode(private) == 0o700
    assert mode(private / "node.key") == 0o600
    assert [path.name for path in private.iterdir()] == ["node.key"]


def test_modes_do_not_depend_on_the_umask(tmp_path):
    before = os.umask(0)
    try:
        ensure_key(tmp_path / "state")
        save_hub(tmp_path / "etc", pinned(PrivateKey.generate()))
    finally:
        os.umask(before)
    assert mode(tmp_path / "state") == 0o700
    assert mode(tmp_path / "state/node.key") == 0o600
    assert mode(tmp_path / "etc/hub.json") == 0o644


def test_a_key_that_others_could_read_is_refused(tmp_path):
    ensure_key(tmp_path / "state")
    (tmp_path / "state/node.key").chmod(0o640)
    with pytest.raises(IdentityError, match="chmod 600"):
        load_key(tmp_path / "state")


def test_a_folder_that_others_can_enter_is_refused(tmp_path):
    (tmp_path / "state").mkdir(mode=0o755)
    with pytest.raises(IdentityError, match="chmod 700"):
        make_private_dir(tmp_path / "state")


def test_a_missing_key_says_what_to_do(tmp_path):
    with pytest.raises(IdentityError, match="enroll"):
        load_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not a key",
                                     b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_damaged_key_is_refused(tmp_path, content):
    path = tmp_path / "node.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityError):
        load_key(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_root_makes_the_key_as_the_folders_owner():
    with tempfile.TemporaryDirectory() as folder:  # tmp_path lets no other user through
        os.chmod(folder, 0o711)
        private = Path(folder, "state")
        private.mkdir(mode=0o700)
        os.chown(private, 65534, 65534)
        ensure_key(private)
        status = (private / "node.key").stat()
        assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (65534, 65534, 0o600)
        assert os.geteuid() == 0


def test_a_pinned_hub_is_read_as_it_was_written(tmp_path):
    key = PrivateKey.generate()
    hub = pinned(key)
    save_hub(tmp_path, hub)
    assert load_hub(tmp_path) == hub


def test_without_hub_json_the_machine_is_not_enrolled(tmp_path):
    with pytest.raises(NotEnrolled, match="hubctl token create"):
        load_hub(tmp_path)


def test_a_pin_that_others_could_change_is_refused(tmp_path):
    save_hub(tmp_path, pinned(PrivateKey.generate()))
    (tmp_path / "hub.json").chmod(0o666)
    with pytest.raises(IdentityError, match="open to others"):
        load_hub(tmp_path)


@pytest.mark.parametrize("change", [
    {"hub": "x" * 43}, {"jwk": {"kty": "RSA"}}, {"jwk": None}, {"url": "ftp://hub"}, {"url": 3}, {"node": None}])
def test_a_damaged_pin_is_refused(tmp_path, change):
    save_hub(tmp_path, pinned(PrivateKey.generate()))
    path = tmp_path / "hub.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(IdentityError):
        load_hub(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "{" * 100])
def test_a_pin_that_is_no_object_is_refused(tmp_path, text):
    (tmp_path / "hub.json").write_text(text)
    with pytest.raises(IdentityError, match="damaged"):
        load_hub(tmp_path)


def test_a_pin_made_for_another_key_is_refused(tmp_path):
    ensure_key(tmp_path / "state")
    save_hub(tmp_path, pinned(PrivateKey.generate()))
    with pytest.raises(IdentityError, match="enroll again"):
        load_identity(tmp_path, tmp_path / "state")


def test_the_two_halves_make_an_identity(tmp_path):
    key = ensure_key(tmp_path / "state")
    save_hub(tmp_path, pinned(key))
    identity = load_identity(tmp_path, tmp_path / "state")
    assert identity.key.fingerprint == key.fingerprint
    assert identity.hub.node == key.public.node_id


def test_a_link_planted_in_the_way_is_replaced_and_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "hub.json").symlink_to(target)
    write_whole(tmp_path / "hub.json", b"new", 0o644)
    assert target.read_text() == "precious"
    assert not (tmp_path / "hub.json").is_symlink()


def test_a_folder_is_used_by_one_agent_at_a_time(tmp_path):
    held = occupy(tmp_path)
    with pytest.raises(IdentityError, match="another agent is running"):
        occupy(tmp_path)
    os.close(held)
    os.close(occupy(tmp_path))
