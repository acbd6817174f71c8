"""A plan as GitHub Markdown. All text from a spec or a server is put in code spans, so that it cannot act as markup."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from reconciler.plan import plans, rollouts
from reconciler.report import forecast, phrases, words


def plan(plan: plans.Plan, *, verbose: bool = False, now: datetime.datetime | None = None) -> str:
    """Return the summary, then a line and the fields for each change; `now` adds the next times."""
    if plan.disabled:
        return _idle(plan.disabled)
    lines = [f"### {_summary(plan)}", "", f"{code(words.target(plan))}, declared in {code(plan.spec_path)}", ""]
    lines += [words.as_of(plan, now), ""] if plan.as_of else []
    for change in plan.changes:
        if verbose or words.is_notable(change):
            lines += [_title(change), *details(change, now)]
            lines += [f"  - {words.ignored(field, code)}" for field in change.ignored if verbose]
    if taken := words.takeovers(plan, code):
        lines += ["", words.TAKEOVERS, *(f"- {each}" for each in taken)]
    for note in words.notes(plan, code):
        lines += ["", note]
    if now and plan.steps:
        lines += ["", forecast.total(plan, now)]
    return "\n".join([*lines, "", f"Digest {code(plan.digest)}"]) + "\n"


def rollout(rollout: rollouts.Rollout, *, verbose: bool = False, now: datetime.datetime | None = None) -> str:
    """Return the summary for several environments, then each one's plan under a heading."""
    summary = words.rollout_summary(rollout).rstrip(".")
    lines = [f"# {summary}", "", f"Digest of all environments {code(rollout.digest)}"]
    for part in rollout.parts:
        shown = plan(part.plan, verbose=verbose, now=now) if part.plan else _idle(part.disabled)
        lines += ["", f"## {code(part.environment)}", "", shown.rstrip("\n")]
    return "\n".join(lines) + "\n"


def _idle(reason: str) -> str:
    return f"Nothing to do: {code(reason)}\n"


def _summary(plan: plans.Plan) -> str:
    """Return the summary; for an empty plan, it omits the path, which could contain markup."""
    return words.summary(plan).rstrip(".") if plan.differs else f"No changes, {plan.count(plans.Verb.KEEP)} unchanged"


def _title(change: plans.Change) -> str:
    place = f", {code(str(change.place))}" if change.place else ""
    return f"- {change.verb.value} {code(change.id)}: {words.reason(change, code)}{place}"


def details(change: plans.Change, now: datetime.datetime | None) -> Iterator[str]:
    """Yield the remarks and fields of a change as items of a nested list; `now` adds the next times."""
    for remark in words.remarks(change, now, code):
        yield f"  - {remark}"
    for field in change.fields:
        where = words.override(change, field)
        place = f" ({code(where)})" if where else ""
        yield f"  - {code(field.path)}: {words.sides(field, change.verb, code)}{place}"
    for label, text in forecast.lines(change, now, code) if now else ():
        yield f"  - {label}: {text}"


def code(text: str) -> str:
    """Return a code span that the text cannot end (CommonMark 6.1: the fence is longer than any run inside)."""
    shown = phrases.printable(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if "`" in (shown[:1], shown[-1:]) or not shown.strip() else ""
    return f"{fence}{padding}{shown}{padding}{fence}"
