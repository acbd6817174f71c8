"""When schedules fire next and how often, in words."""

from __future__ import annotations

import datetime
import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator

from reconciler import spelling
from reconciler.plan import plans
from reconciler.report import phrases, words
from reconciler.schedule import declarations, model, prospects
from reconciler.timing import rates, times, timings, zones

_SHOWN = 2  # next times


def lines(change: plans.Change, now: datetime.datetime, mark: Callable[[str], str] = str) -> Iterator[tuple[str, str]]:
    """Yield labels and descriptions of when the schedule fires, if the change affects that.

    `mark` wraps text that comes from the server.
    """
    before = change.before.schedule if change.before and not change.before.schedule.paused else None
    after = None if change.after.paused else change.after
    if before and after and _firing(before) == _firing(after):
        return
    if before is not None:
        yield "next before", upcoming(before, now, mark)
    if after is not None:
        yield "next after" if before else "next", upcoming(after, now, mark)


def _firing(schedule: model.Schedule) -> tuple[timings.Timing, int | None]:
    return schedule.timing, schedule.remaining_actions


def upcoming(schedule: model.Schedule, now: datetime.datetime, mark: Callable[[str], str] = str) -> str:
    """Return the next times and the rate: `Mon 24 Nov 2026 09:00 CET (in 22 h), then …; 1/day`."""
    timezone = schedule.timing.timezone
    if not zones.is_known(timezone):
        return f"unknown: {mark(phrases.printable(timezone))} is not a valid time zone on this machine"
    moments = list(itertools.islice(prospects.upcoming(schedule, now), _SHOWN))
    if not moments:
        return "never: no actions remain" if schedule.remaining_actions == 0 else "never"
    first = f"{words.moment(moments[0], timezone)} ({words.distance(moments[0], now)})"
    rest = "".join(f", then {words.moment(moment, timezone)}" for moment in moments[1:])
    return f"{first}{rest}; {_pace(schedule, now)}"


def _pace(schedule: model.Schedule, now: datetime.datetime) -> str:
    """Return the rate of unlimited firings, and the number of limited ones: `24/day`, `3 firings left until …`."""
    pace = prospects.pace(schedule, now)
    parts = [words.rate(pace.a_year)] if pace.a_year else []
    parts += [f"{spelling.counted(pace.left, 'firing')} left"] if pace.left is not None else []
    end = schedule.timing.end_at
    until = f" until {words.moment(end, schedule.timing.timezone)}" if end and end.year <= times.LAST_YEAR else ""
    return ", ".join(parts) + until


def total(plan: plans.Plan, now: datetime.datetime) -> str:
    """Return the total firing rate of the managed schedules, before and after the plan."""
    ours = [change for change in plan.changes if not change.is_blocked]
    old = prospects.together((change.before.schedule for change in ours if change.before), now)
    new = prospects.together((change.after for change in ours), now)
    before, after = _words(old, new), _words(new, old)
    return f"Total firing rate: {before} → {after}." if before != after else f"Total firing rate: {after}."


def _words(pace: rates.Pace, other: rates.Pace) -> str:
    """Return a pace, in the unit that suits both it and the other one."""
    rate = words.rate(pace.a_year, other.a_year)
    return f"{rate}, plus {spelling.counted(pace.left, 'remaining firing')}" if pace.left else rate


def table(
    charters: Iterable[declarations.Charter], start: datetime.datetime, until: datetime.datetime | None, count: int
) -> Iterator[str]:
    """Yield a line for each of the first `count` firings after `start`: time, distance, and charter."""
    firings = heapq.merge(*(_firings(charter, start) for charter in charters))
    for moment, name, timezone in itertools.islice(firings, count):
        if until is not None and moment > until:
            return
        yield f"{words.moment(moment, timezone)}  {words.distance(moment, start):>10}  {name}"


def _firings(charter: declarations.Charter, start: datetime.datetime) -> Iterator[tuple[datetime.datetime, str, str]]:
    """Yield each time at which a charter fires, with the charter's name and time zone."""
    for moment in prospects.upcoming(charter.schedule, start):
        yield moment, charter.name, charter.schedule.timing.timezone


def silent(charters: Iterable[declarations.Charter], start: datetime.datetime) -> Iterator[str]:
    """Yield the reason for each charter that never fires after `start`."""
    for charter in charters:
        schedule = charter.schedule
        if schedule.paused:
            yield f"{charter.name} does not fire: it is declared paused"
        elif schedule.remaining_actions == 0:
            yield f"{charter.name} does not fire: no actions remain"
        elif next(prospects.upcoming(schedule, start), None) is None:
            yield f"{charter.name} never fires: no time matches; check its days, years, exclusions, and end"


def known_zone(timezone: str) -> str:
    """Return the time zone to show times in: the schedule's own, or UTC if that is unknown on this machine."""
    return timezone if zones.is_known(timezone) else "UTC"
