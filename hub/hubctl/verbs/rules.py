"""hubctl rules ls | kinds | show | set | add | rm | on | off | reset"""

import click

from hubctl.errors import Usage
from hubctl.options import Desk, ListingGroup, NodeSelector, Pair, confirm, output_option, yes_option
from hubctl.output import JSON, JSONL, TABLE, YAML, Listing, say, show_details, show_list, show_value, state_style
from hubctl.tables import Column
from hubctl.times import clock, moment_of
from hubctl.verbs.alarms import SEVERITIES, STYLES


def listing() -> Listing:
    return Listing(
        columns=(
            Column("RULE", lambda rule: rule["name"]),
            Column("ON", lambda rule: "on" if rule["on"] else "off", style=lambda rule: "" if rule["on"] else "dim"),
            Column("SEVERITY", lambda rule: rule["severity"], style=lambda rule: STYLES.get(rule["severity"], "")),
            Column("OPEN", lambda rule: rule["open"] or "", right=True),
            Column("KIND", lambda rule: rule["kind"]),
            Column("NODES", lambda rule: rule["selector"], least=5),
            Column("SETTINGS", settings_text, least=20),
            Column("ORIGIN", lambda rule: rule["origin"], wide=True, style=lambda rule: state_style(rule["origin"])),
            Column("TITLE", lambda rule: rule["title"], wide=True, least=10),
        ),
        name=lambda rule: rule["name"],
        empty="There is no rule.",
    )


def kinds_listing() -> Listing:
    return Listing(
        columns=(
            Column("KIND", lambda kind: kind["kind"]),
            Column("SETTINGS", lambda kind: " ".join(each["name"] for each in kind["settings"]), least=20),
            Column("ABOUT", lambda kind: kind["about"], least=20),
        ),
        name=lambda kind: kind["kind"])


def settings_text(rule: dict) -> str:
    return " ".join(f"{name}={value}" for name, value in rule["settings"].items() if value not in ("", "*"))


