"""When a schedule fires, as frozen data."""

from __future__ import annotations

import dataclasses
import datetime


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The times whose fields are all in these sets, as in the server's structured calendar.

    Each set is a sorted tuple without duplicates. An empty set matches nothing, except in `year`, where it matches
    every year. Days of the week start with Sunday, 0. `comment` is human-readable text and is not compared.
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
    """Every multiple of `every` since the Unix epoch, shifted by `offset` (the server's phase, less than `every`)."""

    every: datetime.timedelta
    offset: datetime.timedelta = datetime.timedelta(0)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When a schedule fires: the union of calendars and intervals, without the times that `exclude` matches.

    The tuples are sorted and without duplicates (see `canonical`). `timezone` is an IANA name; `UTC` if the server has
    none.
    """

    calendars: tuple[Calendar, ...] = ()
    intervals: tuple[Interval, ...] = ()
    exclude: tuple[Calendar, ...] = ()
    start_at: datetime.datetime | None = None
    end_at: datetime.datetime | None = None
    jitter: datetime.timedelta = datetime.timedelta(0)
    timezone: str = "UTC"
