"""A plan and its outcome for GitHub: a comment, an issue, a step summary. What matters stands before any fold.

Whatever comes from a spec or a server stands in code spans or escaped in HTML, where it can do nothing.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import html
from collections.abc import Iterable, Iterator

from reconciler.plan import plans
from reconciler.report import forecast, markdown, phrases, words

COMMENT_LIMIT = 60_000  # bytes; GitHub takes 65,536 characters, and drops a longer update without a word
_LISTED = 20  # schedules that are named in a list before the rest is counted
_LIST_SHARE = 7  # a list takes at most this part of the whole: there are up to six of them
_LONGEST_TEXT = 1_000  # characters of a message
_LONGEST_TITLE = 300  # characters of an id in a fold's title

_REMOVED = (plans.Reason.REMOVED,)
_BY_HAND = (plans.Reason.PAUSED_OUTSIDE, plans.Reason.PAUSED_ON_FAILURE, plans.Reason.MANUAL_PAUSE)
_FOREIGN = (plans.Reason.OWNED,)
_LISTS = (
    ("No longer declared:", _REMOVED),
    ("Paused, but not by the spec:", _BY_HAND),
    ("Of another owner:", _FOREIGN),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What to say beside the plan: the mark (its own line), what was planned and where, what to do next, and remarks.

    `next_step` is markdown of ours; `remarks` are messages, which are escaped here. `limit` is in bytes.
    """

    mark: str = ""
    commit: str = ""
    run_url: str = ""
    next_step: str = ""
    remarks: tuple[str, ...] = ()
    now: datetime.datetime
    limit: int = COMMENT_LIMIT


def plan(plan: plans.Plan, about: About) -> str:
    """Return what the plan would do."""
    return _page(_titled("Plan", plan, _counts(plan)), plan, about, ())


def drift(plan: plans.Plan, about: About, since: datetime.datetime) -> str:
    """Return how the server differs from the spec; `since` is when that was first seen."""
    seen = f"First seen {words.moment(since, 'UTC')} ({words.ago(since, about.now)})."
    return _page(_titled("Drift", plan, _counts(plan)), plan, about, (seen,))


def settled(plan: plans.Plan, about: About, since: datetime.datetime | None) -> str:
    """Return that the server is as the spec declares again."""
    was = f"It was first seen {words.moment(since, 'UTC')}" if since else "It was seen before"
    gone = f"{was}, and is gone since {words.moment(about.now, 'UTC')}."
    return _page(_titled("No drift", plan, f"{plan.count(plans.Verb.KEEP)} unchanged"), plan, about, (gone,))


def applied(plan: plans.Plan, applied: plans.Applied, about: About) -> str:
    """Return what became of the plan: what did not succeed by name, the rest in the folds of what was planned."""
    counts = collections.Counter(outcome.status for outcome in applied.outcomes)
    said = ", ".join(f"{counts[status]} {status.value}" for status in plans.Status if counts[status])
    word = "Applied" if counts[plans.Status.DONE] == len(applied.outcomes) else "Applied in part"
    missing = [outcome for outcome in applied.outcomes if outcome.status is not plans.Status.DONE]
    lines = _listed(
        "Not done:",
        [f"{_name(each.change)} {each.status.value}: {markdown.code(_cut(each.detail))}" for each in missing],
        about.limit,
    )
    lead = ("\n".join(lines),) if lines else ()
    return _page(_titled(word, plan, said or "nothing to do"), plan, about, lead)


