"""`reconciler show`: show a saved plan."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Literal

import click

from reconciler import errors
from reconciler.cli import common, console, rollout
from reconciler.cli.options import flags, parameters
from reconciler.documents import plan_json, saved_rollouts
from reconciler.report import markdown
from reconciler.runtime import clock, files


@click.command()
@click.argument("plan_file", type=parameters.FILE)
@flags.plan_format
@flags.verbose
@flags.no_color
@click.pass_obj
def show(
    out: console.Console,
    plan_file: pathlib.Path,
    form: Literal["text", "json", "markdown"],
    verbose: bool,
    no_color: bool,
) -> errors.ExitCode:
    """Show a plan saved by plan --out, for one or several environments."""
    found = saved_rollouts.loads(files.read(plan_file), str(plan_file))
    rendering = common.text(out, no_color=no_color, verbose=verbose)
    if isinstance(found, saved_rollouts.SavedRollout):
        out.say(rollout.rendered(found.rollout, rendering, form))
        return errors.ExitCode.OK
    plan = found.plan
    renderings: dict[str, Callable[[], str]] = {
        "text": lambda: rendering.plan(plan),
        "json": lambda: plan_json.dumps(plan, clock.now()),
        "markdown": lambda: markdown.plan(plan, verbose=verbose, now=clock.now()),
    }
    out.say(renderings[form]())
    return errors.ExitCode.OK
