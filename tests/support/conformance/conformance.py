"""A conformance program in Python: reads actions (tests/libraries/test_conformance.py says how), logs them."""

import re
import sys

import dvic_log


def plain(field):
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), field)


def typed(text):
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    return float(text) if re.fullmatch(r"-?(0|[1-9]\d*)\.\d+", text) else text


def logged(level, text, *pairs):
    log.log(level, "%s", text, **{key: typed(value) for key, value in (pair.split("=", 1) for pair in pairs)})


log = dvic_log
for line in sys.stdin.buffer:
    action, *given = map(plain, line.decode().rstrip("\n").split("\t"))
    if action == "logger":
        name, *place = given
        log = dvic_log.get_logger(name, *(word or None for word in place))
    elif action == "log":
        logged(*given)
    elif action == "many":
        for _ in range(int(given[0])):
            logged(*given[1:])
    elif action == "say":
        print(given[0], flush=True)
    else:
        getattr(log, action)(*(["%s", given[0]] if given else []))