@click.group("rules", cls=ListingGroup)
def command() -> None:
    """Show and change the rules that raise alarms.

    Every hub begins with rules of each kind that are on. docs/alarms.md tells what each looks at.

    \b
    Examples:
      hubctl rules
      hubctl rules set disk-high above=85 clear=80
      hubctl rules off cpu-busy
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_rules(desk: Desk, form: str) -> None:
    """List the rules.

    \b
    Examples:
      hubctl rules ls
      hubctl rules ls -o wide
    """
    show_list(list(desk.client().items("rules")), listing(), form)


@command.command()
@output_option()
@click.pass_obj
def kinds(desk: Desk, form: str) -> None:
    """List the kinds of rules that there are, with their settings.

    \b
    Examples:
      hubctl rules kinds
      hubctl rules kinds -o json
    """
    show_list(desk.client().get("rules", limit=1)["kinds"], kinds_listing(), form)


@command.command()
@click.argument("name")
@output_option(TABLE, JSON, JSONL, YAML)
@click.pass_obj
def show(desk: Desk, name: str, form: str) -> None:
    """A rule, and what each of its settings does.

    \b
    Examples:
      hubctl rules show disk-filling
      hubctl rules show disk-filling -o yaml
    """
    client = desk.client()
    rule = client.get("rules", name)
    if form != TABLE:
        show_value(rule, form)
        return
    kind = _kinds(client)[rule["kind"]]
    show_details([
        ("rule", rule["name"]), ("title", rule["title"]), ("on", "yes" if rule["on"] else "no"), ("kind", rule["kind"]),
        ("about", kind["about"]), ("severity", rule["severity"]),
        ("nodes", rule["selector"] if kind["selects_nodes"] else ""), ("open alarms", rule["open"] or ""),
        ("can't judge", "; ".join(rule.get("unjudged", ()))),
        ("origin", rule["origin"]),
        ("changed", f"{clock(moment_of(rule['changed']))} by {rule['changed_by']}" if rule["changed"] else ""),
        *((each["name"], f"{_shown(rule['settings'].get(each['name']))} {each['unit']}".strip().ljust(16)
           + each["about"]) for each in kind["settings"])])


def _shown(value: object) -> str:
    return "-" if value in (None, "") else str(value)


_severity = click.option("--severity", type=click.Choice(SEVERITIES), default=None, help="How bad it is.")
_selector = click.option("--selector", type=NodeSelector(), default=None, help="Which nodes it is about.")
_title = click.option("--title", metavar="TEXT", default=None, help="What people read in lists.")


@command.command("set")
@click.argument("name")
@click.argument("settings", metavar="[SETTING=VALUE]...", nargs=-1, type=Pair())
@_severity
@_selector
@_title
@click.pass_obj
def change(desk: Desk, name: str, settings: tuple[tuple[str, str], ...], severity: str | None, selector: str | None,
           title: str | None) -> None:
    """Change a rule. `SETTING=` takes one back to its default. Its open alarms are cleared, and raised anew where it is
    still so.

    \b
    Examples:
      hubctl rules set disk-high above=85 clear=80
      hubctl rules set log-errors count=10 window=60 --severity critical
      hubctl rules set node-silent --selector 'not tag:portable'
    """
    client = desk.client()
    body = _given(severity=severity, selector=selector, title=title)
    if settings:
        body["settings"] = _settings(client, client.get("rules", name)["kind"], settings)
    if not body:
        raise Usage("nothing to change was said", f"look what there is: hubctl rules show {name}")
    rule = client.patch("rules", name, body=body)
    say(f"{name}: {rule['severity']}, {rule['selector']}, {settings_text(rule)}")


@command.command()
@click.argument("name")
@click.argument("settings", metavar="[SETTING=VALUE]...", nargs=-1, type=Pair())
@click.option("--kind", required=True, metavar="KIND", help="What it looks at: hubctl rules kinds")
@_severity
@_selector
@_title
@click.pass_obj
def add(desk: Desk, name: str, settings: tuple[tuple[str, str], ...], kind: str, severity: str | None,
        selector: str | None, title: str | None) -> None:
    """Make a rule. Settings that are not given have their defaults.

    \b
    Examples:
      hubctl rules add lab-hot --kind metric metric='temp.*' above=70 clear=60 seconds=120 --selector tag:room=lab
      hubctl rules add oom --kind log pattern='Out of memory' --severity critical
    """
    client = desk.client()
    if any(rule["name"] == name for rule in client.items("rules")):
        raise Usage(f"there is a rule {name} already", f"change it: hubctl rules set {name}")
    body = {"kind": kind, **_given(severity=severity, selector=selector, title=title),
            "settings": _settings(client, kind, settings)}
    rule = client.put("rules", name, body=body)
    say(f"{name} is on: {rule['severity']}, {rule['selector']}, {settings_text(rule)}")


@command.command()
@click.argument("name")
@yes_option
@click.pass_obj
def rm(desk: Desk, name: str, yes: bool) -> None:
    """Remove a rule that people made; one of the hub's own is switched off instead. Its open alarms are cleared.

    \b
    Examples:
      hubctl rules rm lab-hot
      hubctl rules rm lab-hot --yes
    """
    confirm(f"Remove the rule {name}?", yes)
    desk.client().delete("rules", name)
    say(f"{name} is removed.")


@command.command("on")
@click.argument("name")
@click.pass_obj
def switch_on(desk: Desk, name: str) -> None:
    """Switch a rule on.

    \b
    Examples:
      hubctl rules on cpu-busy
    """
    desk.client().patch("rules", name, body={"on": True})
    say(f"{name} is on.")


@command.command("off")
@click.argument("name")
@click.pass_obj
def switch_off(desk: Desk, name: str) -> None:
    """Switch a rule off. Its open alarms are cleared.

    \b
    Examples:
      hubctl rules off cpu-busy
    """
    desk.client().patch("rules", name, body={"on": False})
    say(f"{name} is off.")


@command.command()
@click.argument("name")
@click.pass_obj
def reset(desk: Desk, name: str) -> None:
    """Put one of the hub's own rules back as every hub begins with it.

    \b
    Examples:
      hubctl rules reset disk-high
    """
    rule = desk.client().post("rules", name, "reset")
    say(f"{name} is as it was delivered: {settings_text(rule)}")


def _given(**options: str | None) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _kinds(client) -> dict[str, dict]:
    return {kind["kind"]: kind for kind in client.get("rules", limit=1)["kinds"]}


def _settings(client, kind: str, pairs: tuple[tuple[str, str], ...]) -> dict[str, object]:
    """The settings as the hub takes them: numbers where the kind has numbers, null for "back to the default"."""
    known = _kinds(client)
    if kind not in known:
        raise Usage(f"there is no kind of rules {kind!r}", "look: hubctl rules kinds")
    forms = {each["name"]: each["form"] for each in known[kind]["settings"]}
    found: dict[str, object] = {}
    for name, text in pairs:
        found[name] = None if text == "" else text
        if text and forms.get(name) in ("number", "whole"):
            try:
                found[name] = float(text)
            except ValueError:
                raise Usage(f"{name} is a number, not {text!r}", f"look: hubctl rules kinds, for {kind}") from None
    return found
