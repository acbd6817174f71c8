"""The commands: each reads its options, runs one use case and renders its result."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import importlib.metadata
import os
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import click

from reconciler import advising, errors, guarding, model, planning, published, reconciling, settings, wiring
from reconciler.cli import console, files, options
from reconciler.documents import plans, snapshots
from reconciler.report import forecast, markdown, text
from reconciler.spec import importing, loading

Format = Literal["text", "json", "markdown"]


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 error, 2 changes pending, 3 invalid spec, 4 refused by a guard, 5 stale, 64 usage.",
)
@click.version_option(importlib.metadata.version("reconciler"), message="%(prog)s %(version)s")
def app() -> None:
    """Keep Temporal schedules equal to the charters that a repository declares."""


@app.command()
@options.spec
@options.environment
@click.pass_obj
def validate(out: console.Console, spec_path: pathlib.Path, environment: str | None) -> errors.ExitCode:
    """Check the repo-spec, without a server; all problems at once."""
    declaration = _load(out, spec_path, environment)
    count = len(declaration.charters)
    out.say(f"{spec_path}: valid, {count} charter{'s'[: count != 1]}\n")
    return errors.ExitCode.OK


@app.command()
@options.spec
@options.environment
@options.connection
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there are changes.")
@click.option(
    "--out", "out_path", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Save the plan (JSON)."
)
@click.option(
    "--live", "snapshot_path", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Plan from a snapshot."
)
@options.verbose
@options.no_color
@click.pass_obj
def plan(
    out: console.Console,
    spec_path: pathlib.Path,
    environment: str | None,
    connection: settings.Connection,
    form: Format,
    detailed_exitcode: bool,
    out_path: pathlib.Path | None,
    snapshot_path: pathlib.Path | None,
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Show what apply would change, and change nothing."""
    declaration = _load(out, spec_path, environment)
    if not declaration.enabled:
        return _switched_off(out, f"{spec_path} switches environment {environment!r} off")
    if snapshot_path is not None:
        taken = snapshots.loads(files.read(snapshot_path), str(snapshot_path))
        planned = planning.plan_from_snapshot(declaration, taken.live, taken.target, taken.taken_at)
    else:
        with _session() as session:
            planned = session.plan(declaration, connection)
    if out_path is not None:
        files.save(out_path, plans.dumps(planned))
    renderings: dict[Format, Callable[[], str]] = {
        "text": lambda: _text(out, no_color=no_color, verbose=verbose).plan(planned),
        "json": lambda: plans.dumps(planned),
        "markdown": lambda: markdown.plan(planned, verbose=verbose, now=_now()),
    }
    out.say(renderings[form]())
    try:
        guarding.check(planned)
    except errors.GuardError as refusal:
        out.warn(f"Warning: apply will refuse this: {refusal.message}; {refusal.hint}")
    pending = detailed_exitcode and planned.steps
    return errors.ExitCode.CHANGES_PENDING if pending else errors.ExitCode.OK


