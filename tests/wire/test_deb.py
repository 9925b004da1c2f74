"""What a control file says, and what is refused of it."""

import io
import tarfile

import pytest

from dvic_wire.deb import parse_control, read_control
from dvic_wire.errors import MalformedMessage

GOOD = "Package: probe\nVersion: 1.0\nArchitecture: all\nDescription: short\n long\n"


def a_deb(control: str, ending: str = "", unpacked: bytes | None = None) -> bytes:
    """As much of a package as is read."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        member = tarfile.TarInfo("./control")
        member.size = len(control)
        tar.addfile(member, io.BytesIO(control.encode()))
    archive = data.getvalue() if unpacked is None else unpacked

    def part(name: str, content: bytes) -> bytes:
        return f"{name:<16}{0:<12}{0:<6}{0:<6}{644:<8}{len(content):<10}`\n".encode() + content

    return b"!<arch>\n" + part("debian-binary", b"2.0\n") + part(f"control.tar{ending}", archive)


def test_a_control_file_is_read_with_what_the_package_says_of_hubs():
    control = read_control(io.BytesIO(a_deb(GOOD + "Dvic-Minimum-Hub: 1.2\n")))
    assert (control.file_name, control.minimum_hub) == ("probe_1.0_all.deb", "1.2")
    assert parse_control(GOOD).minimum_hub == ""


def test_another_compression_is_read_by_a_function_that_the_caller_has():
    plain = a_deb(GOOD)[8 + 60 + 4 + 60:]
    packed = a_deb(GOOD, ".own", b"packed")
    assert read_control(io.BytesIO(packed), {".own": lambda data, limit: plain}).package == "probe"
    with pytest.raises(MalformedMessage, match="unknown way"):
        read_control(io.BytesIO(packed))
    with pytest.raises(MalformedMessage, match="can't be read"):
        read_control(io.BytesIO(packed), {".own": lambda data, limit: data})


@pytest.mark.parametrize("text", [
    "", "Package: probe\n", GOOD + "\nPackage: other\n", GOOD + "package: again\n", GOOD.replace("probe", "../probe"),
    GOOD.replace("1.0", "1.0/../x"), GOOD.replace("1.0", "1.0 x"), GOOD.replace("all", "a/l"), GOOD + "no field\n",
    GOOD.replace("probe", "Probe"), GOOD + "Dvic-Minimum-Hub: new\n"])
def test_a_control_file_that_could_mislead_apt_or_the_file_system_is_refused(text):
    with pytest.raises(MalformedMessage):
        parse_control(text)
