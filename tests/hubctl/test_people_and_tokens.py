"""hubctl token, users, api-token, audit, status, runs ls, completion: the small verbs."""

import json
import subprocess

import pytest


def test_an_enrolment_token_in_json_holds_exactly_what_is_promised(hubctl, hub):
    value = json.loads(hubctl("token", "create", "--ttl", "2d", "--uses", "5", "--tag", "room=lab", "--note", "new PCs",
                              "-o", "json").stdout)
    assert list(value) == ["token", "install_command", "expires"]
    assert hub.asked("POST", "/tokens") == [{"ttl": 172800, "uses": 5, "tags": {"room": "lab"}, "note": "new PCs"}]


def test_an_enrolment_token_for_people_is_the_command_to_run(hubctl):
    done = hubctl("token", "create")
    assert done.stdout.startswith("curl -fsSL http://hub.test/install/dvic1.secret")
    assert "For one machine, within 1h" in done.stderr


def test_enrolment_tokens_are_listed_without_their_secrets_and_revoked_by_the_beginning_of_their_id(hubctl, hub):
    hubctl("token", "create")
    assert "secret" not in hubctl("token", "-o", "json").stdout
    assert "valid" in hubctl("token", "ls").stdout
    assert hubctl("token", "revoke", "-tok").returncode == 2, "nobody is there to be asked"
    assert hubctl("token", "revoke", "-tok", "--yes").returncode == 0
    assert "revoked" in hubctl("token", "ls").stdout
    hubctl("token", "create")
    done = hubctl("token", "revoke", "-tok", "--yes")
    assert done.returncode == 4
    assert "2 enrolment tokens begin with -tok" in done.stderr


def test_people_are_added_changed_and_removed(hubctl, hub):
    added = hubctl("users", "add", "anna", "--role", "operator")
    assert added.stdout == "one-time-pass\n"
    assert hub.asked("POST", "/users") == [{"name": "anna", "role": "operator"}]
    assert hubctl("users", "role", "anna", "admin").returncode == 0
    assert hubctl("users", "disable", "anna", "--yes").returncode == 0
    assert hubctl("users", "enable", "anna").returncode == 0
    assert hubctl("users", "password", "anna").stdout == "one-time-pass\n"
    assert hubctl("users", "password", "anna", "--password-file", "-", stdin="battery staple\n").stdout == ""
    assert hub.asked("PATCH", "/users/anna") == [{"role": "admin"}, {"disabled": True}, {"disabled": False},
                                                 {"password": ""}, {"password": "battery staple"}]
    assert "anna" in hubctl("users").stdout
    assert hubctl("users", "rm", "anna").returncode == 2
    assert hubctl("users", "rm", "anna", "--yes").returncode == 0
    assert hub.users == {}


def test_tokens_for_programs(hubctl, hub):
    assert hubctl("api-token", "create", "grafana", "--role", "viewer", "--ttl", "1d").stdout == "dvic_api_secret\n"
    assert hub.asked("POST", "/api-tokens") == [{"note": "grafana", "role": "viewer", "ttl": 86400}]
    listed = hubctl("api-token").stdout
    assert "grafana" in listed
    assert "secret" not in listed
    assert hubctl("api-token", "revoke", "t1", "--yes").returncode == 0


def test_the_audit_log_is_paged_up_to_what_was_asked_for(hubctl, hub):
    hub.audit = [{"id": number, "time": "2026-11-20T10:00:00.000000Z", "actor": "anna", "address": "10.0.0.9",
                  "action": "run.create", "target": "all", "detail": {"argv": ["uname"]}, "outcome": "ok"}
                 for number in range(1200)]
    assert len(hubctl("audit", "-n", "1100", "-o", "jsonl").stdout.splitlines()) == 1100
    assert 'argv=["uname"]' in hubctl("audit", "-n", "1").stdout


def test_status_tells_of_the_hub_and_of_oneself(hubctl, hub):
    hub.add_node("web-1")
    out = hubctl("status").stdout
    assert "nodes        1 online" in out
    assert "you          admin (admin), context lab" in out
    assert "store        3.3 MiB database" in out
    assert json.loads(hubctl("status", "-o", "json").stdout)["me"]["user"] == "admin"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_for_each_shell(stranger, shell):
    out = stranger("completion", shell).stdout
    assert "_HUBCTL_COMPLETE" in out
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=out, text=True, check=True)


def complete(hubctl, words):
    return hubctl(_HUBCTL_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split()))).stdout


def test_tab_completes_verbs_and_nodes_names_but_nothing_that_a_shell_would_act_on(hubctl, hub):
    hub.add_node("web-1")
    hub.add_node("web$(reboot)")
    hub.add_node("web;x")
    assert "plain,api-token" in complete(hubctl, "hubctl")
    assert complete(hubctl, "hubctl logs").split() == ["plain,all", "plain,web-1"]
    assert complete(hubctl, "hubctl node show").split() == ["plain,web-1"]


def test_tab_is_silent_when_the_hub_is_gone(hubctl, hub):
    hub.close()
    assert complete(hubctl, "hubctl node show").strip() == ""
    hub.listen()
