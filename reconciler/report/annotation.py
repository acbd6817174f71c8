"""GitHub annotations on lines of the repo-spec: changes, overdue schedules, problems, and advice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

from reconciler import errors
from reconciler.plan import advice as plan_advice
from reconciler.plan import plans
from reconciler.report import phrases, words
from reconciler.repospec import problems
from reconciler.schedule import declarations

Level = Literal["notice", "warning", "error"]
_FIELDS = 12  # shown for one change


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """A message, and its place in the spec if it has one."""

    level: Level
    title: str
    message: str
    place: declarations.Place | None = None


def plan(plan: plans.Plan) -> Iterator[Annotation]:
    """Yield a notice for each notable change, but a warning for a pause or a schedule left alone for a reason."""
    for change in plan.changes:
        if words.is_notable(change):
            stops = change.verb is plans.Verb.PAUSE or change.verb is plans.Verb.KEEP
            yield Annotation(
                level="warning" if stops else "notice",
                title=phrases.printable(f"{change.verb.word} {change.id}"),
                message="\n".join([words.reason(change), *_fields(change), *words.remarks(change, None)]),
                place=change.place,
            )


def overdue(plan: plans.Plan) -> Iterator[Annotation]:
    """Yield a warning at the charter of each active schedule whose due times pass without a run."""
    for change in plan.changes:
        message = words.overdue_warning(change)
        if message:
            title = phrases.printable(f"overdue {change.id}")
            yield Annotation(level="warning", title=title, message=message, place=change.place)


def _fields(change: plans.Change) -> Iterator[str]:
    for field in change.fields[:_FIELDS]:
        yield f"{phrases.printable(field.path)}: {words.sides(field, change.verb)}"
    if len(change.fields) > _FIELDS:
        yield f"and {len(change.fields) - _FIELDS} more fields"


def advice(advice: plan_advice.Advice) -> Annotation:
    """Return a warning with a piece of advice."""
    return Annotation(
        level="warning", title="reconciler", message=phrases.printable(advice.message), place=advice.place
    )


def error(error: errors.ReconcilerError) -> Iterator[Annotation]:
    """Yield the problems of an invalid spec, each at its place, or any other error once, without a place."""
    if isinstance(error, problems.InvalidSpecError):
        for problem in error.problems:
            message = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
            yield Annotation(
                level="error", title="invalid repo-spec", message=phrases.printable(message), place=problem.place
            )
        return
    yield Annotation(level="error", title="reconciler", message=phrases.printable(error.sentence))


def outcome(outcome: plans.Outcome) -> Annotation:
    """Return an error for a step that was not completed."""
    title = phrases.printable(f"{outcome.change.verb.word} {outcome.change.id} {outcome.status.value}")
    return Annotation(level="error", title=title, message=phrases.printable(outcome.detail), place=outcome.change.place)


def warning(message: str) -> Annotation:
    """Return a warning about the run itself."""
    return Annotation(level="warning", title="reconciler", message=phrases.printable(message))


def defect() -> Annotation:
    """Return an error for an unexpected exception."""
    return Annotation(level="error", title="reconciler", message="a bug in reconciler; the log shows where")


def notice(message: str) -> Annotation:
    """Return a notice about the run itself."""
    return Annotation(level="notice", title="reconciler", message=phrases.printable(message))
