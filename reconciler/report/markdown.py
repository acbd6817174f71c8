"""A plan as GitHub's markdown. Whatever comes from a spec or a server stands in code spans, where it can do nothing."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from reconciler import model
from reconciler.report import forecast, words


def plan(plan: model.Plan, *, verbose: bool = False, now: datetime.datetime | None = None) -> str:
    """Return the plan: the summary, a line for each change, and what changes in it; `now` adds the next times."""
    lines = [f"### {_summary(plan)}", "", f"{_code(words.target(plan))}, by {_code(plan.spec_path)}", ""]
    lines += [words.as_of(plan, now), ""] if plan.as_of else []
    for change in plan.changes:
        if verbose or words.is_notable(change):
            lines += _change(change, now)
            lines += [f"  - {label}: {text}" for label, text in (forecast.lines(change, now) if now else ())]
    if now and plan.steps:
        lines += ["", forecast.total(plan, now)]
    return "\n".join([*lines, "", f"Digest {_code(plan.digest)}"]) + "\n"


def _summary(plan: model.Plan) -> str:
    """Return the summary; a path in it could hold markup, so an empty plan says less here."""
    return words.summary(plan).rstrip(".") if plan.steps else f"No changes, {plan.count(model.Verb.KEEP)} unchanged"


def _change(change: model.Change, now: datetime.datetime | None) -> Iterator[str]:
    place = f" ({_code(str(change.place))})" if change.place else ""
    yield f"- {change.verb.value} **{change.verb.word}** {_code(change.id)}: {change.reason.value}{place}"
    for remark in words.remarks(change, now, _code):
        yield f"  - {remark}"
    for field in change.fields:
        where = words.override(change, field)
        yield f"  - {_code(field.path)}: {words.sides(field, change.verb, _code)}" + (
            f" ({_code(where)})" if where else ""
        )


def _code(text: str) -> str:
    """Return a code span that the text cannot leave (CommonMark 6.1: the fence is longer than any run inside)."""
    shown = words.printable(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if "`" in (shown[:1], shown[-1:]) or not shown.strip() else ""
    return f"{fence}{padding}{shown}{padding}{fence}"
