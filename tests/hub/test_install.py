"""GET /install/TOKEN: who gets the script, what is in it, and that nothing in it can break out of its quotes."""

import asyncio
import subprocess

import pytest
from api_hub import ApiHub
from private_authority import PrivateAuthority

from dvic_hub.api.install import install_command, make_script, refusing_script


def played(test, tmp_path, **settings):
    async def run():
        async with ApiHub(tmp_path, **settings) as hub:
            await test(hub)

    asyncio.run(run())


def test_a_valid_token_gets_a_script_with_its_own_hub_in_it(tmp_path):
    async def test(hub):
        _, made = await hub.ask("POST", "/api/v1/tokens", "otto", {})
        assert made["install_command"] == f"curl -fsSL {hub.url}/install/{made['token']} | sudo sh"
        status, answer = await hub.ask("GET", f"/install/{made['token']}")
        assert status == 200 and answer["text"].startswith("#!/bin/sh")
        assert f"TOKEN={made['token']}\n" in answer["text"] and f"URL={hub.url}\n" in answer["text"]
        values = answer["text"].split("set -eu")[1].split("KEYRING=")[0]
        assert "BEGIN PGP PUBLIC KEY" in values and "@" not in values

    played(test, tmp_path)


def test_a_token_that_lets_nobody_in_gets_a_script_that_says_why_and_fails(tmp_path):
    async def test(hub):
        _, late = await hub.ask("POST", "/api/v1/tokens", "otto", {"ttl": 60})
        _, gone = await hub.ask("POST", "/api/v1/tokens", "otto", {})
        await hub.ask("DELETE", f"/api/v1/tokens/{gone['id']}", "otto")
        hub.offset += 61
        for token, word in ((late, "expired"), (gone, "revoked")):
            _, answer = await hub.ask("GET", f"/install/{token['token']}")
            done = subprocess.run(["sh"], input=answer["text"], text=True, capture_output=True, timeout=10)
            assert done.returncode == 1 and done.stdout == ""
            assert word in done.stderr and "hubctl token create" in done.stderr and done.stderr.count("\n") == 1

    played(test, tmp_path)


def test_a_token_of_another_hub_or_cut_off_gets_no_script(tmp_path):
    async def test(hub):
        _, made = await hub.ask("POST", "/api/v1/tokens", "otto", {})
        for text in ("x", made["token"][:-1], made["token"] + "x", "dvic1.e30.44136fa3"):
            status, answer = await hub.ask("GET", f"/install/{text}")
            assert status == 404 and answer["code"] == "token-unknown"

    played(test, tmp_path)


def test_with_a_private_authority_command_and_script_carry_its_certificates(tmp_path):
    ca = PrivateAuthority(tmp_path).ca

    async def test(hub):
        _, made = await hub.ask("POST", "/api/v1/tokens", "otto", {})
        packed = made["install_command"].split()[1]
        unpacked = subprocess.run(["base64", "-d"], input=packed, text=True, capture_output=True, timeout=10).stdout
        assert unpacked == ca.read_text() and "--cacert /dev/stdin | sudo sh" in made["install_command"]
        _, answer = await hub.ask("GET", f"/install/{made['token']}")
        assert f"CA='{ca.read_text()}'" in answer["text"]

    played(test, tmp_path, ca_file=str(ca))


@pytest.mark.parametrize("evil", ["'; touch {0}; '", "$(touch {0})", "`touch {0}`", "x\ntouch {0}\n",
                                  '"; touch {0}; "'])
def test_nothing_that_is_filled_in_is_run(tmp_path, evil):
    mark = tmp_path / "mark"
    evil = evil.format(mark)
    script = make_script("dvic1.a.b", evil, evil, evil)
    only_values = script.split("KEYRING=")[0]
    for text in (only_values, refusing_script(evil), install_command(evil, "t", "").rpartition(" | sudo")[0] + " -h"):
        subprocess.run(["sh"], input=text, text=True, capture_output=True, timeout=10)
        assert not mark.exists()


def test_the_script_passes_shellcheck_and_half_of_it_does_nothing(tmp_path):
    script = make_script("dvic1.a.b", "http://127.0.0.1:1", "key", "")
    path = tmp_path / "install.sh"
    path.write_text(script)
    checked = subprocess.run(["shellcheck", "-s", "sh", str(path)], text=True, capture_output=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    lines = script.splitlines(keepends=True)
    for end in range(0, len(lines) - 1, 7):
        done = subprocess.run(["sh"], input="".join(lines[:end]), text=True, capture_output=True, timeout=10)
        assert done.stdout == ""
