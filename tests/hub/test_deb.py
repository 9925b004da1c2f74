"""Control files out of real packages, and what is refused."""

import io
from pathlib import Path

import pytest
from probe_debs import make_deb

from dvic_hub.domain.deb import parse_control, read_control
from dvic_hub.errors import BadRequest

GOOD = "Package: probe\nVersion: 1.0\nArchitecture: all\nDescription: short\n long\n"


@pytest.mark.parametrize("compression", ["none", "gzip", "xz", "zstd"])
def test_a_package_that_dpkg_deb_built_is_read_however_it_is_compressed(tmp_path, compression):
    path = make_deb(tmp_path, "dvic-probe", "1:2.0~rc+1-3", "amd64", compression=compression)
    control = read_control(path.open("rb"))
    assert (control.package, control.version, control.architecture) == ("dvic-probe", "1:2.0~rc+1-3", "amd64")
    assert control.file_name == path.name == "dvic-probe_2.0~rc+1-3_amd64.deb"
    assert control.text.endswith(" and for nothing else\n")


@pytest.mark.parametrize("data", [b"", b"!<arch>\n", b"\x7fELF" + bytes(100), b"!<arch>\n" + b"x" * 60,
                                  b"!<arch>\n" + b"debian-binary   0           0     0     100644  4         `\n2.0\n"])
def test_what_is_no_package_is_refused(data):
    with pytest.raises(BadRequest, match="no usable .deb"):
        read_control(io.BytesIO(data))


def test_every_truncation_of_the_head_is_refused_and_none_breaks_the_reader(tmp_path):
    whole = make_deb(tmp_path, "probe", "1").read_bytes()
    end = whole.index(b"data.tar")
    for cut in range(end - 2):
        with pytest.raises(BadRequest):
            read_control(io.BytesIO(whole[:cut]))


def test_a_damaged_control_archive_is_refused(tmp_path: Path):
    path = make_deb(tmp_path, "probe", "1", files={}, compression="gzip")
    data = bytearray(path.read_bytes())
    data[140:160] = bytes(20)
    with pytest.raises(BadRequest):
        read_control(io.BytesIO(bytes(data)))


@pytest.mark.parametrize("text", [
    "", "Package: probe\n", GOOD + "\nPackage: other\n", GOOD + "package: again\n", GOOD.replace("probe", "../probe"),
    GOOD.replace("1.0", "1.0/../x"), GOOD.replace("1.0", "1.0 x"), GOOD.replace("all", "a/l"), GOOD + "no field\n",
    GOOD.replace("probe", "Probe")])
def test_a_control_file_that_could_mislead_apt_or_the_file_system_is_refused(text):
    with pytest.raises(BadRequest):
        parse_control(text)
