"""Settings are read once, and a wrong one is named."""

from dataclasses import fields

import pytest

from dvic_hub import identity
from dvic_hub.config import ConfigError, HubConfig, load


def written(tmp_path, text: str):
    file = tmp_path / "hub.toml"
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_count():
    config = HubConfig()
    assert (config.listen, config.url, config.retention_days) == ("127.0.0.1:8420", "http://127.0.0.1:8420", 30)


def test_what_the_file_says_counts_and_paths_are_relative_to_it(tmp_path):
    config = load(written(tmp_path,
                          'url = "https://hub.example/"\nstate_dir = "var"\ntrusted_proxies = ["10.0.0.0/8"]\n'))
    assert config.url == "https://hub.example"
    assert config.state_dir == tmp_path / "var"
    assert config.trusted_proxies == ("10.0.0.0/8",)


@pytest.mark.parametrize(("text", "said"), [
    ("retention_day = 3", "did you mean retention_days"),
    ("retention_days = 0", "1 to 3650"),
    ("retention_days = true", "whole number"),
    ('retention_days = "30"', "whole number"),
    ("metrics_public = 1", "true or false"),
    ('listen = "nowhere"', "neither address:port"),
    ('listen = "127.0.0.1:99999"', "neither address:port"),
    ('listen = "unix:relative"', "absolute path"),
    ('url = "ftp://hub"', "not an http"),
    ('trusted_proxies = ["nginx"]', "no network"),
    ('trusted_proxies = "10.0.0.1"', "list of texts"),
    ("[section]\nx = 1", "no setting"),
    ("= 3", "hub.toml"),
])
def test_a_wrong_setting_is_refused_and_named(tmp_path, text, said):
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, text))
    assert said in str(error.value)


def test_a_file_that_was_named_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.toml")


def test_endpoints_are_tcp_or_unix():
    assert HubConfig(listen="[::1]:8420").endpoint() == ("tcp", ("::1", 8420))
    assert HubConfig(listen="unix:/run/hub.sock").endpoint() == ("unix", "/run/hub.sock")
    assert HubConfig(listen="unix:/run/hub.sock").url == "http://localhost"


def test_every_setting_has_a_unit_and_says_what_it_is():
    assert all(each.metadata["unit"] and each.metadata["about"] for each in fields(HubConfig))


def test_the_hubs_key_is_made_once_and_for_its_owner_only(tmp_path):
    state = tmp_path / "state"
    made, new = identity.load_or_create(state)
    again, fresh = identity.load_or_create(state)
    assert (new, fresh) == (True, False)
    assert made.fingerprint == again.fingerprint
    assert (state / "hub.key").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_is_refused(tmp_path):
    identity.load_or_create(tmp_path)
    (tmp_path / "hub.key").chmod(0o644)
    with pytest.raises(identity.IdentityError, match="chmod 600"):
        identity.load_or_create(tmp_path)


def test_a_damaged_key_is_never_replaced_silently(tmp_path):
    (tmp_path / "hub.key").write_text("rubbish")
    (tmp_path / "hub.key").chmod(0o600)
    with pytest.raises(identity.IdentityError, match="restore it from a backup"):
        identity.load_or_create(tmp_path)
    assert (tmp_path / "hub.key").read_text() == "rubbish"
