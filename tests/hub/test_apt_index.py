"""The indexes of the apt repository, as texts."""

import gzip
import hashlib

from dvic_hub.domain.apt_index import Release, by_hash, packages_index, packed, release_file
from dvic_wire.deb import parse_control

TEXT = ("Package: probe\nVersion: {}\nArchitecture: all\nFilename: ../../etc/shadow\n more of it\nsha256: 00\n"
        "Description: d\n")


def release(version: str) -> Release:
    return Release(parse_control(TEXT.format(version)), 1234, "ab" * 32, 0)


def test_a_paragraph_says_where_the_file_is_and_believes_nothing_that_the_package_says_of_that():
    text = packages_index([release("1.0")]).decode()
    assert text == ("Package: probe\nVersion: 1.0\nArchitecture: all\nDescription: d\n"
                    f"Filename: pool/probe_1.0_all.deb\nSize: 1234\nSHA256: {'ab' * 32}\n")


def test_paragraphs_are_apart_and_in_a_fixed_order():
    one, two = release("1.0"), release("2.0")
    assert packages_index([two, one]) == packages_index([one, two])
    assert packages_index([one, two]).count(b"\n\nPackage:") == 1
    assert packages_index([]) == b""


def test_release_names_each_index_with_size_and_hash_and_runs_out():
    data = b"some index"
    lines = release_file({"Packages": data}, 0).splitlines()
    assert f" {hashlib.sha256(data).hexdigest()} {len(data):>12} Packages" in lines
    assert "Date: Thu, 01 Jan 1970 00:00:00 GMT" in lines
    assert "Valid-Until: Sat, 31 Jan 1970 00:00:00 GMT" in lines


def test_packing_is_the_same_each_time():
    assert packed(b"x" * 100) == packed(b"x" * 100)
    assert gzip.decompress(packed(b"x")) == b"x"
    assert by_hash(b"").endswith("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