@app.command()
@options.spec
@options.environment
@options.connection
@click.option("--yes", is_flag=True, help="Apply without asking; needed without a terminal.")
@click.option("--allow-mass-pause", is_flag=True, help="Let the plan pause most or all of what runs.")
@options.verbose
@options.no_color
@click.pass_obj
def apply(
    out: console.Console,
    spec_path: pathlib.Path,
    environment: str | None,
    connection: settings.Connection,
    yes: bool,
    allow_mass_pause: bool,
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Show the plan, ask, and make the server what the repo-spec declares."""
    declaration = _load(out, spec_path, environment)
    if not settings.schedules_enabled(connection.environ):
        return _switched_off(out, "GOVERNANCE_SCHEDULES_ENABLED switches schedules off here")
    if not declaration.enabled:
        return _switched_off(out, f"{spec_path} switches environment {environment!r} off")
    rendering = _text(out, no_color=no_color, verbose=verbose)
    with _session() as session:
        planned = session.plan(declaration, connection)
        out.say(rendering.plan(planned))
        guarding.check(planned, allow_mass_pause=allow_mass_pause)
        if not planned.steps:
            return errors.ExitCode.OK
        if not yes and not _agreed(out):
            out.warn("Nothing applied.")
            return errors.ExitCode.ERROR
        out.say("\n")
        outcomes = session.apply(planned, lambda outcome: out.say(rendering.outcome(outcome)))
    out.say("\n" + rendering.outcomes(outcomes))
    return _exit_code(outcomes)


@app.command(name="next")
@click.argument("charter", required=False)
@options.spec
@options.environment
@click.option("--count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many at most.")
@click.option("--from", "start", type=options.MOMENT, metavar="TIME", help="After this time.  [now]")
@click.option("--until", type=options.MOMENT, metavar="TIME", help="Up to this time.")
@click.pass_obj
def next_times(
    out: console.Console,
    charter: str | None,
    spec_path: pathlib.Path,
    environment: str | None,
    count: int,
    start: datetime.datetime | None,
    until: datetime.datetime | None,
) -> errors.ExitCode:
    """List when the charters fire, or one of them, without a server."""
    declaration = _load(out, spec_path, environment)
    chosen = _chosen(declaration, charter)
    for line in forecast.table(chosen, start or _now(), until, count):
        out.say(line + "\n")
    return errors.ExitCode.OK


def _chosen(declaration: model.Declaration, name: str | None) -> tuple[model.Charter, ...]:
    if name is None:
        return declaration.charters
    found = tuple(each for each in declaration.charters if each.name.lower() == name.lower())
    if not found:
        known = ", ".join(each.name for each in declaration.charters) or "none"
        raise errors.UsageError(f"{declaration.path} has no charter {name!r}", hint=f"declared are {known}")
    return found


@app.command()
@options.spec
@options.environment
@options.connection
@click.option(
    "--out", "out_path", type=click.Path(path_type=pathlib.Path), metavar="FILE", help="Save it instead of printing it."
)
@click.pass_obj
def snapshot(
    out: console.Console,
    spec_path: pathlib.Path,
    environment: str | None,
    connection: settings.Connection,
    out_path: pathlib.Path | None,
) -> errors.ExitCode:
    """Write what plan reads, to plan from it later with no server: plan --live FILE."""
    declaration = _load(out, spec_path, environment)
    with _session() as session:
        taken_at = _now()
        target, live = session.live(declaration, connection)
    schedules = tuple(each.schedule for each in live.values())
    document = snapshots.dumps(snapshots.Snapshot(target=target, taken_at=taken_at, schedules=schedules))
    if out_path is None:
        out.say(document)
        return errors.ExitCode.OK
    files.save(out_path, document)
    out.say(f"{out_path}: {len(schedules)} schedule{'s'[: len(schedules) != 1]}\n")
    return errors.ExitCode.OK


@app.command(name="import")
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
    with _session() as session:
        found = session.read(connection, prefix or model.GOVERNANCE_PREFIX, ids)
    imported = importing.add(text, str(spec_path), found)
    for each in imported.left_out:
        out.warn(f"warning: {each}")
    if not write:
        out.say(imported.text)
        return errors.ExitCode.OK
    files.save(spec_path, imported.text)
    out.say(f"{spec_path}: {len(imported.added)} charter{'s'[: len(imported.added) != 1]} added\n")
    return errors.ExitCode.OK


@app.command()
@click.argument("name", type=click.Choice(published.NAMES))
@click.pass_obj
def schema(out: console.Console, name: published.Name) -> errors.ExitCode:
    """Print a published JSON Schema."""
    out.say(published.text(name))
    return errors.ExitCode.OK


class _Session:
    """One connection and the event loop it lives on, which rests while a person is asked."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._server: wiring.Server | None = None

    def plan(self, declaration: model.Declaration, connection: settings.Connection) -> model.Plan:
        self._server = self._runner.run(wiring.server(connection))
        return self._runner.run(reconciling.plan(declaration, self._server.schedules, self._server.target()))

    def live(
        self, declaration: model.Declaration, connection: settings.Connection
    ) -> tuple[model.Target, Mapping[str, model.Live]]:
        server = self._runner.run(wiring.server(connection))
        target = server.target()
        return target, self._runner.run(reconciling.live(declaration, server.schedules, target))

    def read(self, connection: settings.Connection, prefix: str, ids: tuple[str, ...]) -> tuple[model.Schedule, ...]:
        """Return the schedules with these ids, or with the prefix where there are none."""
        schedules = self._runner.run(wiring.server(connection)).schedules
        if ids:
            found = self._runner.run(schedules.describe_all(ids))
        else:
            found = dict(self._runner.run(reconciling.managed(schedules, prefix)))
        missing = [id_ for id_ in ids if id_ not in found]
        if missing:
            raise errors.UsageError(
                f"there is no schedule {missing[0]!r}", hint="see the ids with temporal schedule list"
            )
        return tuple(live.schedule for live in found.values())

    def apply(self, planned: model.Plan, tell: Callable[[model.Outcome], None]) -> tuple[model.Outcome, ...]:
        if self._server is None:
            raise AssertionError("a plan comes before its apply")
        return self._runner.run(reconciling.apply(planned, self._server.schedules, tell))


@contextlib.contextmanager
def _session() -> Iterator[_Session]:
    with asyncio.Runner() as runner:
        yield _Session(runner)


def _switched_off(out: console.Console, reason: str) -> errors.ExitCode:
    out.say(f"Nothing to do: {reason}.\n")
    return errors.ExitCode.OK


def _text(out: console.Console, *, no_color: bool, verbose: bool) -> text.Text:
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text.Text(colour=out.is_terminal and not plain, verbose=verbose, now=_now())


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _load(out: console.Console, spec_path: pathlib.Path, environment: str | None) -> model.Declaration:
    """Read the spec, and pass on what there is to say about it."""
    declaration = loading.load(spec_path, environment or None)
    for advice in advising.advise(declaration, _now()):
        out.warn(str(advice))
    return declaration


def _agreed(out: console.Console) -> bool:
    if not (sys.stdin and sys.stdin.isatty()):
        raise errors.UsageError("there is no terminal to ask on", hint="pass --yes to apply without asking")
    return out.ask("\nApply this plan? Only 'yes' is taken: ") == "yes"


def _exit_code(outcomes: tuple[model.Outcome, ...]) -> errors.ExitCode:
    statuses = {outcome.status for outcome in outcomes}
    if statuses <= {model.Status.DONE}:
        return errors.ExitCode.OK
    if statuses <= {model.Status.DONE, model.Status.STALE}:
        return errors.ExitCode.STALE
    return errors.ExitCode.ERROR
