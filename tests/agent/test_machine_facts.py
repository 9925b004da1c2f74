"""What a machine says of itself."""

from dvic_agent.machine import MAX_FACT, machine_facts


def test_this_machine_has_facts():
    facts = machine_facts()
    assert {"os", "kernel", "arch", "hostname"} <= set(facts)
    assert all(isinstance(text, str) and 0 < len(text) <= MAX_FACT for text in facts.values())


def test_they_are_read_from_the_usual_places(tmp_path):
    for path, text in {"etc/os-release": 'NAME="Debian GNU/Linux"\nID=debian\nVERSION_ID="12"\n',
                       "etc/machine-id": "0b5c\n", "proc/sys/kernel/random/boot_id": "12-34\n",
                       "sys/class/dmi/id/sys_vendor": "ACME\n", "sys/class/dmi/id/product_name": "Box 9\n"}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    facts = machine_facts(tmp_path)
    assert facts["os"] == "debian 12"
    assert (facts["machine_id"], facts["boot_id"], facts["model"]) == ("0b5c", "1234", "ACME Box 9")


def test_a_board_says_its_model_in_its_device_tree(tmp_path):
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi 4\0")
    assert machine_facts(tmp_path)["model"] == "Raspberry Pi 4"


def test_what_can_not_be_found_out_is_left_out(tmp_path):
    assert set(machine_facts(tmp_path)) == {"os", "kernel", "arch", "hostname"}


def test_rubbish_does_not_stop_it(tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_bytes(b"\xff\xfe\n=\n===\nID=" + b"x" * 10_000)
    assert len(machine_facts(tmp_path)["os"]) <= MAX_FACT
