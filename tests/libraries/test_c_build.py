"""What libraries/c/build.sh makes is what a user's compiler takes: the Debian package, and the one source to copy."""

import subprocess
import tarfile

import pytest
from c_programs import CPP, STRICT, C, run

pytestmark = pytest.mark.hub

PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(user LANGUAGES CXX)
find_package(dvic-log 0.1 REQUIRED)
add_executable(user steps.cpp)
target_compile_features(user PRIVATE cxx_std_17)
target_link_libraries(user dvic::log)
"""


def done(*argv, **more):
    ended = subprocess.run([str(word) for word in argv], text=True, capture_output=True, timeout=300, **more)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.strip()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    package, source = done(C / "build.sh", folder).splitlines()
    done("dpkg-deb", "-x", package, folder / "root")
    return folder / "root", source


def library_folder(root):
    [found] = root.glob("usr/lib/*/pkgconfig")
    return found.parent


def test_a_program_is_built_with_pkg_config_from_the_package(made, logs, tmp_path):
    root, _ = made
    flags = done("pkg-config", "--cflags", "--libs", "dvic-log", env={
        "PATH": "/usr/bin:/bin", "PKG_CONFIG_LIBDIR": str(library_folder(root) / "pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(root), "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1",
        "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"})
    assert str(root) in flags
    done("gcc", "-std=c99", *STRICT, C / "examples/steps.c", *flags.split(), "-o", tmp_path / "steps")
    run(tmp_path / "steps", environ={"DVIC_LOG_DIR": str(logs.path)})
    assert logs.messages()[0] == "run 17 started"


def test_a_program_is_built_with_cmake_from_the_package(made, logs, tmp_path):
    root, _ = made
    (tmp_path / "CMakeLists.txt").write_text(PROJECT)
    (tmp_path / "steps.cpp").write_text((CPP / "examples/steps.cpp").read_text())
    done("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-Ddvic-log_DIR={library_folder(root)}/cmake/dvic-log")
    done("cmake", "--build", tmp_path / "build")
    run(tmp_path / "build/user", environ={"DVIC_LOG_DIR": str(logs.path)})
    assert logs.messages()[0] == "run 17 started"


def test_two_copied_files_are_all_that_a_program_needs(made, logs, tmp_path):
    with tarfile.open(made[1]) as archive:
        archive.extractall(tmp_path)  # our own
    [source] = tmp_path.glob("dvic-log-c-*/dvic_log.c")
    assert "#include \"src" not in source.read_text()
    done("gcc", "-std=c99", *STRICT, f"-I{source.parent}", C / "examples/steps.c", source, "-pthread", "-o",
         tmp_path / "steps")
    run(tmp_path / "steps", environ={"DVIC_LOG_DIR": str(logs.path)})
    assert logs.messages()[0] == "run 17 started"


def test_the_versions_are_one():
    cmake, header = (C / "CMakeLists.txt").read_text(), (C / "dvic_log.h").read_text()
    version = header.split('#define DVIC_LOG_VERSION "')[1].split('"')[0]
    assert f"project(dvic-log VERSION {version} " in cmake
