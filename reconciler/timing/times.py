"""The times at which a timing fires, exactly as the server computes them.

Clock times are literal: nothing fires at a time that daylight saving skips. In a repeated hour, the server behaves as
follows (1.29.1, `next` in its compiled calendar): west of Greenwich, each time in that hour fires twice; east of it,
some fire only once, depending on the previous time. So every time is computed from the previous one, as in the server.
Intervals count whole seconds from the Unix epoch. Jitter is ignored: these are the nominal times.
"""

from __future__ import annotations

import bisect
import calendar as gregorian
import datetime
import functools
import zoneinfo
from collections.abc import Iterator, Sequence

from reconciler.timing import clocks, timings

LAST_YEAR = 2100  # the server does not search beyond this year
NEVER = clocks.seconds(datetime.datetime(LAST_YEAR + 1, 1, 1, tzinfo=datetime.UTC))

_DAY = datetime.timedelta(days=1)
_PATIENCE = 100_000  # consecutive excluded times after which the search ends
_STEPS = 1_000  # consecutive excluded times that are skipped one by one, as the server does


def upcoming(timing: timings.Timing, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield the times after `after` in ascending order, in UTC; none if the timing never fires again."""
    zone = zoneinfo.ZoneInfo(timing.timezone)
    last = max(clocks.seconds(after), -1)  # nothing fires before 1970
    if timing.start_at is not None:
        last = max(last, clocks.seconds(timing.start_at) - 1)
    skipped = 0
    while skipped < _PATIENCE:
        if last >= NEVER:
            return
        candidates = [
            _of_calendar(each, zone, last) for each in timing.calendars if each.hour and each.minute and each.second
        ]
        candidates += [_of_interval(each, last) for each in timing.intervals]
        last = min(candidates, default=NEVER)
        if last >= NEVER or (timing.end_at is not None and clocks.moment(last) > timing.end_at):
            return
        local = clocks.moment(last).astimezone(zone)
        excluding = [each for each in timing.exclude if matches(each, local)]
        if excluding:
            skipped += 1
            if skipped > _STEPS:
                last = max(_end_of(each, local, last) for each in excluding)
            continue
        skipped = 0
        yield clocks.moment(last)


def _end_of(excluding: timings.Calendar, local: datetime.datetime, last: int) -> int:
    """Return a second such that all after `last` up to it are excluded: skips whole hours, days, months, and years."""
    if len(excluding.minute) < 60 or len(excluding.second) < 60:
        return last
    end_of_hour = last + clocks.HOUR - 1 - local.minute * 60 - local.second
    if len(excluding.hour) < 24:
        return end_of_hour
    hours = max(22 - local.hour, 0)  # stop before the end of the day, in case the clocks change
    return end_of_hour + max(hours * clocks.HOUR, _excluded_days(excluding, local.date()) * clocks.DAY)


def _excluded_days(excluding: timings.Calendar, day: datetime.date) -> int:
    """Return how many days are excluded from `day` to the end of a month or year, minus two for clock changes."""
    if len(excluding.day_of_month) < 31 or len(excluding.day_of_week) < 7:
        return 0
    if len(excluding.month) < 12:
        end = day.replace(day=_days_in(day.year, day.month))
    else:
        years = range(day.year, LAST_YEAR)
        end = datetime.date(next((each for each in years if not _has_year(excluding, each + 1)), LAST_YEAR), 12, 31)
    return max((end - day).days - 2, 0)


def _of_interval(interval: timings.Interval, last: int) -> int:
    every, phase = in_seconds(interval)
    return ((last - phase) // every + 1) * every + phase


def in_seconds(interval: timings.Interval) -> tuple[int, int]:
    """Return the interval and its phase in whole seconds; the server drops the fractions of both."""
    second = datetime.timedelta(seconds=1)
    return max(interval.every // second, 1), interval.offset // second


def _of_calendar(calendar: timings.Calendar, zone: zoneinfo.ZoneInfo, last: int) -> int:
    """Return the next time after `last`, by advancing the wall clock one field at a time.

    When the clocks are set back and an hour repeats, that hour is searched a second time, with the new offset.
    """
    local = clocks.wall(last, zone)
    day, hour, minute, second = local.date(), local.hour, local.minute, local.second + 1
    shift = clocks.HOUR if clocks.wall(last - clocks.HOUR, zone).hour == hour else 0
    while True:
        if second >= 60:
            minute, second = minute + 1, 0
        if minute >= 60:
            again = not shift and _lasts_longer(day, hour, zone)
            hour, minute, shift = (hour, 0, clocks.HOUR) if again else (hour + 1, 0, 0)
        if hour >= 24:
            day, hour = day + _DAY, 0
        if not _is_day(calendar, day, _weekday(day, hour, minute, second, zone)):
            found = _next_month_day(calendar, day + _DAY)
            if found is None:
                return NEVER
            day, hour, minute, second, shift = found, 0, 0, 0, 0
            continue
        before, (hour, minute, second) = hour, _forward(calendar, hour, minute, second)
        shift = shift if hour == before else 0
        if hour < 24 and minute < 60 and second < 60:  # otherwise it carries over
            instant = clocks.instant(day, hour, minute, second, zone)
            if clocks.wall(instant, zone).hour == hour:
                return instant + shift
            hour, minute, second = hour + 1, 0, 0  # a skipped time


def _forward(calendar: timings.Calendar, hour: int, minute: int, second: int) -> tuple[int, int, int]:
    """Return the next match within the day; a field without a match is one past its maximum: 24 or 60."""
    if hour not in calendar.hour:
        hour, minute, second = _next(calendar.hour, hour, 24), 0, 0
    if hour < 24 and minute not in calendar.minute:
        minute, second = _next(calendar.minute, minute, 60), 0
    if hour < 24 and minute < 60 and second not in calendar.second:
        second = _next(calendar.second, second, 60)
    return hour, minute, second


def _lasts_longer(day: datetime.date, hour: int, zone: zoneinfo.ZoneInfo) -> bool:
    """Return whether the clocks are set back between this hour and the next."""
    return clocks.instant(day, hour + 1, 0, 0, zone) - clocks.instant(day, hour, 0, 0, zone) > clocks.HOUR


def _next(numbers: Sequence[int], number: int, beyond: int) -> int:
    place = bisect.bisect_right(numbers, number)
    return numbers[place] if place < len(numbers) else beyond


def _is_day(calendar: timings.Calendar, day: datetime.date, weekday: int) -> bool:
    return (
        day.day in calendar.day_of_month
        and day.month in calendar.month
        and _has_year(calendar, day.year)
        and weekday in calendar.day_of_week
    )


def _has_year(calendar: timings.Calendar, year: int) -> bool:
    return not calendar.year or year in calendar.year


@functools.lru_cache(maxsize=4096)  # the upcoming days are the same for all schedules
def _weekday(day: datetime.date, hour: int, minute: int, second: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return the weekday that the clock shows (Sunday is 0); in a skipped hour, it may differ from the date's."""
    return clocks.wall(clocks.instant(day, hour, minute, second, zone), zone).isoweekday() % 7


def _next_month_day(calendar: timings.Calendar, first: datetime.date) -> datetime.date | None:
    """Return the next day that matches year, month, and day of month, None if there is none."""
    for year in range(first.year, LAST_YEAR + 1):
        if not _has_year(calendar, year):
            continue
        for month in calendar.month:
            if (year, month) >= (first.year, first.month):
                least = first.day if (year, month) == (first.year, first.month) else 1
                number = _next(calendar.day_of_month, least - 1, 32)
                if number <= _days_in(year, month):
                    return datetime.date(year, month, number)
    return None


def _days_in(year: int, month: int) -> int:
    return gregorian.monthrange(year, month)[1]


def matches(calendar: timings.Calendar, local: datetime.datetime) -> bool:
    """Return whether the calendar matches a local time."""
    return (
        local.hour in calendar.hour
        and local.minute in calendar.minute
        and local.second in calendar.second
        and _is_day(calendar, local, local.isoweekday() % 7)
    )
