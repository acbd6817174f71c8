"""What only reads the server: snapshot and import."""

from __future__ import annotations

import pathlib
from typing import Literal

import click

from reconciler import errors, model, reconciling, settings
from reconciler.cli import common, console, options
from reconciler.documents import snapshots, statuses
from reconciler.operating import clock, executing, files, sessions
from reconciler.report import state
from reconciler.spec import importing, loading


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
    choice: model.Choice,
    connection: settings.Connection,
    out_path: pathlib.Path | None,
) -> errors.ExitCode:
    """Write what plan reads, to plan from it later with no server: plan --live FILE."""
    declaration = common.load(out, spec_path, choice)
    if not declaration.enabled:
        out.warn(f"Warning: {executing.declared_off(declaration)}; the snapshot holds what is live all the same.")
    with sessions.opened(connection) as session:
        taken_at = clock.now()
        target = session.target(declaration)
        live = session.run(reconciling.live(declaration, session.schedules, target))
    document = snapshots.dumps(snapshots.Snapshot(target=target, taken_at=taken_at, live=live))
    if out_path is None:
        out.say(document)
        return errors.ExitCode.OK
    files.save(out_path, document)
    out.say(f"{out_path}: {len(live)} schedule{'s'[: len(live) != 1]}\n")
    return errors.ExitCode.OK


@click.command()
@options.spec
@options.choice
@options.connection
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def status(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: model.Choice,
    connection: settings.Connection,
    form: Literal["text", "json"],
) -> errors.ExitCode:
    """Show how each schedule is: its state, its runs, and whether it drifts."""
    declaration = common.load(out, spec_path, choice)
    with sessions.opened(connection) as session:
        planned = session.run(reconciling.status(declaration, session.schedules, session.target(declaration)))
    out.say(state.text(planned, clock.now()) if form == "text" else statuses.dumps(planned, clock.now()))
    return errors.ExitCode.OK


@click.command(name="import")
@options.spec
@options.connection
@click.option("--prefix", metavar="TEXT", help="Schedules whose id begins so.  [governance:]")
@click.option("--id", "ids", multiple=True, metavar="ID", help="This schedule, whatever its id; may be repeated.")
@click.option("--write", is_flag=True, help="Write the repo-spec instead of printing it.")
@click.pass_obj
def import_(
    out: console.Console,
    spec_path: pathlib.Path,
    connection: settings.Connection,
    prefix: str | None,
    ids: tuple[str, ...],
    write: bool,
) -> errors.ExitCode:
    """Write charters for live schedules into the repo-spec, keeping its comments.

    What a charter cannot say is told on standard error.
    """
    if prefix and ids:
        raise errors.UsageError("--prefix and --id are both given", hint="give one of them")
    text = loading.source_text(spec_path) if spec_path.exists() else None
    with sessions.opened(connection) as session:
        found = session.run(reconciling.chosen(session.schedules, prefix or model.GOVERNANCE_PREFIX, ids))
    imported = importing.add(text, str(spec_path), found, prefix or model.GOVERNANCE_PREFIX)
    for each in imported.left_out:
        out.warn(f"warning: {each}")
    if not write:
        out.say(imported.text)
        return errors.ExitCode.OK
    files.save(spec_path, imported.text)
    out.say(f"{spec_path}: {len(imported.added)} charter{'s'[: len(imported.added) != 1]} added\n")
    return errors.ExitCode.OK
