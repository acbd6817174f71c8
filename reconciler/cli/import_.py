"""`reconciler import`: write charters for live schedules into the repo-spec."""

from __future__ import annotations

import contextlib
import pathlib

import click

from reconciler import errors, input_files, settings, spelling
from reconciler.cli import console, progress
from reconciler.cli.options import parameters, servers, specs
from reconciler.credentials import held
from reconciler.repospec import importer, loader, source
from reconciler.runtime import files, sessions
from reconciler.schedule import declarations
from reconciler.usecases import live

_WRITABLE = "create its directory if it is missing, make the file writable, or specify a different file with --spec"


@click.command(name="import")
@specs.spec
@specs.choice
@servers.connection
@click.option(
    "--id",
    "ids",
    type=parameters.TEXT,
    multiple=True,
    metavar="ID",
    help="Import this schedule, regardless of its prefix; may be repeated.",
)
@click.option("--write", is_flag=True, help="Write the repo-spec instead of printing it.")
@click.pass_obj
def import_(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    ids: tuple[str, ...],
    write: bool,
) -> errors.ExitCode:
    """Write charters for live schedules into the repo-spec, and leave the rest of it unchanged.

    What a charter cannot express is reported on standard error.
    """
    if choice.prefixes and ids:
        raise errors.UsageError("--prefix and --id cannot be combined", hint="pass only one of them")
    if write and spec_path is input_files.STANDARD_INPUT:
        raise errors.UsageError(
            "--write has no file to write to: the repo-spec comes from standard input",
            hint="specify the file with --spec, or redirect the output instead of using --write",
        )
    text = loader.source_text(spec_path) if input_files.exists(spec_path) else None
    folder = None if spec_path is input_files.STANDARD_INPUT else spec_path.parent
    prefixes = importer.prefixes(text, str(spec_path), choice, folder)
    with sessions.opened(connection, progress.chosen(out, connection)) as session:
        listed = session.run(session.schedules.ids())
        found = session.run(live.chosen(listed, session.schedules, prefixes, ids))
    imported = importer.add(
        text,
        str(spec_path),
        [each.schedule for each in found.values()],
        choice,
        folder=folder,
        named=ids,
        listed=listed,
        unexpressed={id_: each.unexpressed for id_, each in found.items()},
    )
    for each in (*imported.left_out, *imported.warnings, *imported.skipped):
        out.warn(f"Warning: {each}")
    if imported.refused:
        more = "; leave out its --id to import the others" if len(ids) > 1 else ""
        raise errors.ReconcilerError("\n".join(imported.refused), hint=f"nothing was written{more}")
    if not write:
        if held.is_in(imported.text):
            raise errors.UsageError(
                "the repo-spec would contain credentials that this process uses, which are never printed",
                hint="write it to the file with --write, then replace them with references to variables",
            )
        out.say(imported.text)
        return errors.ExitCode.OK
    if imported.added:
        if spec_path in source.DEFAULTS:
            with contextlib.suppress(OSError):  # `save` reports it
                spec_path.parent.mkdir(exist_ok=True)
        files.save(spec_path, imported.text, hint=_WRITABLE)
    out.say(f"{spec_path}: {spelling.counted(len(imported.added), 'charter')} added\n")
    return errors.ExitCode.OK
