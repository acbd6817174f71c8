"""`reconciler history`: list the latest applies and their outcomes."""

from __future__ import annotations

import asyncio

import click

from reconciler import errors, settings, wiring
from reconciler.cli import console, reporter
from reconciler.cli.options import databases, flags
from reconciler.documents import records
from reconciler.plan import ports
from reconciler.report import history as history_report

Form = reporter.Form


@click.command()
@databases.database_or_kept
@click.option(
    "--count",
    type=click.IntRange(1, 1000),
    default=20,
    show_default=True,
    help="The maximum number of applies to list.",
)
@flags.outcome_format
@click.option("--verbose", is_flag=True, help="Also list the steps of each apply.")
@click.pass_obj
def history(
    out: console.Console, database: settings.Database | None, count: int, form: Form, verbose: bool
) -> errors.ExitCode:
    """List the latest applies, with who ran each one, when, from which commit, and the outcomes."""
    if database is None:
        raise wiring.needs_database("history")
    found = asyncio.run(_latest(database, count))
    out.say(records.dumps(found) if form == "json" else history_report.text(found, verbose=verbose))
    return errors.ExitCode.OK


async def _latest(database: settings.Database, count: int) -> tuple[ports.Record, ...]:
    async with wiring.audit(settings.Writing(database=database)) as audit:
        return await audit.latest(count) if audit else ()
