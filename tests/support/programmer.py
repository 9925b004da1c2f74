"""Somebody who writes programs on a machine that has a hub: copies the lines of the libraries' pages, and runs them.

    ada = Programmer(machine, URL)
    ada.in_c()                  # by the Debian package and pkg-config; in_cpp (and CMake), in_python, in_shell
"""

from pathlib import Path

from machine import Machine
from one_machine import INSTALL_SECONDS, shell
from readme_code import blocks

LIBRARIES = Path(__file__).parents[2] / "libraries"

COMPILERS = ("cmake", "g++", "make", "pkgconf", "python3-venv")
"""What the machine has besides, for them."""

PROJECT = """
cmake_minimum_required(VERSION 3.16)
project(steps LANGUAGES CXX)
find_package(dvic-log REQUIRED)
add_executable(planned steps.cpp)
target_compile_features(planned PRIVATE cxx_std_17)
target_link_libraries(planned dvic::log)
"""


class Programmer:
    """`name`: the machine's user, who is made."""

    def __init__(self, machine: Machine, url: str, name: str = "ada"):
        self._machine, self._url, self._name = machine, url, name
        shell(machine, f"useradd --create-home {name}")
        self.uid = int(shell(machine, f"id -u {name}"))

    def in_c(self) -> None:
        self._write("c/steps.c", self._page("c", "c"))
        fetch, install, compile_and_run, _ = self._page("c", "sh").splitlines()
        shell(self._machine, f"cd /root && {fetch} && {install}", INSTALL_SECONDS)
        self._type("c", compile_and_run)

    def in_cpp(self) -> None:
        """The package is there already."""
        self._write("cpp/steps.cpp", self._page("cpp", r"c\+\+"))
        self._write("cpp/CMakeLists.txt", PROJECT)
        *_, compile_and_run, _ = self._page("cpp", "sh").splitlines()
        self._type("cpp", f"{compile_and_run} && cmake -S . -B build && cmake --build build && build/planned")

    def in_python(self) -> None:
        self._write("python/program.py", self._page("python", "python"))
        [install] = self._lines("python", "pip install https")
        self._type("python", f"python3 -m venv v && PATH=$PWD/v/bin:$PATH && {install} && python program.py")

    def in_shell(self) -> None:
        self._write("shell/job.sh", self._page("shell", "sh"))
        [install] = self._lines("shell", "curl -fO")
        self._type("shell", f"{install} && PATH=$PWD:$PATH sh job.sh")

    def _page(self, language: str, kind: str) -> str:
        return self._here(blocks(LIBRARIES / language / "README.md", kind)[0])

    def _lines(self, language: str, begin: str) -> list[str]:
        """What stands between back-quotes on the page and begins so."""
        said = (LIBRARIES / language / "README.md").read_text().split("`")
        return [self._here(code) for code in said if code.startswith(begin)]

    def _here(self, text: str) -> str:
        return text.replace("https://YOUR-HUB", self._url)

    def _write(self, path: str, text: str) -> None:
        self._machine.write(f"/home/{self._name}/{path}", text)

    def _type(self, folder: str, command: str) -> None:
        self._write(f"{folder}/typed", command)
        shell(self._machine, f"cd /home/{self._name} && chown -R {self._name}: . && cd {folder} && "
                             f"runuser -u {self._name} -- sh -eu typed", INSTALL_SECONDS)
