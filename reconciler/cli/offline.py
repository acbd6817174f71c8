"""What needs no server: check the spec, list its next times, print a schema."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Callable
from typing import Literal

import click

from reconciler import errors, published
from reconciler.cli import common, console, options
from reconciler.documents import plan_json, saved
from reconciler.report import forecast, markdown, words
from reconciler.runtime import clock, files
from reconciler.schedule import declarations
from reconciler.usecases.apply import declared_off


@click.command()
@options.spec
@options.choice
@click.pass_obj
def validate(out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice) -> errors.ExitCode:
    """Check the repo-spec, without a server; all problems at once."""
    declaration = common.load(out, spec_path, choice)
    count = len(declaration.charters)
    out.say(f"{spec_path}: valid, {count} charter{'s'[: count != 1]}\n")
    return errors.ExitCode.OK


@click.command(name="next")
@click.argument("charter", required=False)
@options.spec
@options.choice
@click.option("--count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many at most.")
@click.option("--from", "start", type=options.MOMENT, metavar="TIME", help="After this time.  [now]")
@click.option("--until", type=options.MOMENT, metavar="TIME", help="Up to this time.")
@click.pass_obj
def next_times(
    out: console.Console,
    charter: str | None,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    count: int,
    start: datetime.datetime | None,
    until: datetime.datetime | None,
) -> errors.ExitCode:
    """List when the charters fire, or one of them, and which of them do not; without a server."""
    declaration = common.load(out, spec_path, choice)
    chosen = _chosen(declaration, charter)
    if not declaration.enabled:
        out.say(f"Nothing fires: {declared_off(declaration)}.\n")
        return errors.ExitCode.OK
    if declaration.environment:
        out.say(f"{words.printable(f'{declaration.path}, environment {declaration.environment}')}\n")
    after = start or clock.now()
    for line in (*forecast.table(chosen, after, until, count), *forecast.silent(chosen, after)):
        out.say(line + "\n")
    return errors.ExitCode.OK


def _chosen(declaration: declarations.Declaration, name: str | None) -> tuple[declarations.Charter, ...]:
    if name is None:
        return declaration.charters
    found = tuple(each for each in declaration.charters if each.name.lower() == name.lower())
    if not found:
        known = ", ".join(each.name for each in declaration.charters) or "none"
        raise errors.UsageError(f"{declaration.path} has no charter {name!r}", hint=f"declared are {known}")
    return found


@click.command()
@click.argument("plan_file", type=click.Path(path_type=pathlib.Path))
@click.option("--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True)
@options.verbose
@options.no_color
@click.pass_obj
def show(
    out: console.Console,
    plan_file: pathlib.Path,
    form: Literal["text", "json", "markdown"],
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Show a plan that plan --out saved."""
    plan = saved.loads(files.read(plan_file), str(plan_file)).plan
    renderings: dict[str, Callable[[], str]] = {
        "text": lambda: common.text(out, no_color=no_color, verbose=verbose).plan(plan),
        "json": lambda: plan_json.dumps(plan, clock.now()),
        "markdown": lambda: markdown.plan(plan, verbose=verbose, now=clock.now()),
    }
    out.say(renderings[form]())
    return errors.ExitCode.OK


@click.command()
@click.argument("name", type=click.Choice(published.NAMES))
@click.pass_obj
def schema(out: console.Console, name: published.Name) -> errors.ExitCode:
    """Print a published JSON Schema."""
    out.say(published.text(name))
    return errors.ExitCode.OK
