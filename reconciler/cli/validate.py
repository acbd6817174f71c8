"""`reconciler validate`: check the repo-spec without a server."""

from __future__ import annotations

import pathlib

import click

from reconciler import errors
from reconciler.cli import console, spec_file
from reconciler.cli.options import specs
from reconciler.repospec import environments
from reconciler.schedule import declarations


@click.command()
@specs.spec
@specs.choice_to_read_several
@click.pass_obj
def validate(
    out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice, selected: tuple[str, ...]
) -> errors.ExitCode:
    """Check the repo-spec without a server, and report all problems at once."""
    if selected:
        declared = spec_file.load_several(out, spec_path, choice, selected, is_one_server=False)
    else:
        declared = (spec_file.load(out, spec_path, choice),)
    out.say(f"{environments.valid(declared)}\n")
    return errors.ExitCode.OK
