"""`reconciler schema`: print a published JSON Schema."""

from __future__ import annotations

import click

from reconciler import errors, published
from reconciler.cli import console


@click.command()
@click.argument("name", type=click.Choice(published.NAMES))
@click.pass_obj
def schema(out: console.Console, name: published.Name) -> errors.ExitCode:
    """Print a published JSON Schema."""
    out.say(published.text(name))
    return errors.ExitCode.OK
