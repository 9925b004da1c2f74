"""The C library for ESP32 on this machine: compiled with sanitizers, and spoken to by lines.

    program = compiled(tmp_path)
    with Esp32(program, key_file) as device:
        device.say("node")                  # "n-..."
"""

import subprocess
from pathlib import Path

LIBRARY = Path(__file__).parents[2] / "libraries" / "esp32"
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")
SOURCES = sorted((LIBRARY / "src").glob("*.c"))


def compiled(folder: Path) -> Path:
    program = folder / "dvic-host"
    done = subprocess.run(["gcc", *STRICT, "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                           f"-I{LIBRARY / 'src'}", LIBRARY / "host" / "dvic_host.c", *SOURCES, "-lsodium",
                           "-o", program],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


class Esp32:
    """One device, until it is left; then it must have ended well, which it does not after a sanitizer's finding."""

    def __init__(self, program: Path, key: Path, hub: str = "hub", port: int | str = 1, *udp: str):
        self.process = subprocess.Popen([program, "127.0.0.1", str(port), hub, key, *udp], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def say(self, line: str) -> str:
        """One line, and the answer to it."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "it ended"
        assert "ERROR" not in answer and "runtime error" not in answer, answer + self.process.stdout.read()
        return answer.rstrip("\n")

    def __enter__(self) -> "Esp32":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        said = self.process.stdout.read()
        self.process.stdout.close()
        assert self.process.wait(60) == 0, said
