"""When a schedule fires, as frozen data."""

from __future__ import annotations

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The times whose every field is in the field's set; the server's structured calendar.

    Each set is a sorted tuple without repeats. An empty set matches nothing, but for `year`, where it matches
    every year. Days of the week count from Sunday, 0. `comment` is text for people, which does not
    take part in comparison.
    """

    second: tuple[int, ...]
    minute: tuple[int, ...]
    hour: tuple[int, ...]
    day_of_month: tuple[int, ...]
    month: tuple[int, ...]
    day_of_week: tuple[int, ...]
    year: tuple[int, ...] = ()
    comment: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Every `every` from the Unix epoch, shifted by `offset` (the server's phase, below `every`)."""

    every: datetime.timedelta
    offset: datetime.timedelta = datetime.timedelta(0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a schedule fires: the union of calendars and intervals, without what `exclude` matches.

    The tuples are sorted and without repeats (`timing.canonical` makes them so). `timezone` is an IANA name,
    `UTC` where the server has none.
    """

    calendars: tuple[Calendar, ...] = ()
    intervals: tuple[Interval, ...] = ()
    exclude: tuple[Calendar, ...] = ()
    start_at: datetime.datetime | None = None
    end_at: datetime.datetime | None = None
    jitter: datetime.timedelta = datetime.timedelta(0)
    timezone: str = "UTC"
