"""Control files out of real packages, and what is refused."""

import io
from pathlib import Path

import pytest
from probe_debs import make_deb

from dvic_hub.domain.deb import read_control
from dvic_hub.errors import BadRequest


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
