"""Values of the command line."""

import click
import pytest

from hubctl.errors import Usage
from hubctl.options import Moment, NodeSelector, Pair, Size, Span, secret_from


@pytest.mark.parametrize("text, size", [("0", 0), ("512", 512), ("512B", 512), ("1K", 1024), ("2kb", 2048),
                                        ("512M", 512 << 20), ("2GiB", 2 << 30), ("1t", 1 << 40)])
def test_sizes(text, size):
    assert Size().convert(text, None, None) == size


@pytest.mark.parametrize("kind, text", [(Size(), "-1"), (Size(), "1.5G"), (Size(), "many"), (Size(), "1KiBB"),
                                        (Span(), "soon"), (Moment(), "soon"), (Pair(), "key"), (Pair(), "=value"),
                                        (NodeSelector(), "("), (NodeSelector(), "x" * 2000), (NodeSelector(), "")])
def test_what_is_wrong_is_a_usage_error(kind, text):
    with pytest.raises(click.UsageError):
        kind.convert(text, None, None)


@pytest.mark.parametrize("text, pair", [("a=b", ("a", "b")), ("a=", ("a", "")), ("a=b=c", ("a", "b=c"))])
def test_pairs(text, pair):
    assert Pair().convert(text, None, None) == pair


def test_a_secret_is_the_first_line_of_its_file(tmp_path):
    path = tmp_path / "secret"
    path.write_bytes("pässword with blanks \r\nsecond\n".encode())
    assert secret_from(str(path), "password") == "pässword with blanks "


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_secret_is_named(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(Usage, match="secret"):
        secret_from(str(path), "password")
