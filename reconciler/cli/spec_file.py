"""Read a command's repo-spec, and print advice about it."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from reconciler.cli import console
from reconciler.plan import advice
from reconciler.repospec import environments, loader
from reconciler.runtime import clock, salts
from reconciler.schedule import declarations


def load(
    out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice, *, salt: bytes | None = None
) -> declarations.Declaration:
    """Read the spec and print advice about it; `salt` comes from the saved plan to compare with."""
    declaration = loader.load(spec_path, choice, salt=salts.new() if salt is None else salt)
    _advise(out, [declaration])
    return declaration


def load_several(
    out: console.Console,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    names: Sequence[str],
    *,
    salt: bytes | None = None,
    is_one_server: bool = True,
) -> tuple[declarations.Declaration, ...]:
    """Read the spec for several environments as `load` does, and print each line of advice once."""
    salt = salts.new() if salt is None else salt
    declared = environments.load(spec_path, choice, names, salt=salt, is_one_server=is_one_server)
    _advise(out, declared)
    return declared


def _advise(out: console.Console, declared: Sequence[declarations.Declaration]) -> None:
    lines = (line for each in declared for line in advice.lines(advice.advise(each, clock.now())))
    for line in dict.fromkeys(lines):
        out.warn(line)
