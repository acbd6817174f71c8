"""Convert between seconds since the Unix epoch and the wall clock of a time zone."""

from __future__ import annotations

import bisect
import datetime
import zoneinfo

HOUR = 3600  # seconds
DAY = 24 * HOUR
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def seconds(moment: datetime.datetime) -> int:
    """Return the moment in seconds since the epoch, rounded down."""
    return (moment - _EPOCH) // datetime.timedelta(seconds=1)


def moment(second: int) -> datetime.datetime:
    """Convert seconds since the epoch to a time in UTC."""
    return _EPOCH + datetime.timedelta(seconds=second)


def wall(second: int, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    """Return the zone's clock time at a second since the epoch."""
    return moment(second).astimezone(zone)


def offset(second: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return the zone's offset from UTC in seconds."""
    return int((wall(second, zone).utcoffset() or datetime.timedelta(0)).total_seconds())


def instant(day: datetime.date, hour: int, minute: int, second: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return the second at which the zone's clock shows a time; gaps and repeats are handled as in Go's time.Date."""
    shown = (day.toordinal() - _EPOCH.toordinal()) * DAY + hour * HOUR + minute * 60 + second
    guess = shown - offset(shown, zone)
    return shown - offset(guess, zone)


def change(begin: int, end: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return the first second after `begin` with a different offset; `end` if there is none before it."""
    was = offset(begin, zone)
    if offset(end - 1, zone) == was:
        return end
    return begin + bisect.bisect_left(range(begin, end), True, key=lambda second: offset(second, zone) != was)
