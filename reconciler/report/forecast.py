"""When schedules fire next and how often, in words."""

from __future__ import annotations

import datetime
import heapq
import itertools
import zoneinfo
from collections.abc import Iterable, Iterator

from reconciler import model
from reconciler.report import words
from reconciler.timing import times

_SHOWN = 2  # next times


def lines(change: model.Change, now: datetime.datetime) -> Iterator[tuple[str, str]]:
    """Yield labels and texts about when the schedule fires, where the change makes a difference to that."""
    before = change.live.schedule.timing if change.live and not change.live.schedule.paused else None
    after = None if change.after.paused else change.after.timing
    if before == after:
        return
    if before is not None:
        yield "next before", upcoming(before, now)
    if after is not None:
        yield "next after" if before else "next", upcoming(after, now)


def upcoming(timing: model.Timing, now: datetime.datetime) -> str:
    """Return the next times and the rate: `Mon 24 Nov 2026 09:00 CET (in 22 h), then …; 1 a day`."""
    if not _is_known(timing.timezone):
        return f"unknown, as {words.printable(timing.timezone)} is no time zone here"
    found = list(itertools.islice(times.upcoming(timing, now), _SHOWN))
    if not found:
        return "never"
    first = f"{words.moment(found[0], timing.timezone)} ({words.distance(found[0], now)})"
    rest = "".join(f", then {words.moment(each, timing.timezone)}" for each in found[1:])
    return f"{first}{rest}; {words.rate(times.per_year(timing, now))}"


def total(plan: model.Plan, now: datetime.datetime) -> str:
    """Return how often all that is managed fires, before and after the plan."""
    before = _rate((change.live.schedule for change in plan.changes if change.live), now)
    after = _rate((change.after for change in plan.changes), now)
    if before == after:
        return f"All together fire {words.rate(after)}."
    return f"All together fire {words.rate(before)} → {words.rate(after)}."


def table(
    charters: Iterable[model.Charter], start: datetime.datetime, until: datetime.datetime | None, count: int
) -> Iterator[str]:
    """Yield the first `count` firings of all charters after `start`, a line each with time, distance and charter."""
    firings = heapq.merge(*(_firings(each, start) for each in charters))
    for moment, name, timezone in itertools.islice(firings, count):
        if until is not None and moment > until:
            return
        yield f"{words.moment(moment, timezone)}  {words.distance(moment, start):>10}  {name}"


def _firings(charter: model.Charter, start: datetime.datetime) -> Iterator[tuple[datetime.datetime, str, str]]:
    """Yield when a charter fires, with its name and zone: not at all while it is declared paused."""
    found = iter(()) if charter.schedule.paused else times.upcoming(charter.schedule.timing, start)
    for moment in itertools.islice(found, charter.schedule.remaining_actions):
        yield moment, charter.name, charter.schedule.timing.timezone


def _rate(schedules: Iterable[model.Schedule], now: datetime.datetime) -> float:
    known = (each.timing for each in schedules if not each.paused and _is_known(each.timing.timezone))
    return sum(times.per_year(timing, now) for timing in known)


def _is_known(timezone: str) -> bool:
    try:
        zoneinfo.ZoneInfo(timezone)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True
