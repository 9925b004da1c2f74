"""What is believed of an announcement: nothing, but that it may be worth asking there."""

from dvic_wire.announcing import SERVICE, FoundHub, candidates, properties, read_announcement

KEY, OTHER = "k" * 43, "o" * 43


def test_what_a_hub_says_is_what_is_read():
    said = {name.encode(): text.encode() for name, text in properties("https://hub.test", KEY).items()}
    assert read_announcement(f"lab.{SERVICE}", "x.local.", 1, ["10.0.0.1"], said) == FoundHub(
        "lab", "https://hub.test", KEY)


def test_without_an_address_in_it_one_is_made_of_host_and_port():
    assert read_announcement(f"a.{SERVICE}", "x.local.", 8, ["fe80::1"], {}).url == "http://[fe80::1]:8"
    assert read_announcement(f"a.{SERVICE}", "x.local.", 8, [], {}).url == "http://x.local:8"


def test_what_comes_off_the_network_moves_no_cursor():
    said = {b"url": b"http://\x1b]0;x\x07" + b"y" * 500, b"hub": None}
    found = read_announcement(f"\x1b[2J.{SERVICE}", "x", 1, [], said)
    assert "\x1b" not in found.name + found.url and len(found.url) <= 200 and found.fingerprint == ""


def test_only_the_hub_that_the_token_pins_is_asked_its_known_address_first():
    found = [FoundHub("a", "http://10.0.0.9:1", OTHER), FoundHub("b", "http://10.0.0.2/", KEY),
             FoundHub("c", "http://hub.test", KEY), FoundHub("d", "http://10.0.0.2", KEY),
             FoundHub("e", "file:///etc/passwd", KEY)]
    assert candidates(found, KEY, "http://hub.test") == ["http://hub.test", "http://10.0.0.2"]
    assert candidates(found, "z" * 43, "http://hub.test") == []


def test_a_token_that_says_https_is_never_led_to_plain_http():
    found = [FoundHub("a", "http://10.0.0.9", KEY), FoundHub("b", "https://hub.test", KEY)]
    assert candidates(found, KEY, "https://old.test") == ["https://hub.test"]
