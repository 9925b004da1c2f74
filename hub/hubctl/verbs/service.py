"""hubctl service ls | show | follow | cycles | create | delete | on | off | level"""

import asyncio
from pathlib import Path

import click

from dvic_wire.streams import LEVELS
from hubctl.errors import OK
from hubctl.options import Desk, ListingGroup, confirm, output_option, yes_option
from hubctl.output import JSONL, NAME, TABLE, WIDE, Listing, say, show_details, show_list, show_value, state_style
from hubctl.tables import Column
from hubctl.times import ago, clock, moment_of, span

CYCLES_A_PAGE = 200


def listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("SERVICE", lambda service: service["name"]),
            Column("STATE", lambda service: service["state"], style=lambda service: state_style(service["state"])),
            Column("CYCLE", lambda service: (service["cycle"] or {}).get("number"), right=True),
            Column("RESULT", lambda service: (service["cycle"] or {}).get("state"),
                   style=lambda service: state_style((service["cycle"] or {}).get("state"))),
            Column("BEGAN", lambda service: _began(service["cycle"], now)),
            Column("STEPS", lambda service: steps_text(service["cycle"]), least=10),
            Column("OFF", lambda service: " ".join(service.get("off") or []), wide=True, least=8),
            Column("TITLE", lambda service: service["title"], least=10),
        ),
        name=lambda service: service["name"],
        empty="There is no monitoring service. To make one: hubctl service create FILE.yaml")


def steps_listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("COMPONENT", lambda step: step["component"]),
            Column("SOURCE", lambda step: step["source"], least=6),
            Column("STATE", lambda step: step["state"], style=lambda step: state_style(step["state"])),
            Column("TOOK", lambda step: _took(step["seconds"]), right=True),
            Column("BEGAN", lambda step: _began(step, now)),
            Column("TRIES", lambda step: step["tries"], wide=True, right=True),
            Column("EVENTS", lambda step: step["events"], wide=True, right=True),
            Column("NODE", lambda step: step["node"], least=6),
            Column("MESSAGE", lambda step: step["trouble"] or step["message"], least=10,
                   style=lambda step: state_style(step["worst"])),
        ),
        name=lambda step: step["component"])


def cycles_listing(now: float) -> Listing:
    return Listing(
        columns=(
            Column("CYCLE", lambda cycle: cycle["number"], right=True),
            Column("STATE", lambda cycle: cycle["state"], style=lambda cycle: state_style(cycle["state"])),
            Column("TOOK", lambda cycle: _took(cycle["seconds"]), right=True),
            Column("BEGAN", lambda cycle: _began(cycle, now)),
            Column("STEPS", steps_text, least=10),
            Column("LATE", lambda cycle: cycle["late"], wide=True, right=True),
            Column("NAME", lambda cycle: cycle["name"], least=8),
        ),
        name=lambda cycle: str(cycle["number"]),
        empty="It has had no cycle yet.")


def steps_text(cycle: dict | None) -> str:
    """How many steps are in which state, in the order in which they first come."""
    counts: dict[str, int] = {}
    for step in (cycle or {}).get("steps", []):
        counts[step["state"]] = counts.get(step["state"], 0) + 1
    return ", ".join(f"{count} {state}" for state, count in counts.items())


def _began(item: dict | None, now: float) -> str:
    return ago(moment_of(item["started"]), now) if item and item.get("started") else ""


def _took(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f}s" if seconds < 60 else span(int(seconds))


@click.group("service", cls=ListingGroup)
def command() -> None:
    """Make, look at, switch and remove monitoring services.

    A service is a processing cycle of components; programs say by dvic_log, by plain log lines or by POST how their
    steps go. docs/operating.md tells what its file holds.

    \b
    Examples:
      hubctl service create meteor.yaml
      hubctl service show meteor
      hubctl service off meteor --component decode
    """


@command.command("ls")
@output_option()
@click.pass_obj
def list_services(desk: Desk, form: str) -> None:
    """List the services, each with its newest cycle.

    \b
    Examples:
      hubctl service ls
      hubctl service ls -o json
    """
    client = desk.client()
    found = list(client.items("services"))
    show_list(found, listing(client.hub_now()), form)


@command.command()
@click.argument("name")
@click.option("--cycle", metavar="NUMBER", default="", help="This cycle instead of the newest.")
@output_option()
@click.pass_obj
def show(desk: Desk, name: str, cycle: str, form: str) -> int:
    """A service, and how the steps of a cycle go.

    \b
    Examples:
      hubctl service show meteor
      hubctl service show meteor --cycle 41
      hubctl service show meteor -o json
    """
    client = desk.client()
    service = client.get("services", name)
    if cycle:
        service["cycle"] = client.get("services", name, "cycles", cycle)
    shown = service["cycle"]
    steps = shown["steps"] if shown else [_step_to_come(part) for part in service["description"]["components"]]
    if form not in (TABLE, WIDE, NAME):
        show_value(service, form)
        return OK
    if form != NAME:
        show_details(details(service, shown))
        click.echo()
    show_list(steps, steps_listing(client.hub_now()), form)
    return OK


def details(service: dict, cycle: dict | None) -> list[tuple[str, object]]:
    """A service and one of its cycles, each side with its title."""
    levels = " ".join(f"{part or 'all'}={level}" for part, level in service["levels"].items())
    counted = ", ".join(f"{count} {why}" for why, count in sorted(service["counted"].items()))
    return [("service", service["name"]), ("title", service["title"]), ("state", service["state"]),
            ("off", " ".join(service.get("off") or [])), ("not told by", " ".join(muted(service))), ("levels", levels),
            ("next due", clock(moment_of(service["due"])) if service["due"] else ""),
            ("nodes", service["description"].get("nodes", "all")),
            ("cycle", f"{cycle['number']} {cycle['name']}".rstrip() if cycle else "none yet"),
            ("result", cycle["state"] if cycle else ""), ("took", _took(cycle["seconds"]) if cycle else ""),
            ("began", clock(moment_of(cycle["started"])) if cycle and cycle["started"] else ""),
            ("late events", cycle["late"] if cycle and cycle["late"] else ""), ("moved nothing", counted)]


