"""What only reads the server: snapshot and import."""

from __future__ import annotations

import pathlib
from typing import Literal

import click

from reconciler import errors, input_files, settings
from reconciler.cli import common, console, options
from reconciler.documents import preflights, snapshots, statuses
from reconciler.report import state, workers
from reconciler.repospec import importing, loading
from reconciler.runtime import clock, files, sessions
from reconciler.schedule import declarations
from reconciler.usecases import live
from reconciler.usecases.apply import declared_off
from reconciler.usecases.preflight import read_preflight, worker_problems
from reconciler.usecases.snapshot import take_snapshot
from reconciler.usecases.status import read_status


@click.command()
@options.spec
@options.choice
@options.connection
@click.option(
    "--out", "out_path", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Save it instead of printing it."
)
@click.pass_obj
def snapshot(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    out_path: pathlib.Path | None,
) -> errors.ExitCode:
    """Write what plan reads, to plan from it later with no server: plan --live FILE."""
    declaration = common.load(out, spec_path, choice)
    if not declaration.enabled:
        out.warn(f"Warning: {declared_off(declaration)}; the snapshot contains the live schedules anyway.")
    taken = take_snapshot(declaration, connection)
    document = snapshots.dumps(taken)
    if out_path is None:
        out.say(document)
        return errors.ExitCode.OK
    files.save(out_path, document)
    out.say(f"{out_path}: {len(taken.live)} schedule{'s'[: len(taken.live) != 1]}\n")
    return errors.ExitCode.OK


@click.command()
@options.spec
@options.choice
@options.connection
@options.expect_build
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def status(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    expect_build: str | None,
    form: Literal["text", "json"],
) -> errors.ExitCode:
    """Show how each schedule is: its state, its runs, and whether it drifts."""
    declaration = common.load(out, spec_path, choice)
    with sessions.opened(connection) as session:
        planned = session.run(read_status(declaration, session.schedules, session.target(declaration)))
        problems = worker_problems(declaration, session, expect_build)
    out.say(state.text(planned, clock.now()) if form == "text" else statuses.dumps(planned, clock.now()))
    common.warn_of_workers(out, problems)
    return errors.ExitCode.OK


@click.command()
@options.spec
@options.choice
@options.connection
@options.expect_build
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def preflight(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    expect_build: str | None,
    form: Literal["text", "json"],
) -> errors.ExitCode:
    """Tell whether the workers that are there run what is declared; exit with 1 when they do not."""
    declaration = common.load(out, spec_path, choice)
    with sessions.opened(connection) as session:
        found = session.run(read_preflight(declaration, session.pollers, clock.now(), expect_build))
    out.say(workers.text(found, clock.now()) if form == "text" else preflights.dumps(found, clock.now()))
    return errors.ExitCode.ERROR if found.problems else errors.ExitCode.OK


_WRITABLE = "make its folder where there is none, let the file be written, or name another with --spec"


@click.command(name="import")
@options.spec
@options.choice
@options.connection
@click.option(
    "--id",
    "ids",
    type=options.TEXT,
    multiple=True,
    metavar="ID",
    help="This schedule, whatever its id; may be repeated.",
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
    """Write charters for live schedules into the repo-spec, and leave the rest of it as it is.

    What a charter cannot say is told on standard error.
    """
    if choice.prefix and ids:
        raise errors.UsageError("--prefix and --id are both given", hint="give one of them")
    if write and spec_path is input_files.STANDARD_INPUT:
        raise errors.UsageError(
            "--write has no file to write: the repo-spec comes from standard input",
            hint="name the file with --spec, or redirect the output instead of --write",
        )
    text = loading.source_text(spec_path) if input_files.exists(spec_path) else None
    prefix = importing.prefix(text, str(spec_path), choice)
    with sessions.opened(connection) as session:
        found = session.run(live.chosen(session.schedules, prefix, ids))
    imported = importing.add(
        text,
        str(spec_path),
        [each.schedule for each in found.values()],
        choice,
        named=ids,
        unsaid={id_: each.unsaid for id_, each in found.items()},
    )
    for each in (*imported.left_out, *imported.warnings):
        out.warn(f"warning: {each}")
    if not write:
        out.say(imported.text)
        return errors.ExitCode.OK
    if imported.added:
        files.save(spec_path, imported.text, hint=_WRITABLE)
    out.say(f"{spec_path}: {len(imported.added)} charter{'s'[: len(imported.added) != 1]} added\n")
    return errors.ExitCode.OK
