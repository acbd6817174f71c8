"""The log on standard error, as text or JSON lines; at the debug level, it includes every call to the server."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import click

from reconciler.cli import console
from reconciler.runtime import logs as lines

Form = Literal["text", "json"]
OPTION = "--log-format"
VARIABLE = "RECONCILER_LOG_FORMAT"
_LEVELS = ("debug", "info", "warning", "error")


class _Handler(logging.Handler):
    """Writes log records to the same place as all other messages; the record's `fields` are its data."""

    def __init__(self, out: console.Console) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        fields = lines.fields(record)
        text = record.getMessage() if self._out.structured else lines.line(record)
        self._out.warn(text, record.levelname.lower(), logger=record.name, **fields)


def wants_json(arguments: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Return whether messages should be written as JSON lines, based on the raw arguments, which may be invalid."""
    form = environ.get(VARIABLE, "")
    for option, value in itertools.pairwise([*arguments, ""]):
        if option == "--":
            break
        if option == OPTION:
            form = value
        elif option.startswith(f"{OPTION}="):
            form = option.partition("=")[2]
    return form == "json"


def _chosen(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Set up the log; the level defaults to `info` for JSON and to `warning` for text."""
    out = ctx.find_object(console.Console)
    if out is None:
        return
    logger = logging.getLogger("reconciler")
    if not logger.handlers:
        logger.addHandler(_Handler(out))
    if value is None:
        return
    if param.name == "log_format":
        out.structured = value == "json"
    if param.name == "log_level":
        logger.setLevel(value.upper())
    elif logger.level == logging.NOTSET and value == "json":
        logger.setLevel(logging.INFO)


def _quiet(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    out = ctx.find_object(console.Console)
    if out is not None:
        out.quiet = value


def adopt(out: console.Console, name: str, level: int) -> None:
    """Send a library's records at or above a level to the same place as all other messages, and nowhere else."""
    logger = logging.getLogger(name)
    logger.addHandler(_Handler(out))
    logger.setLevel(level)
    logger.propagate = False


def options() -> list[click.Option]:
    """Return the log options, which every command has."""
    return [
        click.Option(
            [OPTION],
            type=click.Choice(["text", "json"]),
            envvar=VARIABLE,
            expose_value=False,
            is_eager=True,
            callback=_chosen,
            help="The format of messages on standard error.  [text]",
        ),
        click.Option(
            ["--log-level"],
            type=click.Choice(_LEVELS),
            envvar="RECONCILER_LOG_LEVEL",
            expose_value=False,
            is_eager=True,
            callback=_chosen,
            help="The minimum level to log.  [info with --log-format json, otherwise warning]",
        ),
        click.Option(
            ["--quiet"],
            is_flag=True,
            envvar="RECONCILER_QUIET",
            expose_value=False,
            callback=_quiet,
            help="Do not show progress on standard error.",
        ),
    ]
