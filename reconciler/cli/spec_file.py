"""Read the repo-spec that a command was given, and print the advice about it."""

from __future__ import annotations

import pathlib

from reconciler.cli import console
from reconciler.plan import advice
from reconciler.repospec import loader
from reconciler.runtime import clock, salts
from reconciler.schedule import declarations


def load(
    out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice, *, salt: bytes | None = None
) -> declarations.Declaration:
    """Read the spec and print advice about it; `salt` is that of a saved plan to compare with."""
    declaration = loader.load(spec_path, choice, salt=salts.new() if salt is None else salt)
    for line in advice.lines(advice.advise(declaration, clock.now())):
        out.warn(line)
    return declaration
