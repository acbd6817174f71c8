"""`reconciler preflight`: check that the workers can run the declared schedules."""

from __future__ import annotations

import pathlib
from typing import Literal

import click

from reconciler import errors, settings
from reconciler.cli import console, spec_file
from reconciler.cli.options import flags, servers, specs
from reconciler.documents import preflights
from reconciler.report import workers
from reconciler.runtime import clock, sessions
from reconciler.schedule import declarations
from reconciler.usecases.preflight import read_preflight


@click.command()
@specs.spec
@specs.choice
@servers.connection
@flags.expect_build
@flags.outcome_format
@click.pass_obj
def preflight(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    expect_build: str | None,
    form: Literal["text", "json"],
) -> errors.ExitCode:
    """Check that the current workers can run the declared schedules; exit with 1 if they cannot."""
    declaration = spec_file.load(out, spec_path, choice)
    with sessions.opened(connection) as session:
        found = session.run(read_preflight(declaration, session.pollers, clock.now(), expect_build))
    out.say(workers.text(found, clock.now()) if form == "text" else preflights.dumps(found, clock.now()))
    return errors.ExitCode.ERROR if found.problems else errors.ExitCode.OK
