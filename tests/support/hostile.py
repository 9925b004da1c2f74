"""What comes from outside and means harm to a page: texts for every place that a hub keeps, put there through its own
doors. Whatever of it is run sets `window.harmed`; shown as text it harms nobody."""

import json
import os
import time

from probe_debs import make_deb
from rig import Rig, until

MARKUP = "<img src=x onerror=\"window.harmed='img'\"><script>window.harmed='script'</script>"
BREAKOUT = "\"'><svg/onload=window.harmed='svg'>{{constructor.constructor('window.harmed=1')()}}`${window.harmed=1}`"
LINK = "javascript:window.harmed='link'"
TERMINAL = "\x1b[2J\x1b[31mred\x1b]0;title\x07\x1b[?1049h\x9b5n\x08\x08over"
BACKWARDS = "\u202egnirts desrever\u202c \u2066isolated\u2069 \u200bzero\u200d width\ufeff"
LONG = "w" * 3000
TEXTS = (MARKUP, BREAKOUT, LINK, TERMINAL, BACKWARDS, LONG, "\ufffd \U0001f4a3 e\u0301\u0301\u0301\u0301 %s%n",
         "over\rtwo\nlines\r\nand\ttabs")

ESCAPED = ("\\x1b]0;title\\x07\\x1b[?1049h\\x9b5n", "\\u202egnirts desrever\\u202c")
"""How TERMINAL and BACKWARDS are shown, wherever colours may be taken over or not."""

LONGEST_NAME = "n" * 64

HARM = """() => ({
    ran: window.harmed ?? null,
    images: [...document.images].filter((image) => image.getAttribute("src") === "x").length,
    handlers: [...document.querySelectorAll("*")].filter((each) => [...each.attributes].some((attribute) =>
        attribute.name.startsWith("on"))).length,
    links: [...document.links].filter((link) => link.protocol === "javascript:").length,
    scripts: [...document.scripts].filter((script) => !script.src).length,
})"""
HARMLESS = {"ran": None, "images": 0, "handlers": 0, "links": 0, "scripts": 0}


def assert_harmless(page) -> None:
    """Nothing of it was carried out, or is there to be."""
    assert page.evaluate(HARM) == HARMLESS


def furnish(rig: Rig, agent: str = "ada") -> dict[str, str]:
    """Fill the hub with hostile texts; returns the ids of what was made: run, token, program, rollout, silence,
    session."""
    made: dict[str, str] = {}
    logs = rig.agents[agent].logs
    header = {"dvic_log": 1, "pid": os.getpid(), "executable": BREAKOUT, "user": MARKUP, "name": MARKUP,
              "start": int(time.time() * 1e6), "library": BACKWARDS}
    for name in ("<img src=x onerror=harmed=1>", "\u202e" + "l" * 100, "a b\x1b[31m"):
        with (logs / f"dvic_log_{name}").open("a") as file:
            file.write(json.dumps(header) + "\n")
            for text in TEXTS:
                record = {"time": int(time.time() * 1e6), "level": "error", "message": text, "logger": BREAKOUT,
                          "fields": {MARKUP[:60]: BREAKOUT, "voltage": LONG[:500]}}
                file.write(json.dumps(record) + "\n" + text.replace("\n", " ") + "\n")
    tags = {LONGEST_NAME: "v" * 64, "a": ":@+/-."}
    status, answer = rig.request("PATCH", f"/api/v1/nodes/{agent}", {"tags": tags})
    assert status == 200, answer
    status, answer = rig.request("POST", "/api/v1/nodes", {"name": LONGEST_NAME, "generate": True,
                                                           "tags": {f"t{number}": "x" * 64 for number in range(20)}})
    assert status in (201, 409), answer
    for number, text in enumerate((MARKUP, BREAKOUT, BACKWARDS, LONG[:200])):
        made["token"] = _made(rig, "tokens", {"ttl": 3600, "uses": 1, "note": text[:200], "tags": {f"k{number}": ""}})
        made["program"] = _made(rig, "api-tokens", {"note": text[:200], "role": "viewer", "ttl": 3600})
    script = "#!/bin/sh\nprintf '%s\\n' \"$1\"; printf '%s\\n' \"$1\" >&2; exit 3"
    made["run"] = _made(rig, "runs", {"selector": agent, "script": script, "argv": ["\n".join(TEXTS)],
                                      "reason": MARKUP[:100] + BACKWARDS})
    deb = make_deb(rig.folder / "hostile", "dvic-agent", "99")
    rig.hubctl("release", "add", str(deb))
    made["rollout"] = _made(rig, "rollouts", {"selector": LONGEST_NAME, "queue": 3600,
                                              "reason": MARKUP[:100] + BACKWARDS})
    made["silence"] = _made(rig, "silences", {"selector": f"{agent} or {LONGEST_NAME}", "seconds": 3600,
                                              "reason": MARKUP[:100] + BACKWARDS})
    until(lambda: rig.request("GET", f"/api/v1/runs/{made['run']}")[1]["ended"], "the hostile run ends")
    until(lambda: any("harmed" in item["message"] for item in rig.logs()), "hostile lines are stored")
    shown = {"node": agent, "argv": ["printf", "%s\\n", *TEXTS], "title": MARKUP[:100]}
    made["session"] = _made(rig, "sessions", shown)
    until(lambda: rig.request("GET", f"/api/v1/sessions/{made['session']}")[1]["ended"], "the hostile terminal ends")
    _made(rig, "sessions", {"node": agent, "argv": ["cat", BREAKOUT], "title": BREAKOUT[:100]})
    rig.request("POST", "/api/v1/login", {"user": BREAKOUT[:60], "password": "x"}, signed_in=False)
    return made


def _made(rig: Rig, what: str, body: dict) -> str:
    status, answer = rig.request("POST", f"/api/v1/{what}", body)
    assert status == 201, answer
    return answer["id"]
