"""dvic_log's tests: a directory of their own, and what stands in it."""

import json

import pytest


class Directory:
    """Reads log files back as the agent would."""

    def __init__(self, path):
        self.path = path

    def files(self):
        return sorted(file for file in self.path.glob("dvic_log_*") if not file.is_symlink())

    def lines(self, file):
        return [json.loads(line) for line in file.read_bytes().splitlines()]

    def header(self, file):
        return self.lines(file)[0]

    def records(self):
        """Every record of every file."""
        return [line for file in self.files() for line in self.lines(file) if "dvic_log" not in line]

    def messages(self):
        return [record["m"] for record in self.records()]


@pytest.fixture
def logs(tmp_path, monkeypatch):
    path = tmp_path / "logs"
    path.mkdir()
    monkeypatch.setenv("DVIC_LOG_DIR", str(path))
    return Directory(path)
