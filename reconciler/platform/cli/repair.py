"""Repair users' schedules."""

from __future__ import annotations

import click

from reconciler import errors, settings, spelling
from reconciler.cli import common, console, progress, reporter
from reconciler.cli.options import databases, flags, servers
from reconciler.platform import repair_job, run_ends, users
from reconciler.schedule import declarations


@click.command()
@servers.connection
@databases.writing_or_embedded
@click.option("--keep-manual-pauses", is_flag=True, help="Do not resume manually paused schedules.")
@click.option(
    "--allow-mass-pause",
    is_flag=True,
    help="Allow a repair that pauses most running schedules because they have no row in the database.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Read only schedules whose list entry differs from their row, and leave those without a row alone.",
)
@flags.yes
@flags.outcome_format
@flags.verbose
@flags.no_color
@click.pass_obj
def repair(
    out: console.Console,
    connection: settings.Connection,
    writing: settings.Writing,
    keep_manual_pauses: bool,
    allow_mass_pause: bool,
    quick: bool,
    yes: bool,
    form: reporter.Form,
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Make users' schedules in Temporal match their rows in the database.

    Creates missing schedules, updates those that differ, deletes those whose rows were deleted, and pauses those
    without a row. Closes runs that have ended in Temporal but are still recorded as running.
    """
    wish = repair_job.Wish(keep_manual_pauses=keep_manual_pauses, mass_pause=allow_mass_pause, full=not quick)
    reported = reporter.Reporter(out, common.text(out, no_color=no_color, verbose=verbose), "repair", form, yes=yes)

    shown = progress.chosen(out, connection, form)

    def note(undescribed: int) -> None:
        matching = "schedule matches its row" if undescribed == 1 else "schedules match their rows"
        reported.warn(
            f"Note: {undescribed} {matching} according to the list of schedules; "
            "without --quick, everything is compared."
        )

    def note_closed(closed: int) -> None:
        if closed:
            runs = spelling.counted(closed, "run")
            reported.warn(f"Note: closed {runs} whose end in Temporal had not been recorded.")

    with reported.errors_reported():
        reported.about(connection, users.PATH, declarations.Choice())
        code = repair_job.run(connection, writing, wish, reported, on_undescribed=note, progress=shown)
        if code is errors.ExitCode.OK:
            note_closed(run_ends.close(connection, writing))
    return reported.finish(code)
