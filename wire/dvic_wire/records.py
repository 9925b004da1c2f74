"""The records inside batches: plain JSON objects, built here so that every source writes them alike.

Log record (streams `journal`, `file:...`)
    time      microseconds since 1970 (required)
    level     one of streams.LEVELS (required)
    message   text, lines separated by \\n (required)
    unit, identifier, boot   texts;  pid, uid, priority   whole numbers
    binary    base64 of the message where it was not UTF-8 (message then shows it with \\xNN)
    cut       how many bytes of the message were left out, when it was longer than MAX_RECORD_TEXT
    fields    flat object of texts, numbers, booleans
    gap       this record stands for a loss: {reason, detail, missed, unit}

Sample (stream `hardware`)       {time, values: {name: number}} and, at start or change, {time, facts: {name: text}}
Demo processes (stream `demos`)  {time, demos: [{file, name, pid, executable, user, owner, since, state, cpu, memory}]}
Containers (stream `containers`) {time, containers: [{id, engine, name, image, unit, state, exit_code, since}]}, and
    whole     true: these are all that there are
Run (stream `run:...`), one or the other of, besides time:
    start     {pid, user}
    out, err  text of stdout or stderr; `binary` holds base64 instead where the bytes were not UTF-8 (text then is "")
    step      {name, text}: an update has come to a step (one of updates.STEPS); text is for people
    end       {state, exit_code, reason, cut}: state one of runs.TERMINAL, exit_code -1 where there is none,
              cut: bytes of output left out
"""

import base64

from .streams import Gap


def log(time: int, level: str, message: str, **extra: object) -> dict:
    """A log record; keyword arguments that are None or empty are left out."""
    record: dict = {"time": time, "level": level, "message": message}
    record.update((key, value) for key, value in extra.items() if value is not None and value != {} and value != "")
    return record


def gap(time: int, lost: Gap) -> dict:
    """The log record that stands for a loss."""
    known = f"{lost.missed} {lost.unit} missing" if lost.missed >= 0 else "an unknown number of records missing"
    detail = f": {lost.detail}" if lost.detail else ""
    return {"time": time, "level": "warning", "message": f"gap ({lost.reason}), {known}{detail}",
            "gap": {"reason": lost.reason, "detail": lost.detail, "missed": lost.missed, "unit": lost.unit}}


def sample(time: int, values: dict[str, float]) -> dict:
    """A hardware sample: metric names to numbers."""
    return {"time": time, "values": values}


def facts(time: int, values: dict[str, str]) -> dict:
    """What the machine is; sent at start and when something of it changes."""
    return {"time": time, "facts": values}


def run_start(time: int, pid: int, user: str) -> dict:
    """The first record of a run's stream: the command has been started."""
    return {"time": time, "start": {"pid": pid, "user": user}}


def run_output(time: int, stream: str, data: bytes) -> dict:
    """A piece of output; `stream` is out or err. Bytes that are not UTF-8 travel as base64."""
    try:
        return {"time": time, stream: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"time": time, stream: "", "binary": base64.b64encode(data).decode("ascii")}


def run_step(time: int, name: str, text: str = "") -> dict:
    """An update has come to the step `name`, one of updates.STEPS."""
    return {"time": time, "step": {"name": name, "text": text}}


def run_end(time: int, state: str, exit_code: int = -1, reason: str = "", cut: int = 0) -> dict:
    """The last record of a run's stream."""
    return {"time": time, "end": {"state": state, "exit_code": exit_code, "reason": reason, "cut": cut}}
