"""What dpkg has is read, and packed again so that it can be put back, with real dpkg and packages."""

import hashlib
import os
import shutil
import subprocess

import pytest
from probe_debs import make_deb

from dvic_agent.executor.update.packages import Deb, PackageProblem, Packages, Present, present, read_deb
from dvic_agent.executor.update.repack import repack
from dvic_agent.executor.update.telling import Teller

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: dpkg gives files their owners")


def dpkg(root, *arguments):
    done = subprocess.run(["dpkg", f"--root={root}", "--force-not-root", "--force-script-chrootless", "--force-depends",
                           "--force-confold", "--force-downgrade", *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def root(tmp_path):
    """A file system of its own, with a dpkg that knows one package with settings."""
    root = tmp_path / "root"
    for part in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / part).mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_text("")
    return root


def settings_deb(tmp_path, version, settings):
    def change(tree):
        (tree / "DEBIAN/conffiles").write_text("/etc/probe/one.conf\n/etc/probe/two.conf\n")
        (tree / "usr/bin").mkdir(parents=True, exist_ok=True)
        (tree / "usr/bin/other-name").symlink_to("probe")

    folder = tmp_path / f"built-{version}"
    files = {"etc/probe/one.conf": settings, "etc/probe/two.conf": "two\n", "usr/bin/probe": f"# {version}\n"}
    deb = make_deb(folder, "dvic-probe", version, files=files, postinst="#!/bin/sh\nexit 0\n", depends="nothing-much")
    tree = folder / f"dvic-probe-{version}-tree"
    change(tree)
    subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, stdout=subprocess.DEVNULL)
    return deb


def repacked(root, tmp_path):
    target = tmp_path / "previous.deb"
    repack("dvic-probe", tmp_path / "staging", target, root=root, admindir=root / "var/lib/dpkg")
    assert not (tmp_path / "staging").exists()
    return target


def contents(deb):
    """Paths with mode and owner, and the control files, of a package."""
    listed = subprocess.run(["dpkg-deb", "-c", deb], capture_output=True, text=True, check=True).stdout.splitlines()
    lines = sorted((line.split()[0], line.split()[1], " ".join(line.split()[5:])) for line in listed)
    control = subprocess.run(["dpkg-deb", "-I", deb, "control", "postinst", "conffiles"], capture_output=True,
                             text=True, check=True).stdout
    return lines, sorted(control.splitlines())


@as_root
def test_what_was_installed_comes_out_again_as_it_went_in(root, tmp_path):
    deb = settings_deb(tmp_path, "1.0", "one\n")
    dpkg(root, "--install", str(deb))

    packed = repacked(root, tmp_path)
    assert contents(packed) == contents(deb)
    assert read_deb(packed) == Deb("dvic-probe", "1.0", "all", 0)


@as_root
def test_settings_that_the_owner_changed_are_not_packed_and_stay_through_all_that_follows(root, tmp_path):
    dpkg(root, "--install", str(settings_deb(tmp_path, "1.0", "one\n")))
    mine = root / "etc/probe/one.conf"
    mine.write_text("mine\n")
    packed = repacked(root, tmp_path)
    lines, control = contents(packed)
    assert [path for _, _, path in lines if "conf" in path] == ["./etc/probe/two.conf"]
    assert "/etc/probe/one.conf" not in control

    dpkg(root, "--install", str(settings_deb(tmp_path, "2.0", "one, new\n")))
    dpkg(root, "--install", str(packed))
    assert mine.read_text() == "mine\n"
    dpkg(root, "--install", str(settings_deb(tmp_path, "3.0", "one, newer\n")))
    assert mine.read_text() == "mine\n"


@as_root
def test_what_the_owner_deleted_is_left_out(root, tmp_path):
    dpkg(root, "--install", str(settings_deb(tmp_path, "1.0", "one\n")))
    (root / "etc/probe/two.conf").unlink()
    (root / "usr/bin/probe").unlink()

    lines, control = contents(repacked(root, tmp_path))
    assert [path for _, _, path in lines if not path.endswith("/")] == ["./etc/probe/one.conf",
                                                                        "./usr/bin/other-name -> probe"]
    assert "/etc/probe/two.conf" not in control


def test_a_package_that_is_not_there_can_not_be_packed(root, tmp_path):
    with pytest.raises(PackageProblem, match="not installed"):
        repacked(root, tmp_path)
    assert not (tmp_path / "previous.deb").exists()


def test_a_file_says_what_it_is_or_that_it_is_no_package(tmp_path):
    assert read_deb(make_deb(tmp_path, "dvic-agent", "1:2.0-3")) == Deb("dvic-agent", "1:2.0-3", "all", 0)
    (tmp_path / "x.deb").write_text("hello")
    with pytest.raises(PackageProblem, match="dpkg-deb"):
        read_deb(tmp_path / "x.deb")


def test_what_is_installed_is_whole_or_gone():
    assert present("dpkg").whole
    assert present("dvic-never-heard-of") == Present(removed=True)


def test_an_apt_that_can_not_do_it_is_quoted(tmp_path):
    deb = tmp_path / "new.deb"
    deb.write_bytes(hashlib.sha256(b"").digest())
    problem = Packages(Teller(None)).install(deb, "dvic-never-heard-of", again=False)
    assert problem.startswith("apt said: ") and "new.deb" in problem
