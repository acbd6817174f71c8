"""The reference of all commands and options, generated from the command line itself; part of docs/commands.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import click

from reconciler.cli import commands

NAME = "reconciler"
GROUPS: Mapping[str, Sequence[str]] = {
    "Selection options": ("--environment", "--prefix", "--owner", "--var"),
    "Connection options": (
        *("--address", "--namespace", "--profile", "--api-key", "--identity", "--grpc-meta"),
        *("--config-file", "--disable-config-file", "--disable-config-env"),
        *("--tls", "--tls-server-name", "--tls-ca-path", "--tls-cert-path", "--tls-key-path"),
        *("--tls-ca-data", "--tls-cert-data", "--tls-key-data"),
        *("--codec-endpoint", "--codec-auth", "--codec-header", "--request-timeout", "--rate"),
    ),
    "Lock options": ("--lock", "--lock-timeout", "--lock-lease"),
    "Log options": ("--log-format", "--log-level", "--quiet"),
}
"""The options that many commands share, by the heading of their table."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of one or more commands, as the help of each prints it."""

    name: str
    usage: str
    text: str

    @property
    def row(self) -> str:
        """Return the cells of a table."""
        return f"| `{_code(self.usage)}` | {_cell(self.text)} |"


def lines() -> list[str]:
    """Return the reference in Markdown."""
    found = dict(_commands())
    options: dict[Option, list[str]] = {}
    for name, context in found.items():
        for option in _options(context):
            options.setdefault(option, []).append(name)
    shared = {option: heading for option in options for heading in [_heading(option, options)] if heading}
    parts = ["| command | | options |", "|---|---|---|"]
    parts += [_command(name, context, shared) for name, context in found.items()]
    for heading in GROUPS:
        members = sorted((each for each in shared if shared[each] == heading), key=lambda each: _place(each, heading))
        parts += ["", f"### {heading}", "", "| option | |", "|---|---|", *(option.row for option in members)]
    others = sorted(options.keys() - shared.keys(), key=lambda option: (option.name, options[option]))
    parts += ["", "### Other options", "", "| option | | commands |", "|---|---|---|"]
    parts += [f"{option.row} {', '.join(f'`{name}`' for name in options[option])} |" for option in others]
    return parts


def _commands() -> Iterator[tuple[str, click.Context]]:
    """Yield every command that does something, by name, such as `db migrate`, in alphabetical order."""
    waiting = [click.Context(commands.app, info_name=NAME)]
    while waiting:
        context = waiting.pop()
        if isinstance(context.command, click.Group):
            named = [
                (name, context.command.get_command(context, name)) for name in context.command.list_commands(context)
            ]
            inner = [click.Context(each, info_name=name, parent=context) for name, each in named if each]
            waiting += sorted(inner, key=lambda each: each.info_name or "", reverse=True)
        else:
            yield context.command_path.removeprefix(f"{NAME} "), context


def _options(context: click.Context) -> Iterator[Option]:
    for param in context.command.params:
        record = param.get_help_record(context)
        if isinstance(param, click.Option) and record:
            variable = f" Environment variable: `{param.envvar}`." if param.envvar else ""
            name = next(each for each in param.opts if each.startswith("--"))
            yield Option(name=name, usage=record[0], text=" ".join(record[1].split()) + variable)


def _heading(option: Option, options: Mapping[Option, Sequence[str]]) -> str:
    """Return the group of an option; empty if only a single command describes it this way."""
    group = next((heading for heading, names in GROUPS.items() if option.name in names), "")
    return group if len(options[option]) > 1 else ""


def _place(option: Option, heading: str) -> int:
    return GROUPS[heading].index(option.name)


def _command(name: str, context: click.Context, shared: Mapping[Option, str]) -> str:
    arguments = [param.make_metavar(context) for param in context.command.params if isinstance(param, click.Argument)]
    described = " ".join((context.command.help or "").split())
    own = list(_options(context))
    used = {shared[option] for option in own if option in shared}
    groups = [f"[{heading.lower()}](#{heading.lower().replace(' ', '-')})" for heading in GROUPS if heading in used]
    names = [f"`{option.name}`" for option in own if option not in shared]
    usage = " ".join([NAME, name, *arguments])
    return f"| `{_code(usage)}` | {_cell(described)} | {', '.join([*groups, *names])} |"


def _code(value: str) -> str:
    return value.replace("|", "\\|")


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")
