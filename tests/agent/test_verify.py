"""Orders that hold, and every way in which one does not."""

import json
import os

import pytest
from running_executor import NODE, Hub, new_run_id

from dvic_agent.executor.errors import Refusal, Untrusted
from dvic_agent.executor.verify import check_age, check_operator, check_order, load_hub
from dvic_wire.runs import RunSpec
from dvic_wire.signing import PrivateKey, Purpose, b64encode, sign

NOW = 1_000_000.0
SPEC = RunSpec(argv=("id",))


@pytest.fixture
def hub(tmp_path):
    trusted = Hub()
    trusted.pin(tmp_path / "etc")
    return trusted


@pytest.fixture
def pinned(hub, tmp_path):
    return load_hub(tmp_path / "etc")


def refusal(call, *arguments, **named):
    with pytest.raises(Refusal) as caught:
        call(*arguments, **named)
    return caught.value


def test_an_order_of_the_pinned_hub_for_this_node_holds(hub, pinned):
    run = new_run_id()
    claims = check_order(hub.order(run, SPEC, now=NOW), Purpose.RUN, run, pinned)

    check_age(claims, NOW, 0)
    assert (claims["by"], claims["spec"]) == ("olga", {"argv": ["id"]})


def test_another_hubs_signature_is_refused(pinned):
    mallory, run = Hub(), new_run_id()

    assert refusal(check_order, mallory.order(run, SPEC), Purpose.RUN, run, pinned).code == "signature"


def test_another_hubs_signature_in_the_name_of_the_pinned_one_is_refused(pinned):
    mallory, run = Hub(), new_run_id()
    order = mallory.order(run, SPEC, iss=pinned.fingerprint)

    assert refusal(check_order, order, Purpose.RUN, run, pinned).code == "signature"


def test_a_changed_order_is_refused(hub, pinned):
    run = new_run_id()
    header, _, signature = hub.order(run, SPEC).split(".")
    claims = {"iss": pinned.fingerprint, "aud": NODE, "jti": run, "spec": {"argv": ["rm"]}, "iat": 1, "exp": 9}
    forged = ".".join([header, b64encode(json.dumps(claims).encode()), signature])

    assert refusal(check_order, forged, Purpose.RUN, run, pinned).code == "signature"


@pytest.mark.parametrize("changed", [{"aud": "n-bert"}, {"aud": [NODE]}, {"aud": None}, {"iss": "somebody"},
                                     {"jti": "another0run0"}, {"jti": None}])
def test_an_order_for_somebody_or_something_else_is_refused(hub, pinned, changed):
    run = new_run_id()

    assert refusal(check_order, hub.order(run, SPEC, **changed), Purpose.RUN, run, pinned).code == "signature"


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.RUN])
def test_a_signature_for_another_purpose_runs_nothing(hub, pinned, purpose):
    run = new_run_id()
    order = hub.order(run, SPEC, purpose=purpose)

    assert refusal(check_order, order, Purpose.RUN, run, pinned).code == "signature"


@pytest.mark.parametrize("text", ["", ".", "a.b.c", "a.b", "é.é.é", "x" * 300_000, "e30.e30." + "A" * 86])
def test_what_is_no_signature_is_refused(pinned, text):
    assert refusal(check_order, text, Purpose.RUN, new_run_id(), pinned).code == "signature"


def test_an_old_order_is_expired_and_says_by_how_much(hub, pinned):
    run = new_run_id()
    claims = check_order(hub.order(run, SPEC, now=NOW), Purpose.RUN, run, pinned)

    late = refusal(check_age, claims, NOW + 1000, 0)
    assert (late.state, late.code) == ("expired", "expired")
    assert "expired 880 s ago" in str(late)


def test_an_order_out_of_the_future_is_refused(hub, pinned):
    run = new_run_id()
    claims = check_order(hub.order(run, SPEC, now=NOW), Purpose.RUN, run, pinned)

    assert refusal(check_age, claims, NOW - 3600, 0).state == "refused"