def _step_to_come(component: dict) -> dict:
    return {"component": component["name"], "source": " ".join(component.get("sources", [])), "state": "idle",
            "seconds": None, "started": None, "tries": 0, "events": 0, "node": "", "message": "", "trouble": "",
            "worst": ""}


@command.command()
@click.argument("name")
@click.option("-n", "--lines", type=click.IntRange(1), default=20, show_default=True, help="How many, newest first.")
@output_option()
@click.pass_obj
def cycles(desk: Desk, name: str, lines: int, form: str) -> None:
    """List the cycles of a service, newest first.

    \b
    Examples:
      hubctl service cycles meteor
      hubctl service cycles meteor -n 100 -o json
    """
    client = desk.client()
    found = list(client.items("services", name, "cycles", limit=lines, page=CYCLES_A_PAGE))
    show_list(found, cycles_listing(client.hub_now()), form)


@command.command()
@click.argument("name", default="")
@output_option(TABLE, JSONL)
@click.pass_obj
def follow(desk: Desk, name: str, form: str) -> None:
    """Show each step of a service (or of all) as it goes, until Ctrl-C.

    \b
    Examples:
      hubctl service follow meteor
      hubctl service follow -o jsonl
    """
    from hubctl.service_session import ServiceSession  # noqa: PLC0415 (aiohttp takes 180 ms)

    asyncio.run(ServiceSession(desk.client(), name, form).follow())


@command.command()
@click.argument("file", metavar="FILE.yaml", type=click.Path(path_type=Path))
@click.option("--replace", "name", metavar="NAME", default="", help="Change this service; its history stays.")
@click.pass_obj
def create(desk: Desk, file: Path, name: str) -> None:
    """Make a service from its description, in YAML or JSON.

    \b
    Examples:
      hubctl service create meteor.yaml
      hubctl service create meteor.yaml --replace meteor
    """
    client = desk.client()
    service = client.upload(file, "services", name, method="PUT") if name else client.upload(file, "services")
    count = len(service["description"]["components"])
    say(f"{service['name']} has {count} component{'s' * (count != 1)}. "
        f"Look at it: hubctl service show {service['name']}")


@command.command()
@click.argument("name")
@yes_option
@click.pass_obj
def delete(desk: Desk, name: str, yes: bool) -> None:
    """Remove a service and its cycles. Log lines stay.

    \b
    Examples:
      hubctl service delete meteor
      hubctl service delete meteor --yes
    """
    confirm(f"Remove the service {name} and all its cycles?", yes)
    desk.client().delete("services", name)
    say(f"{name} is removed.")


_component_option = click.option("--component", "components", metavar="NAME", multiple=True,
                                 help="Only this component (may be said again).")
_email_option = click.option("--email", is_flag=True, help="Only that its alarms are told by e-mail.")
_telegram_option = click.option("--telegram", is_flag=True, help="Only that its alarms are told by Telegram.")


@command.command("on")
@click.argument("name")
@_component_option
@_email_option
@_telegram_option
@click.pass_obj
def switch_on(desk: Desk, name: str, components: tuple[str, ...], email: bool, telegram: bool) -> None:
    """Switch a service on, or some of its components, or by what its alarms are told.

    \b
    Examples:
      hubctl service on meteor
      hubctl service on meteor --component decode
      hubctl service on meteor --email
    """
    _switch(desk, name, components, email, telegram, True)


@command.command("off")
@click.argument("name")
@_component_option
@_email_option
@_telegram_option
@click.pass_obj
def switch_off(desk: Desk, name: str, components: tuple[str, ...], email: bool, telegram: bool) -> None:
    """Switch a service off, or some of its components: nothing moves them until they are switched on.

    With --email or --telegram the service goes on, and nobody is told of its alarms by these.

    \b
    Examples:
      hubctl service off meteor
      hubctl service off meteor --component decode --component extract
      hubctl service off meteor --email
    """
    _switch(desk, name, components, email, telegram, False)


@command.command()
@click.argument("name")
@click.argument("level", type=click.Choice(("all", *LEVELS)))
@click.option("--component", metavar="NAME", default="", help="Only this component.")
@click.pass_obj
def level(desk: Desk, name: str, level: str, component: str) -> None:
    """Set from which level on programs shall log. Those that use dvic_log follow within seconds.

    \b
    Examples:
      hubctl service level meteor warning
      hubctl service level meteor debug --component decode
      hubctl service level meteor all
    """
    wanted = {"level": "" if level == "all" else level, "component": component}
    desk.client().put("services", name, "level", body=wanted)
    say(f"{component or name} logs {'everything' if level == 'all' else f'from {level} on'}.")


def _switch(desk: Desk, name: str, components: tuple[str, ...], email: bool, telegram: bool, on: bool) -> None:
    change = {"components": dict.fromkeys(components, on)} if components else {}
    change |= {medium: on for medium, wanted in (("email", email), ("telegram", telegram)) if wanted}
    service = desk.client().patch("services", name, body=change or {"on": on})
    parts = [*(service.get("off") or []), *muted(service)]
    off = f"; off: {', '.join(parts)}" if parts else ""
    say(f"{name} is {'on' if service['on'] else 'off'}{off}.")


def muted(service: dict) -> list[str]:
    """The media by which nobody is told of its alarms."""
    return [medium for medium in ("email", "telegram") if not service.get(medium, True)]
