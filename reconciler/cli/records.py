"""Locks, and what the database knows of earlier applies."""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

import click

from reconciler import errors, settings, wiring
from reconciler.cli import common, console, options, telling
from reconciler.documents import records
from reconciler.plan import ports, wording
from reconciler.report import history as history_report
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations

Form = telling.Form


@click.group()
def lock() -> None:
    """See who holds the lock of the schedules, or take it away."""


@lock.command()
@options.spec
@options.choice
@options.connection
@options.writing
@click.pass_obj
def show(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    writing: settings.Writing,
) -> errors.ExitCode:
    """Say who holds the lock, and since when."""
    prefix = _prefix(out, spec_path, choice)
    with _opened(connection, writing, prefix) as (found, run):
        holder = run(found.holder())
    out.say(f"{_described(holder, prefix)}\n")
    return errors.ExitCode.OK


@lock.command()
@options.spec
@options.choice
@options.connection
@options.writing
@click.option("--yes", is_flag=True, help="Take it away without asking; needed without a terminal.")
@click.pass_obj
def release(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    writing: settings.Writing,
    yes: bool,
) -> errors.ExitCode:
    """Take the lock away from whoever holds it; an apply that loses it stops writing."""
    prefix = _prefix(out, spec_path, choice)
    with _opened(connection, writing, prefix) as (found, run):
        holder = run(found.holder())
        out.say(f"{_described(holder, prefix)}\n")
        if holder is None:
            return errors.ExitCode.OK
        if not yes and not common.agreed(out, f"Take the lock of {prefix}* away from {holder.who}?"):
            out.warn("Cancelled; nothing was changed.")
            return errors.ExitCode.ERROR
        freed = run(found.free())
    out.say(f"Taken away from {freed.who}.\n" if freed else "It is no longer held.\n")
    return errors.ExitCode.OK


def _prefix(out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice) -> str:
    return choice.prefix or common.load(out, spec_path, choice).prefix


def _described(holder: ports.Holder | None, prefix: str) -> str:
    if holder is None:
        return f"No one holds the lock of {prefix}*."
    return f"The lock of {prefix}* is held by {wording.holder(holder, clock.now())}."


@contextlib.contextmanager
def _opened(
    connection: settings.Connection, writing: settings.Writing, prefix: str
) -> Iterator[tuple[ports.Lock, Any]]:
    """Return the chosen lock, and what waits for its answers; Temporal is asked only where the lock is there."""
    found = wiring.offline_lock(writing)
    if found is not None:
        yield found, asyncio.run
        return
    with sessions.opened(connection) as session:
        yield session.lock(writing, prefix), session.run


@click.command()
@options.database_or_kept
@click.option("--count", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many at most.")
@options.outcome_format
@click.option("--verbose", is_flag=True, help="List the steps of each as well.")
@click.pass_obj
def history(out: console.Console, database_url: str | None, count: int, form: Form, verbose: bool) -> errors.ExitCode:
    """List the latest applies: who, when, from which commit, with which outcomes."""
    if database_url is None:
        raise wiring.needs_database("history")
    found = asyncio.run(_latest(database_url, count))
    out.say(records.dumps(found) if form == "json" else history_report.text(found, verbose=verbose))
    return errors.ExitCode.OK


async def _latest(database_url: str, count: int) -> tuple[ports.Record, ...]:
    async with wiring.audit(settings.Writing(database_url=database_url)) as audit:
        return await audit.latest(count) if audit else ()


@click.group()
def db() -> None:
    """Look after the database's tables."""


@db.command()
@options.database_or_kept
@click.pass_obj
def migrate(out: console.Console, database_url: str | None) -> errors.ExitCode:
    """Bring the tables to this version; a command that needs them does so by itself."""
    if database_url is None:
        raise wiring.needs_database("db migrate")
    applied = asyncio.run(wiring.migrate(database_url))
    for name in applied:
        out.say(f"{name} applied\n")
    if not applied:
        out.say("The database is up to date.\n")
    return errors.ExitCode.OK


@db.command(name="status")
@options.database_or_kept
@click.pass_obj
def db_status(out: console.Console, database_url: str | None) -> errors.ExitCode:
    """List the migrations, and when each was applied."""
    if database_url is None:
        raise wiring.needs_database("db status")
    for each in asyncio.run(wiring.migrations(database_url)):
        when = f"applied {each.applied_at:%Y-%m-%d %H:%M:%S} UTC" if each.applied_at else "pending"
        out.say(f"{each.name}  {when}\n")
    return errors.ExitCode.OK
