"""What commands share: rendering, warnings, and confirmation."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from reconciler import errors
from reconciler.cli import console
from reconciler.plan import guards, plans
from reconciler.report import text as text_report
from reconciler.report import words
from reconciler.runtime import clock


def text(out: console.Console, *, no_color: bool, verbose: bool) -> text_report.Text:
    """Return the text renderer, in color if the output is a terminal that supports it."""
    plain = no_color or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
    return text_report.Text(color=out.is_terminal and not plain, verbose=verbose, now=clock.now())


def warn_of_refusal(out: console.Console, plan: plans.Plan, where: str = "") -> None:
    """Warn if apply would refuse the plan; `where` precedes the reason."""
    try:
        guards.check(plan, now=clock.now())
    except errors.GuardError as refusal:
        out.warn(f"Warning: apply will refuse this: {where}{refusal.message}; {refusal.hint}")


def warn_of_problems(out: console.Console, problems: Iterable[object]) -> None:
    """Report problems with workers and search attributes, after the command's own output."""
    for problem in problems:
        out.warn(f"Warning: {problem}.")


def warn_of_overdue(out: console.Console, plan: plans.Plan) -> None:
    """Report active schedules that are due but are not starting runs."""
    for warning in filter(None, map(words.overdue_warning, plan.changes)):
        out.warn(f"Warning: {warning}.")


def agreed(out: console.Console, question: str) -> bool:
    """Ask the user to type `yes` and return whether they did; raises `errors.UsageError` without a terminal."""
    if not (sys.stdin and sys.stdin.isatty()):
        raise errors.UsageError(
            "cannot ask for confirmation: stdin is not a terminal", hint="pass --yes to skip the confirmation"
        )
    return out.ask(f"\n{question} Enter 'yes' to continue: ") == "yes"
