"""`reconciler db`: migrate the database, list its migrations, or move the tables of an earlier release."""

from __future__ import annotations

import asyncio

import click

from reconciler import errors, settings, wiring
from reconciler.cli import console
from reconciler.cli.options import databases
from reconciler.postgres import scripts


@click.group()
def db() -> None:
    """Manage the database tables."""


@db.command(short_help="Migrate the tables to this version.")
@databases.database_or_kept
@click.option(
    "--group",
    "groups",
    type=click.Choice(scripts.GROUPS),
    multiple=True,
    help="Migrate only the audit tables (audit) or the tables for users' schedules (schedules); may be repeated.  "
    "[all]",
)
@click.pass_obj
def migrate(out: console.Console, database: settings.Database | None, groups: tuple[str, ...]) -> errors.ExitCode:
    """Migrate the tables to this version; commands that need them do so automatically."""
    migrated = asyncio.run(wiring.migrate(_needed(database, "db migrate"), groups))
    for name in migrated.names:
        out.say(f"{name} applied in schema {migrated.location.current}\n")
    if not migrated.names:
        what = f"The {' and '.join(groups)} tables are" if groups else "The database is"
        out.say(f"{what} up to date, in schema {migrated.location.current}.\n")
    if migrated.pending:
        out.say(f"Pending in the other group: {', '.join(migrated.pending)}.\n")
    _note_earlier(out, migrated.location.earlier)
    return errors.ExitCode.OK


@db.command(name="status", short_help="Show the schema and its migrations.")
@databases.database_or_kept
@click.pass_obj
def db_status(out: console.Console, database: settings.Database | None) -> errors.ExitCode:
    """Show the schema, and each migration with its group and the time it was applied."""
    status = asyncio.run(wiring.migrations(_needed(database, "db status")))
    out.say(f"Schema {status.location.current}{'' if status.location.exists else ', which has no tables yet'}\n")
    for each in status.migrations:
        when = f"applied {each.applied_at:%Y-%m-%d %H:%M:%S} UTC" if each.applied_at else "pending"
        out.say(f"{each.name}  {when}  (group {each.group})\n")
    _note_earlier(out, status.location.earlier)
    return errors.ExitCode.OK


@db.command(short_help="Move an earlier release's tables to their own schema.")
@databases.database_or_kept
@click.pass_obj
def move(out: console.Console, database: settings.Database | None) -> errors.ExitCode:
    """Move an earlier release's tables from the public schema to their own schema."""
    moved = asyncio.run(wiring.move(_needed(database, "db move")))
    schema = moved.location.schema
    if moved.names:
        out.say(f"Moved from schema {moved.source} to schema {schema}: {', '.join(moved.names)}.\n")
    elif moved.location.exists:
        out.say(f"Nothing to move: the tables are in schema {schema}.\n")
    else:
        out.say(f"Nothing to move: the database has no reconciler tables; they will be created in {schema}.\n")
    return errors.ExitCode.OK


def _needed(database: settings.Database | None, what: str) -> settings.Database:
    if database is None:
        raise wiring.needs_database(what)
    return database


def _note_earlier(out: console.Console, earlier: str | None) -> None:
    if earlier:
        out.warn(
            f"Note: the tables are in schema {earlier}, where an earlier release created them; see reconciler db move."
        )
