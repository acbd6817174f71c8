"""The times at which a timing fires, as the server counts them.

Clock times are literal: one that daylight saving skips does not fire. Where a clock shows an hour twice, the server's
way is its own (1.29.1, next in its compiled calendar): west of Greenwich each time of that hour fires twice, east of it
some fire once, and which ones depends on the time before; so every time is found from the one before it, as there.
Intervals count whole seconds from the Unix epoch. Jitter is left out: these are the nominal times.
"""

from __future__ import annotations

import bisect
import calendar as gregorian
import datetime
import functools
import itertools
import zoneinfo
from collections.abc import Iterator, Sequence

from reconciler import model

LAST_YEAR = 2100  # the server looks no further
DAY = datetime.timedelta(days=1)
YEAR = 365 * DAY

_HOUR = 3600  # seconds
_PATIENCE = 100_000  # excluded times in a row after which nothing is expected to come
_STEPS = 1_000  # excluded times in a row that are gone through one by one, as the server does
_COUNTABLE = 10_000  # firings in a year that are counted one by one


def upcoming(timing: model.Timing, after: datetime.datetime) -> Iterator[datetime.datetime]:
    """Yield the times after `after`, ascending, in UTC; none when the timing never fires again."""
    zone = zoneinfo.ZoneInfo(timing.timezone)
    last = max(_seconds(after), -1)  # nothing fires before 1970
    if timing.start_at is not None:
        last = max(last, _seconds(timing.start_at) - 1)
    skipped = 0
    while skipped < _PATIENCE:
        if last >= _NEVER:
            return
        found = [_of_calendar(each, zone, last) for each in timing.calendars]
        found += [_of_interval(each, last) for each in timing.intervals]
        last = min(found, default=_NEVER)
        if last >= _NEVER or (timing.end_at is not None and _moment(last) > timing.end_at):
            return
        local = _moment(last).astimezone(zone)
        excluding = [each for each in timing.exclude if _matches(each, local)]
        if excluding:
            skipped += 1
            if skipped > _STEPS:
                last = max(_end_of(each, local, last) for each in excluding)
            continue
        skipped = 0
        yield _moment(last)


@functools.lru_cache(maxsize=4096)
def per_year(timing: model.Timing, after: datetime.datetime) -> float:
    """Return how often the timing fires in the 365 days after `after`.

    Times of a single calendar or interval, and of very busy ones, are counted by days, where a change of clocks and
    what two have in common do not show; others one by one.
    """
    rough = sum(_rough(each, timing.exclude, after) for each in timing.calendars) + sum(
        YEAR / each.every for each in timing.intervals
    )
    alone = len(timing.calendars) + len(timing.intervals) <= 1 and not timing.exclude
    bounded = timing.start_at is not None or timing.end_at is not None
    if rough > _COUNTABLE or (alone and not bounded):
        return rough
    end = after + YEAR
    return float(sum(1 for _ in itertools.takewhile(lambda moment: moment <= end, upcoming(timing, after))))


def _rough(calendar: model.Calendar, exclude: Sequence[model.Calendar], after: datetime.datetime) -> float:
    a_day = len(calendar.hour) * len(calendar.minute) * len(calendar.second)
    whole = [each for each in exclude if _fills_day(each)]
    days = (day for day in _coming_year(after) if not any(_matches_date(each, day) for each in whole))
    return float(a_day * sum(_matches_date(calendar, day) for day in days))


def _fills_day(calendar: model.Calendar) -> bool:
    return (len(calendar.hour), len(calendar.minute), len(calendar.second)) == (24, 60, 60)


def _end_of(excluding: model.Calendar, local: datetime.datetime, last: int) -> int:
    """Return the last second of the hour or the day that is excluded as a whole."""
    if len(excluding.minute) < 60 or len(excluding.second) < 60:
        return last
    end_of_hour = last + _HOUR - 1 - local.minute * 60 - local.second
    hours = max(22 - local.hour, 0) if len(excluding.hour) == 24 else 0  # short of the day's end, should clocks change
    return end_of_hour + hours * _HOUR


