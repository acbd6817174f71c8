"""`reconciler next`: list when the charters fire."""

from __future__ import annotations

import datetime
import pathlib

import click

from reconciler import errors
from reconciler.cli import console, spec_file
from reconciler.cli.options import parameters, specs
from reconciler.report import forecast, phrases
from reconciler.runtime import clock
from reconciler.schedule import declarations


@click.command(name="next")
@click.argument("charter", required=False)
@specs.spec
@specs.choice
@click.option(
    "--count",
    type=click.IntRange(1, 10_000),
    default=10,
    show_default=True,
    help="The maximum number of firings to list.",
)
@click.option(
    "--from", "start", type=parameters.MOMENT, metavar="TIME", help="List only firings after this time.  [now]"
)
@click.option("--until", type=parameters.MOMENT, metavar="TIME", help="List only firings up to this time.")
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
    """List the upcoming firings of all charters, or of CHARTER, and the charters that will not fire.

    Does not need a server.
    """
    after = start or clock.now()
    if until is not None and until <= after:
        raise errors.UsageError(
            f"--until must be later than {'--from' if start else 'the current time'}",
            hint="specify a later --until" if start else "specify a later --until, or an earlier --from",
        )
    declaration = spec_file.load(out, spec_path, choice)
    chosen = _chosen(declaration, charter)
    if not declaration.enabled:
        out.say(f"Nothing fires: {declaration.disabled}.\n")
        return errors.ExitCode.OK
    if declaration.environment:
        out.say(f"{phrases.printable(f'{declaration.path}, environment {declaration.environment}')}\n")
    for line in (*forecast.table(chosen, after, until, count), *forecast.silent(chosen, after)):
        out.say(line + "\n")
    return errors.ExitCode.OK


def _chosen(declaration: declarations.Declaration, name: str | None) -> tuple[declarations.Charter, ...]:
    if name is None:
        return declaration.charters
    found = tuple(each for each in declaration.charters if each.name.lower() == name.lower())
    if not found:
        known = ", ".join(each.name for each in declaration.charters) or "none"
        raise errors.UsageError(f"{declaration.path} has no charter {name!r}", hint=f"declared charters: {known}")
    return found
