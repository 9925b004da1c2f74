"""Man pages and shell completions, made from the programs' own command lines, so that they can't disagree with them.

    python3 packaging/debian/pages.py OUT dvic-agent dvic-executor      # argparse; needs the agent only
    python3 packaging/debian/pages.py OUT dvic-hub hubctl               # click

OUT is laid out as the root of a file system.
"""

import argparse
import gzip
import importlib
import os
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PROGRAMS = {
    "dvic-agent": ("dvic_agent.__main__", "parser", 1, "report what this machine does to a DVIC hub", (
        "/etc/dvic-agent/agent.toml: settings, all of which have defaults",
        "/etc/dvic-agent/hub.json: the pinned hub, written by dvic-agent enroll",
        "/etc/dvic-agent/policy.toml: what this machine's owner allows the hub",
        "/var/lib/dvic-agent/state: this node's key and what was not sent yet")),
    "dvic-executor": ("dvic_agent.executor.__main__", "parser", 8, "start what the pinned hub has signed", (
        "/etc/dvic-agent/policy.toml: what this machine's owner allows the hub",
        "/run/dvic-executor.sock: where the agent asks",
        "/var/lib/dvic-agent/runs: the output of runs until the hub has it",
        "/var/lib/dvic-agent/executor/update: an update under way, and the package that the last one installed")),
    "dvic-hub": ("dvic_hub.__main__", "main", 1, "keep, show and command the machines of one place", (
        "/etc/dvic-hub/hub.toml: settings, written by dvic-hub setup",
        "/var/lib/dvic-hub: the hub's key, its database and history")),
    "hubctl": ("hubctl.__main__", "hubctl", 1, "see, follow and command the machines of a DVIC hub", (
        "~/.config/dvic/hubctl.toml: the hubs that you are signed in to",)),
}
"""Program: module, what holds its command line, section, one line about it, files."""

SEE_ALSO = ("dvic-agent(1)", "dvic-executor(8)", "dvic-hub(1)", "hubctl(1)")


@dataclass(frozen=True)
class Command:
    """A program or one of its verbs. `text`: paragraphs; a line that begins with a blank is shown as it is."""

    name: str
    usage: str
    text: str
    options: list[tuple[str, str]] = field(default_factory=list)
    verbs: list["Command"] = field(default_factory=list)


def from_argparse(parser: argparse.ArgumentParser, name: str, about: str = "") -> Command:
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split()).removeprefix(name).strip()
    options, verbs = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            verbs = [from_argparse(sub, f"{name} {verb}") for verb, sub in action.choices.items()]
        elif action.help is not argparse.SUPPRESS:
            shown = action.metavar or (action.dest.upper() if action.option_strings and action.nargs != 0 else "")
            flags = ", ".join(action.option_strings)
            said = (action.help or "") % {"prog": parser.prog}
            options.append((f"{flags} {shown}".strip() if flags else action.metavar or action.dest, said))
    text = "\n\n".join(part for part in (parser.description or about, parser.epilog) if part)
    return Command(name, usage, text, options, verbs)


def from_click(command, name: str, parent=None) -> Command:
    import click  # noqa: PLC0415 (the agent's build has none)

    ctx = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent)
    options = [record for param in command.get_params(ctx) if (record := param.get_help_record(ctx))]
    verbs = []
    if isinstance(command, click.Group):
        verbs = [from_click(command.get_command(ctx, verb), f"{name} {verb}", ctx)
                 for verb in command.list_commands(ctx)]
    text = "\n\n".join(part for part in (command.help, command.epilog) if part).replace("\b\n", "")
    return Command(name, " ".join(command.collect_usage_pieces(ctx)), text, options, verbs)


