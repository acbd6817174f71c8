"""`reconciler plan`: show what an apply would change."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Literal

import click

from reconciler import errors, settings
from reconciler.cli import common, console, progress, rollout, spec_file
from reconciler.cli.options import databases, flags, parameters, servers, specs
from reconciler.documents import plan_json
from reconciler.report import markdown
from reconciler.runtime import clock
from reconciler.schedule import declarations
from reconciler.usecases.plan import disabled_plan, propose, save_plan
from reconciler.usecases.rollout import propose as propose_several
from reconciler.usecases.rollout import save as save_rollout

Format = Literal["text", "json", "markdown"]


@click.command()
@specs.spec
@specs.choice_in_several
@specs.only
@specs.refresh
@servers.connection
@databases.database_for_refresh
@flags.plan_format
@click.option("--detailed-exitcode", is_flag=True, help="Exit with code 2 if there are changes.")
@click.option(
    "--out",
    "out_path",
    type=parameters.FILE,
    metavar="FILE",
    help="Save the plan to FILE, for use with apply FILE.",
)
@click.option("--live", "snapshot_path", type=parameters.FILE, metavar="FILE", help="Plan from a snapshot.")
@flags.expect_build
@flags.verbose
@flags.no_color
@click.pass_obj
def plan(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    selected: tuple[str, ...],
    connection: settings.Connection,
    database: settings.Database | None,
    form: Format,
    detailed_exitcode: bool,
    out_path: pathlib.Path | None,
    snapshot_path: pathlib.Path | None,
    expect_build: str | None,
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Show what apply would change, without changing anything."""
    if selected:
        if snapshot_path is not None:
            raise errors.UsageError(
                "--live accepts the snapshot of one environment, but several are selected",
                hint="plan each environment from its own snapshot",
            )
        declared = spec_file.load_several(out, spec_path, choice, selected)
        shown = rollout.plan(
            out,
            propose_several(declared, connection, expect_build, progress.chosen(out, connection, form), database),
            common.text(out, no_color=no_color, verbose=verbose),
            form,
        )
        if out_path is not None:
            idle = () if shown.planned else [disabled_plan(each, connection) for each in declared]
            save_rollout(out_path, shown, spec_path, choice, idle)
        return _code(shown.differs, detailed_exitcode)
    declaration = spec_file.load(out, spec_path, choice)
    watched = progress.chosen(out, connection, form)
    proposal = propose(declaration, connection, snapshot_path, expect_build, watched, database)
    planned = proposal.plan
    if out_path is not None:
        save_plan(out_path, planned, spec_path, choice)
    renderings: dict[Format, Callable[[], str]] = {
        "text": lambda: common.text(out, no_color=no_color, verbose=verbose).plan(planned),
        "json": lambda: plan_json.dumps(planned, clock.now()),
        "markdown": lambda: markdown.plan(planned, verbose=verbose, now=clock.now()),
    }
    out.say(renderings[form]())
    common.warn_of_refusal(out, planned)
    common.warn_of_problems(out, proposal.problems)
    common.warn_of_overdue(out, planned)
    return _code(planned.differs, detailed_exitcode)


def _code(differs: bool, is_detailed: bool) -> errors.ExitCode:
    return errors.ExitCode.CHANGES_PENDING if is_detailed and differs else errors.ExitCode.OK
