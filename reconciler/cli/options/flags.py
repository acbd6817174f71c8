"""Individual options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from reconciler.cli.options import parameters


def _format(*names: str) -> Callable[[Any], Any]:
    return click.option("--format", "form", type=click.Choice(names), default="text", show_default=True)


no_color = click.option("--no-color", is_flag=True, help="Disable colors; NO_COLOR does the same.")
verbose = click.option("--verbose", is_flag=True, help="Also list what is unchanged.")
expect_build = click.option(
    "--expect-build",
    type=parameters.LINE,
    metavar="ID",
    envvar="RECONCILER_EXPECT_BUILD",
    callback=lambda _, __, given: given or None,
    help="The build that every worker must run.",
)
outcome_format = _format("text", "json")
plan_format = _format("text", "json", "markdown")
yes = click.option("--yes", is_flag=True, help="Skip the confirmation; required without a terminal.")
