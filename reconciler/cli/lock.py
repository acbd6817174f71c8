"""`reconciler lock`: show or release the lock on the schedules."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import click

from reconciler import errors, settings, wiring
from reconciler.cli import common, console, spec_file
from reconciler.cli.options import databases, flags, servers, specs
from reconciler.plan import labels, ports
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations, ownership


@click.group()
def lock() -> None:
    """Show or release the lock on the schedules."""


@lock.command()
@specs.spec
@specs.choice
@servers.connection
@databases.writing
@click.pass_obj
def show(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    writing: settings.Writing,
) -> errors.ExitCode:
    """Show who holds the lock and since when."""
    prefixes = _prefixes(out, spec_path, choice)
    with _opened(connection, writing, prefixes) as (found, run):
        holder = run(found.holder())
    out.say(f"{_described(holder, prefixes)}\n")
    return errors.ExitCode.OK


@lock.command(short_help="Release the lock, no matter who holds it.")
@specs.spec
@specs.choice
@servers.connection
@databases.writing
@flags.yes
@click.pass_obj
def release(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    writing: settings.Writing,
    yes: bool,
) -> errors.ExitCode:
    """Release the lock, no matter who holds it; an apply that loses it stops writing."""
    prefixes = _prefixes(out, spec_path, choice)
    with _opened(connection, writing, prefixes) as (found, run):
        holder = run(found.holder())
        out.say(f"{_described(holder, prefixes)}\n")
        if holder is None:
            return errors.ExitCode.OK
        if not yes and not common.agreed(
            out, f"Release the lock on {ownership.shown(prefixes)}, held by {holder.who}?"
        ):
            out.warn("Cancelled; nothing was changed.")
            return errors.ExitCode.ERROR
        freed = run(found.free())
    out.say(f"Released the lock held by {freed.who}.\n" if freed else "The lock was released in the meantime.\n")
    return errors.ExitCode.OK


def _prefixes(out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice) -> ownership.Prefixes:
    return choice.prefixes or spec_file.load(out, spec_path, choice).prefixes


def _described(holder: ports.Holder | None, prefixes: ownership.Prefixes) -> str:
    if holder is None:
        return f"No one holds the lock on {ownership.shown(prefixes)}."
    predicate = labels.taken(holder, clock.now(), been="has been held", being="is held")
    return f"The lock on {ownership.shown(prefixes)} {predicate}."


@contextlib.contextmanager
def _opened(
    connection: settings.Connection, writing: settings.Writing, prefixes: ownership.Prefixes
) -> Iterator[tuple[ports.Lock, Any]]:
    """Yield the chosen lock and a function that runs its coroutines; connect to Temporal only for a lock there."""
    found = wiring.offline_lock(writing)
    if found is not None:
        yield found, asyncio.run
        return
    with sessions.opened(connection) as session:
        yield session.lock(writing, prefixes), session.run
