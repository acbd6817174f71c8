"""A plan and its outcome for GitHub: a comment, an issue, or a step summary.

What matters comes before the folds, which are collapsed sections (`<details>`). All text from a spec or a server is put
in code spans or escaped as HTML, so that it cannot act as markup.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import html
from collections.abc import Iterable, Iterator

from reconciler import spelling
from reconciler.plan import plans, rollouts
from reconciler.report import forecast, markdown, phrases, words

COMMENT_LIMIT = 60_000  # bytes; GitHub accepts 65,536 characters, and silently drops a longer update
_LISTED = 20  # schedules that a list names; the rest are only counted
_LIST_SHARE = 8  # each of up to seven lists takes at most one eighth of the whole
_LONGEST_TEXT = 1_000  # characters of a message
_LONGEST_TITLE = 300  # characters of an id in a fold's title

_REMOVED = (plans.Reason.REMOVED,)
_RENAMED = (plans.Reason.RENAMED,)
_BY_HAND = (plans.Reason.PAUSED_OUTSIDE, plans.Reason.PAUSED_ON_FAILURE, plans.Reason.MANUAL_PAUSE)
_FOREIGN = (plans.Reason.OWNED,)
_LISTS = (
    ("No longer declared:", _REMOVED),
    ("Renamed:", _RENAMED),
    ("Paused outside the spec:", _BY_HAND),
    ("Belongs to another owner:", _FOREIGN),
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What surrounds the plan in a comment: the hidden mark (on its own line), commit, run, next step, and remarks.

    `next_step` is trusted Markdown; `remarks` are messages, which are escaped here. `limit` is in bytes.
    """

    mark: str = ""
    commit: str = ""
    run_url: str = ""
    next_step: str = ""
    remarks: tuple[str, ...] = ()
    now: datetime.datetime
    limit: int = COMMENT_LIMIT


def plan(plan: plans.Plan, about: About) -> str:
    """Return the comment about a plan."""
    return page(_titled("Plan", plan, counts(plan)), plan, about, ())


def drift(plan: plans.Plan, about: About, since: datetime.datetime) -> str:
    """Return the issue about drift; `since` is when it was first seen."""
    seen = f"First seen {words.moment(since, 'UTC')} ({words.ago(since, about.now)})."
    return page(_titled("Drift", plan, counts(plan)), plan, about, (seen,))


def settled(plan: plans.Plan, about: About, since: datetime.datetime | None) -> str:
    """Return the issue's text once the server matches the spec again."""
    seen = f"First seen {words.moment(since, 'UTC')}" if since else "Seen earlier"
    gone = f"{seen}; gone since {words.moment(about.now, 'UTC')}."
    return page(_titled("No drift", plan, f"{plan.count(plans.Verb.KEEP)} unchanged"), plan, about, (gone,))


def applied(plan: plans.Plan, applied: plans.Applied, about: About) -> str:
    """Return the outcome of an apply: a list of failed steps, then a collapsed section for each planned change."""
    word = "Applied in part" if any(map(_is_missing, applied.outcomes)) else "Applied"
    return page(_titled(word, plan, totals(applied)), plan, about, missing(applied, about))


def totals(applied: plans.Applied) -> str:
    """Return how many steps ended with each status."""
    ended = collections.Counter(outcome.status for outcome in applied.outcomes)
    return ", ".join(f"{ended[status]} {status.value}" for status in plans.Status if ended[status]) or "nothing to do"


def missing(applied: plans.Applied, about: About) -> tuple[str, ...]:
    """Return a list of the steps that were not completed; empty if all were."""
    lines = listed(
        "Not done:",
        [
            f"{_name(out.change)} {out.status.value}: {markdown.code(cut(out.detail))}"
            for out in applied.outcomes
            if _is_missing(out)
        ],
        about.limit,
    )
    return ("\n".join(lines),) if lines else ()


def _is_missing(outcome: plans.Outcome) -> bool:
    return outcome.status is not plans.Status.DONE


