"""What commands share: reading the spec, disabled environments, rendering."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterable

from reconciler import errors
from reconciler.cli import console
from reconciler.plan import advice, plans, preflight
from reconciler.report import text as text_report
from reconciler.report import words
from reconciler.repospec import loader
from reconciler.runtime import clock, salts
from reconciler.schedule import declarations


def switched_off(out: console.Console, reason: str) -> errors.ExitCode:
    """Say why there is nothing to do."""
    out.say(f"Nothing to do: {reason}.\n")
    return errors.ExitCode.OK


def text(out: console.Console, *, no_color: bool, verbose: bool) -> text_report.Text:
    """Return the rendering for the terminal, in colour where one reads along that wants it."""
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text_report.Text(colour=out.is_terminal and not plain, verbose=verbose, now=clock.now())


def warn_of_workers(out: console.Console, problems: Iterable[preflight.Finding]) -> None:
    """Say what is wrong with the workers, after what was asked for."""
    for problem in problems:
        out.warn(f"Warning: {problem}.")


def warn_of_overdue(out: console.Console, plan: plans.Plan) -> None:
    """Report active schedules whose due times pass without a run."""
    for warning in filter(None, map(words.overdue_warning, plan.changes)):
        out.warn(f"Warning: {warning}.")


def agreed(out: console.Console, question: str) -> bool:
    """Ask a person, who has to type `yes`; `errors.UsageError` when stdin is not a terminal."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise errors.UsageError(
            "cannot ask for confirmation: stdin is not a terminal", hint="pass --yes to skip the confirmation"
        )
    return out.ask(f"\n{question} Enter 'yes' to continue: ") == "yes"


def load(
    out: console.Console, spec_path: pathlib.Path, choice: declarations.Choice, *, salt: bytes | None = None
) -> declarations.Declaration:
    """Read the spec and print advice about it; `salt` is that of a saved plan to compare with."""
    declaration = loader.load(spec_path, choice, salt=salts.new() if salt is None else salt)
    for line in advice.lines(advice.advise(declaration, clock.now())):
        out.warn(line)
    return declaration
