"""Single options that several commands have."""

from __future__ import annotations

import click

from reconciler.cli.options import parameters

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
outcome_format = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
yes = click.option("--yes", is_flag=True, help="Skip the confirmation; required without a terminal.")
