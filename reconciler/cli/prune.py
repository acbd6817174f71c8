"""`reconciler prune`: delete the schedules that were paused because their charters were removed."""

from __future__ import annotations

import dataclasses
import datetime
import pathlib

import click

from reconciler import errors, settings
from reconciler.cli import common, console, progress, reporter, spec_file
from reconciler.cli.options import databases, flags, parameters, servers, specs
from reconciler.plan import guards, plans
from reconciler.runtime import sessions
from reconciler.schedule import declarations
from reconciler.usecases.apply import Job, execute, why_off
from reconciler.usecases.prune import read_prune_plan


@click.command()
@specs.spec
@specs.choice
@servers.connection
@databases.writing_or_lock_only
@click.option(
    "--older-than",
    type=parameters.NOT_NEGATIVE,
    default="0s",
    metavar="TIME",
    help="Delete only schedules paused for at least this long, such as 30d.  [0s]",
)
@flags.yes
@flags.outcome_format
@flags.no_color
@click.pass_obj
def prune(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    writing: settings.Writing,
    older_than: datetime.timedelta,
    yes: bool,
    form: reporter.Form,
    no_color: bool,
) -> errors.ExitCode:
    """After confirmation, delete the schedules that apply paused because their charters were removed."""
    rendering = common.text(out, no_color=no_color, verbose=False)
    reported = reporter.Reporter(
        out, rendering, "prune", form, yes=yes, show=lambda plan: rendering.prune(plan, older_than)
    )

    with reported.errors_reported():
        reported.about(connection, str(spec_path), choice)
        declaration = spec_file.load(out, spec_path, choice)
        reported.declared(declaration)
        job = _Prune(
            command="prune", declaration=declaration, connection=connection, writing=writing, older_than=older_than
        )
        disabled = why_off(declaration, connection)
        if disabled:
            code = reported.skipped(disabled)
        else:
            with sessions.opened(connection, progress.chosen(out, connection, form)) as session:
                code = execute(session, job, reported)
    return reported.finish(code)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Prune(Job):
    older_than: datetime.timedelta
    retries_stale = False

    async def read(self, session: sessions.Session) -> plans.Plan:
        target = session.target(self.declaration)
        return await read_prune_plan(self.declaration, session.schedules, target, self.older_than, session.server_time)

    def guard(self, plan: plans.Plan, present: int) -> None:
        del present
        guards.check_prune(plan)
