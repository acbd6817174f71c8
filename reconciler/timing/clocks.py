"""Moments as whole seconds since the Unix epoch, and what a clock on the wall shows at them."""

from __future__ import annotations

import bisect
import datetime
import zoneinfo

HOUR = 3600  # seconds
DAY = 24 * HOUR
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def seconds(moment: datetime.datetime) -> int:
    """Return the last whole second that is not after the moment."""
    return (moment - _EPOCH) // datetime.timedelta(seconds=1)


def moment(second: int) -> datetime.datetime:
    """Return the moment in UTC."""
    return _EPOCH + datetime.timedelta(seconds=second)


def wall(second: int, zone: zoneinfo.ZoneInfo) -> datetime.datetime:
    """Return what a clock in the zone shows."""
    return moment(second).astimezone(zone)


def offset(second: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return by how many seconds a clock in the zone is ahead of UTC."""
    return int((wall(second, zone).utcoffset() or datetime.timedelta(0)).total_seconds())


def instant(day: datetime.date, hour: int, minute: int, second: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return when a clock shows this, in the way of Go's time.Date for what it shows never or twice."""
    shown = (day.toordinal() - _EPOCH.toordinal()) * DAY + hour * HOUR + minute * 60 + second
    guess = shown - offset(shown, zone)
    return shown - offset(guess, zone)


def change(begin: int, end: int, zone: zoneinfo.ZoneInfo) -> int:
    """Return the first second in between at which the offset is another one than at `begin`; else the end."""
    was = offset(begin, zone)
    if offset(end - 1, zone) == was:
        return end
    return begin + bisect.bisect_left(range(begin, end), True, key=lambda second: offset(second, zone) != was)
