"""`reconciler status`: show the state, the runs, and the drift of each schedule."""

from __future__ import annotations

import pathlib
from typing import Literal

import click

from reconciler import errors, settings
from reconciler.cli import common, console, progress, spec_file
from reconciler.cli.options import flags, servers, specs
from reconciler.documents import statuses
from reconciler.report import state
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations
from reconciler.usecases.preflight import worker_problems
from reconciler.usecases.status import read_status


@click.command()
@specs.spec
@specs.choice
@servers.connection
@flags.expect_build
@flags.outcome_format
@click.pass_obj
def status(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    expect_build: str | None,
    form: Literal["text", "json"],
) -> errors.ExitCode:
    """Show the state, the runs, and the drift of each schedule."""
    declaration = spec_file.load(out, spec_path, choice)
    with sessions.opened(connection, progress.chosen(out, connection, form)) as session:
        planned = session.run(read_status(declaration, session.schedules, session.target(declaration)))
        problems = worker_problems(declaration, session, expect_build)
    out.say(state.text(planned, clock.now()) if form == "text" else statuses.dumps(planned, clock.now()))
    common.warn_of_problems(out, problems)
    return errors.ExitCode.OK
