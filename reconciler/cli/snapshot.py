"""`reconciler snapshot`: save the live schedules, so that plan does not need a server."""

from __future__ import annotations

import pathlib

import click

from reconciler import errors, settings, spelling
from reconciler.cli import console, progress, spec_file
from reconciler.cli.options import parameters, servers, specs
from reconciler.documents import snapshots
from reconciler.runtime import files
from reconciler.schedule import declarations
from reconciler.usecases.snapshot import take_snapshot


@click.command()
@specs.spec
@specs.choice
@servers.connection
@click.option(
    "--out",
    "out_path",
    type=parameters.FILE,
    metavar="FILE",
    help="Save the snapshot to FILE instead of printing it.",
)
@click.pass_obj
def snapshot(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    out_path: pathlib.Path | None,
) -> errors.ExitCode:
    """Save what plan reads from the server, so that plan --live FILE does not need a server."""
    declaration = spec_file.load(out, spec_path, choice)
    if not declaration.enabled:
        out.warn(f"Warning: {declaration.disabled}; the snapshot contains the live schedules anyway.")
    taken = take_snapshot(declaration, connection, progress.chosen(out, connection))
    document = snapshots.dumps(taken)
    if out_path is None:
        out.say(document)
        return errors.ExitCode.OK
    files.save(out_path, document)
    out.say(f"{out_path}: {spelling.counted(len(taken.live), 'schedule')}\n")
    return errors.ExitCode.OK