def failed(what: str, reason: str, about: About) -> str:
    """Return why nothing was planned, or why the plan was not applied."""
    lines = reason.splitlines()
    reasons = "\n".join(listed("", [markdown.code(cut(line)) for line in lines], about.limit)[1:])
    blocks = [*([about.mark] if about.mark else []), f"### {what}", reasons, about.next_step, origin(about)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _titled(word: str, plan: plans.Plan, counts: str) -> str:
    environment = f" for {markdown.code(plan.environment)}" if plan.environment else ""
    return f"### {word}{environment}: {counts}"


def counts(plan: plans.Plan | rollouts.Rollout) -> str:
    """Return how many changes there are of each kind."""
    unchanged = f"{plan.count(plans.Verb.KEEP)} unchanged"
    held = [f"{len(plan.blocked)} belonging to another owner"] if plan.blocked else []
    if not plan.differs:
        return f"no changes, {unchanged}"
    verbs = (verb for verb in plans.Verb if verb is not plans.Verb.KEEP and plan.count(verb))
    return ", ".join([*held, *(f"{plan.count(verb)} to {verb.word}" for verb in verbs), unchanged])


def page(title: str, plan: plans.Plan, about: About, lead: tuple[str, ...]) -> str:
    """Return the title, lead, and lists, then as many folds as fit."""
    blocks = [title, f"{markdown.code(words.target(plan))}, declared in {markdown.code(plan.spec_path)}", *lead]
    blocks += [words.as_of(plan, about.now)] if plan.as_of else []
    blocks += [forecast.total(plan, about.now)] if plan.steps else []
    for heading, reasons in _LISTS:
        named = [_named(change, about.now) for change in plan.changes if change.reason in reasons]
        blocks += ["\n".join(listed(heading, named, about.limit))] if named else []
    taken = words.takeovers(plan, markdown.code)
    blocks += ["\n".join(listed(words.TAKEOVERS, taken, about.limit))] if taken else []
    blocks += words.notes(plan, markdown.code)
    if about.remarks:
        blocks.append(
            "\n".join(listed("Notes:", [markdown.code(cut(remark)) for remark in about.remarks], about.limit))
        )
    blocks += [about.next_step] if about.next_step else []
    blocks.append(origin(about, plan.digest))
    head = "\n\n".join([*([about.mark] if about.mark else []), *blocks]) + "\n"
    return head + _folds([change for change in plan.changes if words.is_notable(change)], about, len(head.encode()))


def origin(about: About, digest: str = "", name: str = "Digest") -> str:
    """Return the line with the plan's digest, the commit, and a link to the run."""
    parts = [f"{name} {markdown.code(digest)}"] if digest else []
    parts += [f"commit {markdown.code(about.commit[:12])}"] if about.commit else []
    parts += [f"[run]({about.run_url})"] if about.run_url else []
    return ", ".join(parts)


def listed(heading: str, items: list[str], limit: int) -> list[str]:
    """Return the heading, the first items that fit, and the number of remaining items."""
    shown: list[str] = []
    room = limit // _LIST_SHARE
    for item in items[:_LISTED]:
        room -= len(item.encode()) + 3
        if room < 0:
            break
        shown.append(f"- {item}")
    more = [f"- and {len(items) - len(shown)} more"] if len(items) > len(shown) else []
    return [heading, *shown, *more] if items else []


def cut(text: str) -> str:
    """Return a message, truncated if it is too long."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}… ({len(text)} characters)"


def _name(change: plans.Change) -> str:
    return f"{change.verb.value} {markdown.code(change.id)}"


def _named(change: plans.Change, now: datetime.datetime) -> str:
    """Return the name of a schedule, the reason for its change, and remarks."""
    remarks = "".join(f"; {remark}" for remark in words.remarks(change, now, markdown.code))
    return f"{_name(change)}: {words.reason(change, markdown.code)}{remarks}"


def _folds(changes: Iterable[plans.Change], about: About, used: int) -> str:
    """Return as many whole folds as fit; a final line counts the others and links to them."""
    folds = [_fold(change, about.now) for change in changes]
    room = about.limit - used - len(_missing(len(folds), about).encode())
    kept: list[str] = []
    for fold in folds:
        room -= len(fold.encode())
        if room < 0:
            return "".join([*kept, _missing(len(folds) - len(kept), about)])
        kept.append(fold)
    return "".join(kept)


def _missing(count: int, about: About) -> str:
    where = f" of [the run]({about.run_url})" if about.run_url else ""
    return f"\n{spelling.counted(count, 'more change')} omitted here; see the step summary and the plan file{where}.\n"


def _fold(change: plans.Change, now: datetime.datetime) -> str:
    """Return a collapsed section: its title is HTML, in which GitHub ignores Markdown, and its content is Markdown."""
    shown = phrases.printable(change.id)
    title = shown if len(shown) <= _LONGEST_TITLE else f"{shown[:_LONGEST_TITLE]}…"
    summary = f"{change.verb.value} <code>{html.escape(title)}</code> {html.escape(words.reason(change))}"
    inside = "\n".join(_inside(change, now)) or "Nothing else."
    return f"\n<details><summary>{summary}</summary>\n\n{inside}\n\n</details>\n"


def _inside(change: plans.Change, now: datetime.datetime) -> Iterator[str]:
    if change.place:
        yield f"- declared at {markdown.code(str(change.place))}"
    if change.live and change.live.history.updated_at:
        yield f"- last changed {words.moment(change.live.history.updated_at, 'UTC')}"
    yield from (line.removeprefix("  ") for line in markdown.details(change, now))