def test_an_order_from_before_the_replay_list_is_refused(hub, pinned):
    run = new_run_id()
    claims = check_order(hub.order(run, SPEC, now=NOW), Purpose.RUN, run, pinned)

    assert refusal(check_age, claims, NOW, int(NOW)).code == "signature"
    check_age(claims, NOW, int(NOW) - 1)


def test_without_a_pinned_hub_nothing_holds(tmp_path):
    assert refusal(load_hub, tmp_path / "etc").code == "not-enrolled"


def test_a_pin_that_others_may_write_is_not_trusted(hub, tmp_path):
    (tmp_path / "etc/hub.json").chmod(0o664)

    with pytest.raises(Untrusted, match="chmod go-w"):
        load_hub(tmp_path / "etc")


def test_a_pin_in_a_directory_that_others_may_write_is_not_trusted(hub, tmp_path):
    (tmp_path / "etc").chmod(0o777)

    with pytest.raises(Untrusted):
        load_hub(tmp_path / "etc")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: gives a file away")
def test_a_pin_of_another_user_is_not_trusted(hub, tmp_path):
    os.chown(tmp_path / "etc/hub.json", 1, 1)

    with pytest.raises(Untrusted, match="belongs to user 1"):
        load_hub(tmp_path / "etc")


def test_a_pin_behind_a_symlink_is_not_trusted(hub, tmp_path):
    (tmp_path / "etc/hub.json").rename(tmp_path / "elsewhere")
    (tmp_path / "etc/hub.json").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Untrusted):
        load_hub(tmp_path / "etc")


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"jwk": 1, "hub": 2, "node": 3}', "\xff"])
def test_a_damaged_pin_is_not_trusted(hub, tmp_path, text):
    (tmp_path / "etc/hub.json").write_text(text)

    with pytest.raises(Untrusted):
        load_hub(tmp_path / "etc")


def test_a_pin_whose_key_and_fingerprint_differ_is_not_trusted(hub, tmp_path):
    file = tmp_path / "etc/hub.json"
    value = json.loads(file.read_text())
    file.write_text(json.dumps({**value, "jwk": PrivateKey.generate().public.jwk()}))

    with pytest.raises(Untrusted):
        load_hub(tmp_path / "etc")


class TestOperator:
    """Olga's own key signs as well, where the policy asks for it."""

    olga = PrivateKey.generate()

    def signed(self, key=None, purpose=Purpose.OPERATOR, **changed):
        claims = {"aud": [NODE], "spec_sha256": SPEC.digest(), "jti": "once", **changed}
        return sign(key or self.olga, purpose, claims, now=NOW, ttl=600)

    def check(self, text, spec=SPEC, now=NOW):
        return check_operator(text, (PrivateKey.generate().public, self.olga.public), spec, NODE, now)

    @pytest.mark.parametrize("audience", ["*", [NODE], ["n-bert", NODE]])
    def test_her_signature_for_this_node_holds(self, audience):
        assert self.check(self.signed(aud=audience))["jti"] == "once"

    @pytest.mark.parametrize("audience", [NODE, [], ["n-bert"], ["*"], None, {NODE: 1}])
    def test_a_signature_for_other_nodes_does_not(self, audience):
        assert refusal(self.check, self.signed(aud=audience)).code == "operator"

    @pytest.mark.parametrize("text", [None, "", 1, "a.b.c", "x"])
    def test_none_at_all_does_not(self, text):
        assert refusal(self.check, text).code == "operator"

    def test_a_strangers_signature_does_not(self):
        assert refusal(self.check, self.signed(key=PrivateKey.generate())).code == "operator"

    def test_a_signature_for_another_spec_does_not(self):
        assert refusal(self.check, self.signed(), spec=RunSpec(argv=("id", "-u"))).code == "operator"

    def test_a_signature_for_another_purpose_does_not(self):
        assert refusal(self.check, self.signed(purpose=Purpose.RUN)).code == "operator"

    def test_an_old_signature_does_not(self):
        assert refusal(self.check, self.signed(), now=NOW + 3600).code == "operator"

    def test_a_signature_without_jti_does_not(self):
        assert refusal(self.check, self.signed(jti="")).code == "operator"