def _coming_year(after: datetime.datetime) -> Iterator[datetime.date]:
    if after.year >= LAST_YEAR:
        return iter(())
    days = (after.date() + datetime.timedelta(days=number) for number in range(1, 366))
    return (day for day in days if day.year <= LAST_YEAR)


def skipped_or_repeated(
    timing: model.Timing, after: datetime.datetime
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """Return the first clock time of the coming year that daylight saving skips, and the first that it repeats.

    Both are local, without a zone. Calendars that fire every hour are left out: nobody notices an hour more or less.
    """
    zone = zoneinfo.ZoneInfo(timing.timezone)
    skipped: list[datetime.datetime] = []
    repeated: list[datetime.datetime] = []
    for day in _coming_year(after.astimezone(zone)):
        if _is_plain(day, zone):
            continue
        for calendar in timing.calendars:
            if len(calendar.hour) < 24 and _matches_date(calendar, day):
                for clock in _clocks(calendar, day):
                    found = len(_seconds_of(clock, zone))
                    skipped += [clock] if found == 0 else []
                    repeated += [clock] if found > 1 else []
    return min(skipped, default=None), min(repeated, default=None)


def _seconds(moment: datetime.datetime) -> int:
    return (moment - _EPOCH) // datetime.timedelta(seconds=1)


def _moment(second: int) -> datetime.datetime:
    return _EPOCH + datetime.timedelta(seconds=second)


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_NEVER = _seconds(datetime.datetime(LAST_YEAR + 1, 1, 1, tzinfo=datetime.UTC))


def _of_interval(interval: model.Interval, last: int) -> int:
    """Return the next time: whole seconds, as the server drops fractions of the interval and of its phase."""
    every = max(interval.every // datetime.timedelta(seconds=1), 1)
    phase = interval.offset // datetime.timedelta(seconds=1)
    return ((last - phase) // every + 1) * every + phase


def _of_calendar(calendar: model.Calendar, zone: zoneinfo.ZoneInfo, last: int) -> int:
    """Return the next time by turning a clock on the wall forward from `last`, field by field.

    At the end of an hour after which the clock is turned back, the hour is gone through once more, shifted.
    """
    local = _wall(last, zone)
    day, hour, minute, second = local.date(), local.hour, local.minute, local.second + 1
    shift = _HOUR if _wall(last - _HOUR, zone).hour == hour else 0
    while True:
        if second >= 60:
            minute, second = minute + 1, 0
        if minute >= 60:
            again = not shift and _lasts_longer(day, hour, zone)
            hour, minute, shift = (hour, 0, _HOUR) if again else (hour + 1, 0, 0)
        if hour >= 24:
            day, hour = day + DAY, 0
        if not _is_day(calendar, day, _wall(_instant(day, hour, minute, second, zone), zone)):
            found = _next_month_day(calendar, day + DAY)
            if found is None:
                return _NEVER
            day, hour, minute, second, shift = found, 0, 0, 0, 0
            continue
        before, (hour, minute, second) = hour, _forward(calendar, hour, minute, second)
        shift = shift if hour == before else 0
        if hour < 24 and minute < 60 and second < 60:  # else it carries over
            instant = _instant(day, hour, minute, second, zone)
            if _wall(instant, zone).hour == hour:
                return instant + shift
            hour, minute, second = hour + 1, 0, 0  # a time that no clock shows


def _forward(calendar: model.Calendar, hour: int, minute: int, second: int) -> tuple[int, int, int]:
    """Turn the clock to the next match within the day; a field that has none left stands at its end: 24 or 60."""
    if hour not in calendar.hour:
        hour, minute, second = _next(calendar.hour, hour, 24), 0, 0
    if hour < 24 and minute not in calendar.minute:
        minute, second = _next(calendar.minute, minute, 60), 0
    if hour < 24 and minute < 60 and second not in calendar.second:
        second = _next(calendar.second, second, 60)
    return hour, minute, second


def _lasts_longer(day: datetime.date, hour: int, zone: zoneinfo.ZoneInfo) -> bool:
    """Tell whether the hour after this one begins late, as the clock is turned back in between."""
    return _instant(day, hour + 1, 0, 0, zone) - _instant(day, hour, 0, 0, zone) > _HOUR


def _next(numbers: Sequence[int], number: int, beyond: int) -> int:
    place = bisect.bisect_right(numbers, number)
    return numbers[place] if place < len(numbers) else beyond


def _is_day(calendar: model.Calendar, day: datetime.date, wall: datetime.datetime) -> bool:
    """Compare the date itself, and the weekday of what the clock shows: they differ in an hour that is skipped."""
    return (
        day.day in calendar.day_of_month
        and day.month in calendar.month
        and (not calendar.year or day.year in calendar.year)
        and wall.isoweekday() % 7 in calendar.day_of_week
    )


def _next_month_day(calendar: model.Calendar, first: datetime.date) -> datetime.date | None:
    """Return the next day that year, month and day of month match, None when there is none."""
    for year in range(first.year, LAST_YEAR + 1):
        if calendar.year and year not in calendar.year:
            continue
        for month, number in itertools.product(calendar.month, calendar.day_of_month):
            if (year, month, number) >= (first.year, first.month, first.day) and number <= _days_in(year, month):
                return datetime.date(year, month, number)
    return None


def _days_in(year: int, month: int) -> int:
    return gregorian.monthrange(year, month)[1]


def _wall(second: int, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    return _moment(second).astimezone(zone)


def _instant(day: datetime.date, hour: int, minute: int, second: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return when a clock shows this, in the way of Go's time.Date for what it shows never or twice."""
    shown = (day.toordinal() - _EPOCH.toordinal()) * 24 * _HOUR + hour * _HOUR + minute * 60 + second
    guess = shown - _offset(shown, zone)
    return shown - _offset(guess, zone)


def _offset(second: int, zone: zoneinfo.ZoneInfo) -> int:
    return int((_wall(second, zone).utcoffset() or datetime.timedelta(0)).total_seconds())


def _clocks(calendar: model.Calendar, day: datetime.date) -> Iterator[datetime.datetime]:
    """Yield what a clock on the wall shows at the day's matching times."""
    for hour, minute, second in itertools.product(calendar.hour, calendar.minute, calendar.second):
        yield datetime.datetime(day.year, day.month, day.day, hour, minute, second)


def _is_plain(day: datetime.date, zone: zoneinfo.ZoneInfo) -> bool:
    """Tell whether the day has one offset from its beginning to its end."""
    return _utc_offset(day, zone) == _utc_offset(day + DAY, zone)


def _utc_offset(day: datetime.date, zone: zoneinfo.ZoneInfo) -> int:
    offset = datetime.datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()
    return int((offset or datetime.timedelta(0)).total_seconds())


def _seconds_of(clock: datetime.datetime, zone: zoneinfo.ZoneInfo) -> list[int]:
    """Return when a clock shows this time: never, once or twice."""
    found = set()
    for fold in (0, 1):
        moment = clock.replace(tzinfo=zone, fold=fold).astimezone(datetime.UTC)
        if moment.astimezone(zone).replace(tzinfo=None) == clock:
            found.add(_seconds(moment))
    return sorted(found)


def _matches_date(calendar: model.Calendar, day: datetime.date) -> bool:
    return (
        day.day in calendar.day_of_month
        and day.month in calendar.month
        and day.isoweekday() % 7 in calendar.day_of_week
        and (not calendar.year or day.year in calendar.year)
    )


def _matches(calendar: model.Calendar, local: datetime.datetime) -> bool:
    return (
        local.hour in calendar.hour
        and local.minute in calendar.minute
        and local.second in calendar.second
        and _matches_date(calendar, local.date())
    )
