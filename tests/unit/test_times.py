from __future__ import annotations

import dataclasses
import datetime
import itertools
import zoneinfo

import pytest

from reconciler.timing import calendars, times, timings
from tests.unit import builders


def timing(*crons: str, zone: str = "UTC", **more: object) -> timings.Timing:
    calendars_ = tuple(builders.calendar(text) for text in crons)
    return timings.Timing(calendars=calendars_, timezone=zone, **more)  # type: ignore[arg-type]


def local(found: timings.Timing, after: str, count: int = 3) -> list[str]:
    """Return the next times on the zone's own clocks."""
    moments = itertools.islice(times.upcoming(found, datetime.datetime.fromisoformat(after)), count)
    return [f"{each.astimezone(zoneinfo.ZoneInfo(found.timezone)):%m-%d %H:%M %z}" for each in moments]


def test_times_come_after_the_given_one_and_in_order() -> None:
    assert local(timing("0 9 * * *", "30 8 * * MON"), "2026-11-22T09:00:00Z") == [
        "11-23 08:30 +0000",
        "11-23 09:00 +0000",
        "11-24 09:00 +0000",
    ]


def test_a_clock_time_that_is_skipped_does_not_fire() -> None:
    assert local(timing("30 2 * * *", zone="Europe/Berlin"), "2027-03-27T00:00:00Z") == [
        "03-27 02:30 +0100",
        "03-29 02:30 +0200",
        "03-30 02:30 +0200",
    ]


@pytest.mark.parametrize(
    ("zone", "cron", "after", "expected"),
    [
        ("America/New_York", "30 1 * * *", "2027-11-07T00:00:00Z", ["11-07 01:30 -0400", "11-07 01:30 -0500"]),
        ("Europe/Berlin", "30 2 * * *", "2027-10-30T12:00:00Z", ["10-31 02:30 +0100", "11-01 02:30 +0100"]),
        ("Europe/Berlin", "30 * * * *", "2027-10-30T23:00:00Z", ["10-31 01:30 +0200", "10-31 02:30 +0200"]),
    ],
    ids=["west of Greenwich twice", "east of it once", "and the other one when it comes from the hour before"],
)
def test_a_clock_time_that_is_repeated_fires_as_the_server_has_it(
    zone: str, cron: str, after: str, expected: list[str]
) -> None:
    assert local(timing(cron, zone=zone), after, len(expected)) == expected


def test_what_is_excluded_and_what_is_out_of_bounds_does_not_fire() -> None:
    found = timing(
        "0 12 * * *",
        exclude=(calendars.parse({"day_of_week": "sat,sun"}, excludes=True),),
        start_at=datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC),
        end_at=datetime.datetime(2026, 12, 1, 12, tzinfo=datetime.UTC),
    )
    assert local(found, "2026-01-01T00:00:00Z", 10) == ["11-27 12:00 +0000", "11-30 12:00 +0000", "12-01 12:00 +0000"]


@pytest.mark.parametrize("cron", ["0 0 30 2 *", "0 0 1 1 * 2020"])
def test_a_time_that_does_not_exist_never_comes(cron: str) -> None:
    assert local(timing(cron), "2026-01-01T00:00:00Z") == []


def test_a_timing_all_of_whose_times_are_excluded_ends() -> None:
    everything = calendars.parse({"month": "*", "year": "*"}, excludes=True)
    found = timings.Timing(intervals=(builders.interval("@every 1h"),), exclude=(everything,))
    assert local(found, "2026-01-01T00:00:00Z") == []


def test_intervals_count_from_the_epoch_with_their_offset() -> None:
    found = timings.Timing(intervals=(builders.interval("@every 6h/15m"),))
    assert local(found, "2026-11-23T00:15:00Z", 2) == ["11-23 06:15 +0000", "11-23 12:15 +0000"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Australia/Lord_Howe"])
@pytest.mark.parametrize(
    "excluded",
    [
        {"year": "2026-2029"},
        {"year": "2026,2028,2029"},
        {"month": "dec,jan,feb,mar,apr,may,jun,jul,aug,sep,oct"},
        {"month": "1-10", "year": "2026-2027"},
        {"month": "*", "day_of_week": "1-6"},
        {"day_of_month": "1-30", "month": "*"},
        {"hour": "1-23"},
    ],
)
def test_what_is_excluded_at_once_is_what_is_excluded_one_by_one(zone: str, excluded: dict[str, str]) -> None:
    exclude = calendars.parse({"minute": "*", "second": "*", "hour": "*"} | excluded, excludes=True)
    every = timing("7 */6 * * *", zone=zone)
    after = datetime.datetime(2026, 5, 3, tzinfo=datetime.UTC)
    found = itertools.islice(times.upcoming(dataclasses.replace(every, exclude=(exclude,)), after), 20)
    left = (
        each
        for each in times.upcoming(every, after)
        if not times.matches(exclude, each.astimezone(zoneinfo.ZoneInfo(zone)))
    )
    assert list(found) == list(itertools.islice(left, 20))
