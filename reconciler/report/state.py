"""The state, runs, and drift of each schedule, for a terminal."""

from __future__ import annotations

import collections
import datetime
from collections.abc import Iterator

from reconciler import spelling
from reconciler.plan import plans
from reconciler.report import forecast, phrases, words
from reconciler.schedule import fields, observed


def text(plan: plans.Plan, now: datetime.datetime) -> str:
    """Return a paragraph for each schedule, and a line with totals."""
    changes = sorted(plan.schedules, key=lambda change: change.id)
    paragraphs = ["\n".join(_lines(change, now)) for change in changes]
    return "\n\n".join([phrases.printable(words.target(plan)), *paragraphs, _counts(plan)]) + "\n"


def _lines(change: plans.Change, now: datetime.datetime) -> Iterator[str]:
    charter = f"  {phrases.printable(change.charter)}" if change.charter else ""
    place = f"  {phrases.printable(str(change.place))}" if change.place else ""
    yield f"  {phrases.printable(change.id)}{charter}{place}"
    for label, value in _rows(change, now):
        yield f"      {label:<7}  {value}"


def _rows(change: plans.Change, now: datetime.datetime) -> Iterator[tuple[str, str]]:
    live = change.live
    yield "state", _state(change, now)
    if live is None:
        off = change.reason is plans.Reason.SWITCHED_OFF
        yield "drift", _drift(change) if off else f"yes: it {words.reason(change)}"
        return
    zone = forecast.known_zone(live.schedule.timing.timezone)
    if live.schedule.remaining_actions is not None:
        yield "left", _remaining(live.schedule.remaining_actions, live.schedule.counted_from)
    if live.schedule.note:
        yield "note", words.value(fields.note(live.schedule))
    yield "last", _last(live.history, zone, now)
    if not live.schedule.paused:
        yield "next", _next(live.history, zone, now)
    if live.history.running:
        yield "running", ", ".join(map(phrases.printable, live.history.running))
    if live.history.recent:
        yield "recent", _recent(live.history)
    lost = _lost(live.history)
    if lost:
        yield "lost", lost
    if live.overdue:
        yield "overdue", words.overdue(live.overdue, zone)
    yield "drift", _drift(change)


def _state(change: plans.Change, now: datetime.datetime) -> str:
    word = change.state.value
    if change.live is None or change.live.pause is None:
        return word
    zone = forecast.known_zone(change.live.schedule.timing.timezone)
    by = words.paused_by(change.live.pause, zone, now)
    return f"{word} {by}" if by else word


def _remaining(remaining: int, start: int | None) -> str:
    """Return how many actions remain, and out of how many if some have been used."""
    of = f" of {start}" if start not in (None, remaining) else ""
    return f"{remaining}{of} action{'s'[: (start if of else remaining) != 1]}"


def _last(history: observed.History, zone: str, now: datetime.datetime) -> str:
    if not history.recent or history.recent[-1].started_at is None:
        return "never"
    run = history.recent[-1]
    started = run.started_at or now
    return f"{words.moment(started, zone)} ({words.ago(started, now)}), {run.status.value}"


def _next(history: observed.History, zone: str, now: datetime.datetime) -> str:
    if history.next_time is None:
        return "never"
    return f"{words.moment(history.next_time, zone)} ({words.distance(history.next_time, now)})"


def _recent(history: observed.History) -> str:
    """Return the results of recent runs, oldest first, grouping equal neighbors: `2 completed, then 1 failed`."""
    groups: list[list[observed.RunStatus]] = []
    for run in history.recent:
        if groups and groups[-1][0] is run.status:
            groups[-1].append(run.status)
        else:
            groups.append([run.status])
    return ", then ".join(f"{len(group)} {group[0].value}" for group in groups)


def _lost(history: observed.History) -> str:
    """Return how many firings did not start a run, and why."""
    counts = (
        (history.missed, "missed: late by more than the catch-up window"),
        (history.skipped, "skipped: the previous run was still running"),
        (history.dropped, "dropped: the buffer was full"),
    )
    return "; ".join(f"{count} {why}" for count, why in counts if count)


def _drift(change: plans.Change) -> str:
    if change.is_blocked and change.live:
        return f"blocked: it belongs to {phrases.printable(change.live.schedule.owner or '')}, but the spec declares it"
    is_kept = change.verb is plans.Verb.KEEP
    if change.charter is None or change.reason is plans.Reason.SWITCHED_OFF:
        return f"no: {change.reason.value}" if is_kept else f"yes: it {words.reason(change)}"
    if is_kept:
        return "no"
    return f"yes: {', '.join(phrases.printable(field.path) for field in change.fields)}"


def _counts(plan: plans.Plan) -> str:
    ours = [change for change in plan.schedules if not change.is_blocked]
    states = collections.Counter(change.state for change in ours)
    total = spelling.counted(len(ours), "schedule")
    counts = ", ".join(f"{states[state]} {state.value}" for state in plans.State if states[state])
    drifting = "1 differs" if len(plan.steps) == 1 else f"{len(plan.steps)} differ"
    held = f"; {words.blocked(plan)}" if plan.blocked else ""
    return f"{total}{': ' if counts else ''}{counts}; {drifting} from the spec{held}."
