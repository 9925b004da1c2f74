"""hubctl login: by prompt, by file, by token; nothing secret on a command line or a screen."""

import stat

import pytest

from hubctl.context import load


def on_screen(hubctl, *arguments):
    return hubctl.on_a_terminal("login", *arguments)


def test_a_person_is_asked_and_the_password_is_not_shown(stranger, hub):
    screen = on_screen(stranger, hub.url)
    screen.wait_for("User [admin]: ", 10)
    screen.type("\n")
    screen.wait_for(f"Password of admin at {hub.url}: ", 10)
    screen.type("correct horse\n")
    assert screen.ended(10) == 0
    assert "Signed in" in screen.text
    assert "correct horse" not in screen.text
    assert stat.S_IMODE(stranger.config.stat().st_mode) == 0o600
    assert stranger("nodes").returncode == 0


def test_a_wrong_password_is_refused_and_nothing_is_kept(stranger, hub):
    (stranger.folder / "password").write_text("wrong\n")
    done = stranger("login", hub.url, "--user", "admin", "--password-file", "password")
    assert done.returncode == 4
    assert "hubctl: the user or the password is wrong" in done.stderr
    assert not stranger.config.exists()


def test_a_one_time_password_is_replaced_on_the_way(stranger, hub):
    hub.must_change.add("admin")
    screen = on_screen(stranger, hub.url, "--user", "admin")
    screen.wait_for("Password of admin", 10)
    screen.type("correct horse\n")
    screen.wait_for("New password: ", 10)
    screen.type("battery staple\n")
    screen.wait_for("Repeat for confirmation: ", 10)
    screen.type("battery staple\n")
    assert screen.ended(10) == 0
    assert hub.passwords["admin"] == "battery staple"


def test_without_a_terminal_everything_can_come_from_files(stranger, hub):
    hub.must_change.add("admin")
    (stranger.folder / "new").write_text("battery staple")
    done = stranger("login", hub.url, "--user", "admin", "--password-file", "-", "--new-password-file", "new",
                    stdin="correct horse\n")
    assert done.returncode == 0, done.stderr
    assert hub.passwords["admin"] == "battery staple"


@pytest.mark.parametrize("arguments, said", [
    ([], "--user"), (["--user", "admin"], "--password-file"),
    (["--user", "admin", "--password-file", "none"], "read from"),
    (["--user", "admin", "--password-file", "empty"], "holds no password"),
])
def test_without_a_terminal_what_is_missing_is_named(stranger, hub, arguments, said):
    (stranger.folder / "empty").touch()
    done = stranger("login", hub.url, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_one_time_password_without_a_terminal_names_the_flag(stranger, hub):
    hub.must_change.add("admin")
    done = stranger("login", hub.url, "--user", "admin", "--password-file", "-", stdin="correct horse\n")
    assert done.returncode == 2
    assert "--new-password-file" in done.stderr


def test_an_api_token_signs_in_without_a_password(stranger, hub):
    (stranger.folder / "token").write_text("dvic_test_token\n")
    assert stranger("login", hub.url, "--token-file", "token").returncode == 0
    known = load(stranger.config).choose()
    assert (known.user, known.token, known.kind) == ("admin", "dvic_test_token", "token")


def test_several_hubs_get_names_of_their_own(stranger, hub):
    def login(*arguments):
        done = stranger("login", *arguments, "--user", "admin", "--password-file", "-", stdin="correct horse\n")
        assert done.returncode == 0, done.stderr

    login(hub.url)
    login(hub.url.replace("127.0.0.1", "localhost"), "--context", "museum")
    login(hub.url)
    known = load(stranger.config)
    assert set(known.all) == {"127.0.0.1", "museum"}
    assert known.current == "127.0.0.1"


def test_without_an_address_it_signs_in_again_where_it_was(stranger, hub):
    stranger.signed_in(hub.url, "dvic_expired")
    screen = on_screen(stranger)
    screen.wait_for(f"Password of admin at {hub.url}: ", 10)
    screen.type("correct horse\n")
    assert screen.ended(10) == 0
    assert load(stranger.config).choose("lab").token.startswith("dvic_login_")


def test_ctrl_c_at_the_password_ends_it_without_a_word_too_many(stranger, hub):
    screen = on_screen(stranger, hub.url, "--user", "admin")
    screen.wait_for("Password of admin", 10)
    screen.type("\x03")
    assert screen.ended(10) == 130
    assert "Traceback" not in screen.text


def test_a_password_over_an_open_network_is_warned_of(stranger):
    done = stranger("login", "http://hub.invalid", "--user", "admin", "--password-file", "-", stdin="x\n")
    assert done.returncode == 3
    assert "not encrypted" in done.stderr


def test_a_name_that_can_be_no_context_is_refused(stranger, hub):
    assert stranger("login", hub.url, "--context", "../evil").returncode == 2
