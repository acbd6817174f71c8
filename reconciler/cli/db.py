"""`reconciler db`: migrate the database, or list its migrations."""

from __future__ import annotations

import asyncio

import click

from reconciler import errors, wiring
from reconciler.cli import console, options


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