def failed(what: str, reason: str, about: About) -> str:
    """Return that there is no plan, or that it was not applied, and why."""
    lines = reason.splitlines()
    listed = "\n".join(_listed("", [markdown.code(_cut(line)) for line in lines], about.limit)[1:])
    blocks = [*([about.mark] if about.mark else []), f"### {what}", listed, about.next_step, _origin(about)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _titled(word: str, plan: plans.Plan, counts: str) -> str:
    environment = f" for {markdown.code(plan.environment)}" if plan.environment else ""
    return f"### {word}{environment}: {counts}"


def _counts(plan: plans.Plan) -> str:
    unchanged = f"{plan.count(plans.Verb.KEEP)} unchanged"
    held = [f"{len(plan.blocked)} of another owner"] if plan.blocked else []
    if not plan.differs:
        return f"no changes, {unchanged}"
    verbs = (verb for verb in plans.Verb if verb is not plans.Verb.KEEP and plan.count(verb))
    return ", ".join([*held, *(f"{plan.count(verb)} to {verb.word}" for verb in verbs), unchanged])


def _page(title: str, plan: plans.Plan, about: About, lead: tuple[str, ...]) -> str:
    """Return title, lead and lists, then as many folds as fit."""
    blocks = [title, f"{markdown.code(words.target(plan))}, by {markdown.code(plan.spec_path)}", *lead]
    blocks += [words.as_of(plan, about.now)] if plan.as_of else []
    blocks += [forecast.total(plan, about.now)] if plan.steps else []
    for heading, reasons in _LISTS:
        found = [_named(change, about.now) for change in plan.changes if change.reason in reasons]
        blocks += ["\n".join(_listed(heading, found, about.limit))] if found else []
    taken = words.takeovers(plan, markdown.code)
    blocks += ["\n".join(_listed(words.TAKEOVERS, taken, about.limit))] if taken else []
    if about.remarks:
        blocks.append("\n".join(_listed("Notes:", [markdown.code(_cut(each)) for each in about.remarks], about.limit)))
    blocks += [about.next_step] if about.next_step else []
    blocks.append(_origin(about, plan.digest))
    head = "\n\n".join([*([about.mark] if about.mark else []), *blocks]) + "\n"
    return head + _folds([change for change in plan.changes if words.is_notable(change)], about, len(head.encode()))


def _origin(about: About, digest: str = "") -> str:
    """Return the line that says of which plan and commit this is, and which run wrote it."""
    parts = [f"Digest {markdown.code(digest)}"] if digest else []
    parts += [f"commit {markdown.code(about.commit[:12])}"] if about.commit else []
    parts += [f"[run]({about.run_url})"] if about.run_url else []
    return ", ".join(parts)


def _listed(heading: str, items: list[str], limit: int) -> list[str]:
    """Return the heading and the first items, whole ones only, and how many there are beside them."""
    shown: list[str] = []
    left = limit // _LIST_SHARE
    for item in items[:_LISTED]:
        left -= len(item.encode()) + 3
        if left < 0:
            break
        shown.append(f"- {item}")
    more = [f"- and {len(items) - len(shown)} more"] if len(items) > len(shown) else []
    return [heading, *shown, *more] if items else []


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"


def _name(change: plans.Change) -> str:
    return f"{change.verb.value} {markdown.code(change.id)}"


def _named(change: plans.Change, now: datetime.datetime) -> str:
    """Return a schedule by name, with why it is named and what is known of it."""
    remarks = "".join(f"; {remark}" for remark in words.remarks(change, now, markdown.code))
    return f"{_name(change)}: {change.reason.value}{remarks}"


def _folds(changes: Iterable[plans.Change], about: About, used: int) -> str:
    """Return a fold for each change, whole ones only; a last line says how many did not fit, and where they are."""
    folds = [_fold(change, about.now) for change in changes]
    left = about.limit - used - len(_missing(len(folds), about).encode())
    kept: list[str] = []
    for fold in folds:
        left -= len(fold.encode())
        if left < 0:
            return "".join([*kept, _missing(len(folds) - len(kept), about)])
        kept.append(fold)
    return "".join(kept)


def _missing(count: int, about: About) -> str:
    where = f" of [the run]({about.run_url})" if about.run_url else ""
    return f"\n{count} more changes do not fit here: see the step summary and the plan file{where}.\n"


def _fold(change: plans.Change, now: datetime.datetime) -> str:
    """Return a fold: its title is HTML, in which GitHub reads no markdown, its inside is markdown."""
    shown = phrases.printable(change.id)
    title = shown if len(shown) <= _LONGEST_TITLE else f"{shown[:_LONGEST_TITLE]}…"
    summary = f"{change.verb.value} <code>{html.escape(title)}</code> {html.escape(change.reason.value)}"
    inside = "\n".join(_inside(change, now)) or "Nothing else."
    return f"\n<details><summary>{summary}</summary>\n\n{inside}\n\n</details>\n"


def _inside(change: plans.Change, now: datetime.datetime) -> Iterator[str]:
    if change.place:
        yield f"- declared at {markdown.code(str(change.place))}"
    if change.live and change.live.activity.updated_at:
        yield f"- last changed {words.moment(change.live.activity.updated_at, 'UTC')}"
    yield from (line.removeprefix("  ") for line in markdown.details(change, now))
