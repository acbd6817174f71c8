"""`reconciler validate`: check the repo-spec without a server."""

from __future__ import annotations

import pathlib

import click

from reconciler import errors
from reconciler.cli import console, options, spec_file
from reconciler.schedule import declarations


@click.command()
@options.spec
@options.choice
@click.pass_obj
def validate(out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice) -> errors.ExitCode:
    """Check the repo-spec without a server, and report all problems at once."""
    declaration = spec_file.load(out, spec_path, choice)
    count = len(declaration.charters)
    out.say(f"{spec_path}: valid, {count} charter{'s'[: count != 1]}\n")
    return errors.ExitCode.OK
