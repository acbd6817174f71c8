"""The types of option values, and a helper that adds options to a command."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from reconciler import input_files, settings
from reconciler.timing import durations, moments

Command = TypeVar("Command", bound=Callable[..., Any])
"""A command's function, to which options are added."""


def with_options(command: Callable[..., Any], options: Sequence[Callable[[Any], Any]]) -> Callable[..., Any]:
    """Return the command with these options, in the order in which `--help` lists them."""
    for option in reversed(options):
        command = option(command)
    return command


class _Text(click.ParamType[str]):
    """Text that can be encoded; bytes that are not UTF-8 arrive as lone surrogates, which cannot be encoded.

    A `line` must not contain control or invisible characters either.
    """

    name = "text"

    def __init__(self, *, line: bool) -> None:
        self._line = line

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wrong = fault(value, line=self._line)
        if wrong:
            self.fail(f"it {wrong}.", param, ctx)
        return str(value)


def fault(value: str, *, line: bool) -> str:
    """Return why a string is not accepted, or an empty string if it is."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    return "contains a control character" if line and not value.isprintable() else ""


class FilePath(click.Path):
    """The path to a file; empty text is refused, because it would mean the current directory."""

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(path_type=pathlib.Path, allow_dash=allow_dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("it is empty; specify a file.", param, ctx)
        return super().convert(value, param, ctx)


class SpecPath(FilePath):
    """The path to a spec, which appears in schedules' notes; `-` means standard input where that is supported."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "-" and self.allow_dash:
            return input_files.STANDARD_INPUT
        if value == "-":
            self.fail("standard input can be read only once, but the repo-spec is read for each sync; specify a file")
        TEXT.convert(str(value), param, ctx)
        return super().convert(value, param, ctx)


class _Name(_Text):
    """A name; an environment variable contains a single name, even if there are spaces in it."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


class _Duration(click.ParamType[datetime.timedelta]):
    """A duration as written in a spec, within limits."""

    name = "duration"

    def __init__(self, *, least: datetime.timedelta) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.timedelta:
        if isinstance(value, datetime.timedelta):
            return value
        try:
            found = durations.parse(value, longest=settings.LONGEST)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if found < self._least:
            self.fail(f"{value!r} is too short; use {durations.render(self._least)} or more.", param, ctx)
        return found


class _Address(click.ParamType[tuple[str, int]]):
    """The address to listen on: `host:port`, with an IPv6 address in brackets."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, _, port = value.rpartition(":")
        if not (host and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) < 65_536):
            self.fail(f"{value!r} is not a valid address; use host:port, such as 127.0.0.1:8080.", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


class _Schema(click.ParamType[str]):
    """The name of a PostgreSQL schema, used verbatim: case and special characters are preserved."""

    name = "schema"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        wrong = settings.schema_fault(LINE.convert(value or settings.DATABASE_SCHEMA, param, ctx))
        if wrong:
            self.fail(f"{value!r} {wrong}; choose a different schema name.", param, ctx)
        return value or settings.DATABASE_SCHEMA  # an unset variable arrives as an empty string


class _Moment(click.ParamType[datetime.datetime]):
    """A point in time as written in a spec."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        try:
            return moments.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Rate(click.ParamType[float]):
    """The maximum number of requests per second."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return settings.rate(value)
        except ValueError as error:
            self.fail(f"{value!r} is not a valid rate: {error}.", param, ctx)


LINE = _Text(line=True)
TEXT = _Text(line=False)
NAME = _Name(line=True)
NOT_NEGATIVE = _Duration(least=durations.ZERO)
POSITIVE = _Duration(least=datetime.timedelta(seconds=0.1))
ADDRESS = _Address()
SCHEMA = _Schema()
MOMENT = _Moment()
FILE = FilePath()
RATE = _Rate()