def roff(text: str) -> str:
    """Text that roff takes for text: no escapes, no requests."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in escaped.splitlines())


def body(text: str) -> str:
    """Paragraphs; what is indented stays as it is."""
    parts, shown = [], False
    for line in text.strip().splitlines():
        keep = line.startswith(" ")
        if keep != shown:
            parts.append(".nf" if keep else ".fi")
            shown = keep
        parts.append(roff(line) if line.strip() else ".PP" if not keep else "")
    return "\n".join(part for part in [*parts, ".fi" if shown else ""] if part)


def options(command: Command, known: list[tuple[str, str]] | tuple = ()) -> str:
    """What a command takes, save for what is `known` already."""
    return "\n".join(f".TP\n\\fB{roff(flags)}\\fR\n{roff(' '.join(said.split())) or chr(92) + '&'}"
                     for flags, said in command.options if (flags, said) not in known)


def all_verbs(command: Command) -> list[Command]:
    """The verbs below a command that can be called, in order."""
    return [found for verb in command.verbs for found in (all_verbs(verb) if verb.verbs else [verb])]


def man_page(command: Command, section: int, about: str, files: tuple[str, ...], version: str, date: str) -> str:
    parts = [f'.TH {command.name.upper()} {section} "{date}" "DVIC {version}" "DVIC"', ".SH NAME",
             f"{roff(command.name)} \\- {roff(about)}", ".SH SYNOPSIS",
             f"\\fB{roff(command.name)}\\fR {roff(command.usage)}", ".SH DESCRIPTION", body(command.text)]
    if command.options:
        parts += [".SH OPTIONS", options(command)]
    if command.verbs:
        parts.append(".SH COMMANDS")
        for verb in all_verbs(command):
            parts += [f".SS {roff(verb.name)} {roff(verb.usage)}", body(verb.text), options(verb, command.options)]
    parts += [".SH FILES", *(f".TP\n\\fI{roff(path)}\\fR\n{roff(said)}"
                             for path, said in (line.split(": ", 1) for line in files))]
    parts += [".SH SEE ALSO", roff(", ".join(page for page in SEE_ALSO if not page.startswith(f"{command.name}(")))]
    return "\n".join(part for part in parts if part) + "\n"


def _flags(command: Command) -> str:
    return " ".join(word for flags, _ in command.options for word in re.findall(r"(?<!\S)--?[a-z-]+", flags))


def completions(command: Command) -> dict[str, str]:
    """By file: completion for bash, zsh and fish of a program that can't complete itself."""
    name, verbs = command.name, command.verbs
    function = "_" + name.replace("-", "_")
    words = " ".join(verb.name.split()[-1] for verb in verbs)
    cases = "\n".join(f"        {verb.name.split()[-1]}) words='{_flags(verb)}' ;;" for verb in verbs)
    choose = f"        *) words='{words} {_flags(command)}' ;;"
    bash = (f"# bash completion for {name}\n{function}() {{\n    local words\n    case ${{COMP_WORDS[1]}} in\n{cases}\n"
            f"{choose}\n    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"${{COMP_WORDS[COMP_CWORD]}}\"))\n"
            f"    [ ${{#COMPREPLY[@]}} -gt 0 ] || compopt -o default\n}}\ncomplete -F {function} {name}\n")
    zsh = (f"#compdef {name}\nlocal words_\ncase $words[2] in\n{cases.replace('words=', 'words_=')}\n"
           f"{choose.replace('words=', 'words_=')}\nesac\ncompadd -- ${{=words_}} || _files\n")
    fish = "".join(f"complete -c {name} -n __fish_use_subcommand -a {verb.name.split()[-1]}\n" for verb in verbs)
    for verb in verbs:
        for flag in re.findall(r"--([a-z-]+)", _flags(verb)):
            fish += f"complete -c {name} -n '__fish_seen_subcommand_from {verb.name.split()[-1]}' -l {flag}\n"
    return _completion_files(name, bash, zsh, fish)


def click_completions(program, name: str) -> dict[str, str]:
    from click.shell_completion import get_completion_class  # noqa: PLC0415

    variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
    return _completion_files(name, *(get_completion_class(shell)(program, {}, name, variable).source() + "\n"
                                     for shell in ("bash", "zsh", "fish")))


def _completion_files(name: str, bash: str, zsh: str, fish: str) -> dict[str, str]:
    return {f"usr/share/bash-completion/completions/{name}": bash,
            f"usr/share/zsh/vendor-completions/_{name}": zsh,
            f"usr/share/fish/vendor_completions.d/{name}.fish": fish}


def main(out: Path, names: list[str]) -> None:
    top = Path(__file__).parents[2]
    version = re.search(r"^version = (.+)$", (top / "setup.cfg").read_text(), re.M)[1]
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH", time.time()))))
    for name in names:
        module, holder, section, about, files = PROGRAMS[name]
        program = getattr(importlib.import_module(module), holder)
        if holder == "parser":
            command = from_argparse(program(), name, about)
            written = completions(command) if command.verbs else {}
        else:
            command, written = from_click(program, name), click_completions(program, name)
        page = man_page(command, section, about, files, version, date)
        _write(out / f"usr/share/man/man{section}/{name}.{section}.gz", gzip.compress(page.encode(), 9, mtime=0))
        for path, text in written.items():
            _write(out / path, text.encode())


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


if __name__ == "__main__":
    os.environ["COLUMNS"] = "100"
    main(Path(sys.argv[1]), sys.argv[2:])
