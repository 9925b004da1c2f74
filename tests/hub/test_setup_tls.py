"""dvic-hub setup for an https address: the private authority, nginx's site, and running it again."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from dvic_hub import config as configuration

HUB = str(Path(sys.executable).parent / "dvic-hub")
URL = "https://hub.test"


@dataclass
class Place:
    """A folder with nginx's folders and, after setup, a hub."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "etc" / "hub.toml"

    @property
    def site(self) -> str:
        return (self.folder / "nginx" / "sites-available" / "dvic-hub").read_text()

    def setup(self, *options: str, code: int = 0) -> str:
        done = subprocess.run([HUB, "setup", "--config", self.file, "--nginx", self.folder / "nginx", *options],
                              text=True, capture_output=True, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def settled(self, *options: str) -> str:
        return self.setup("--url", URL, "--state-dir", str(self.folder / "var"), *options)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    for name in ("sites-available", "sites-enabled"):
        (tmp_path / "nginx" / name).mkdir(parents=True)
    return Place(tmp_path)


def test_one_command_makes_authority_certificate_site_and_settings(place):
    said = place.settled("--private-authority")
    tls = place.file.parent / "tls"
    assert f"hubctl login {URL} --user admin --ca {tls / 'ca.pem'}" in said
    assert "nginx -t && systemctl reload nginx" in said
    assert f"ssl_certificate     {tls / 'hub.pem'};" in place.site
    held = configuration.load(place.file)
    assert held.ca_file == str(tls / "ca.pem") and "BEGIN CERTIFICATE" in held.ca_text()
    assert held.listen.startswith("unix:")


def test_what_was_set_up_without_a_certificate_gets_one_later(place):
    assert "--private-authority" in place.settled() and "ssl_certificate" not in place.site
    place.file.write_text(place.file.read_text() + "# mine\nretention_days = 9")
    said = place.setup("--private-authority")
    assert "ca_file is added" in said and "ssl_certificate" in place.site
    held = configuration.load(place.file)
    assert held.ca_file and held.retention_days == 9 and "# mine" in place.file.read_text()


def test_setup_a_second_time_keeps_settings_certificate_and_tls(place):
    place.settled("--private-authority")
    before = {path: path.read_bytes() for path in place.file.parent.rglob("*") if path.is_file()} | {"site": place.site}
    assert "is kept" in place.setup()
    place.setup("--private-authority")
    assert before == {path: path.read_bytes() for path in place.file.parent.rglob("*")
                      if path.is_file()} | {"site": place.site}


def test_setup_beside_a_hub_that_serves_does_what_it_can(place):
    place.settled("--private-authority", "--listen", f"unix:{place.folder}/s")
    serving = subprocess.Popen([HUB, "serve", "--config", place.file], stdout=subprocess.PIPE, text=True)
    try:
        assert re.search("serves", serving.stdout.readline())
        assert "its key and its users are as they were" in place.setup()
        assert "another process uses the database" in place.setup("--reset-password", "admin", code=1)
    finally:
        serving.terminate()
        serving.communicate(timeout=30)


@pytest.mark.parametrize(("options", "said"), [
    (("--private-authority", "--certificate", "a", "--certificate-key", "b"), "itself"),
    (("--certificate", "a"), "go together"),
    (("--ca-file", "missing.pem"), "can't be read"),
])
def test_options_that_can_not_be_meant_are_refused_and_write_nothing(place, options, said):
    assert said in place.setup("--url", URL, *options, code=2)
    assert not place.file.exists()


def test_a_private_authority_needs_an_https_address(place):
    assert "https address" in place.setup("--url", "http://hub.test", "--private-authority", code=2)


def test_another_authority_than_the_settings_name_is_not_put_in_their_place(place):
    place.settled("--private-authority")
    other = place.folder / "other.pem"
    other.write_text((place.file.parent / "tls" / "ca.pem").read_text())
    assert "change it there" in place.setup("--ca-file", str(other), code=2)
