from __future__ import annotations

import datetime
from typing import Any

import pytest

from reconciler.timing import calendars, rates, timings
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def timing(*crons: str, exclude: dict[str, str] | None = None, **more: Any) -> timings.Timing:
    calendars_ = tuple(builders.calendar(text) for text in crons)
    excluded = (calendars.parse(exclude, excludes=True),) if exclude else ()
    return timings.Timing(calendars=calendars_, exclude=excluded, **more)


def every(text: str, **more: Any) -> timings.Timing:
    return timing(intervals=(builders.interval(text),), **more)


def pace(timing: timings.Timing, remaining: int | None = None) -> rates.Pace:
    return rates.pace(timing, remaining, NOW)


@pytest.mark.parametrize(
    ("timing", "a_day"),
    [
        (timing("0 * * * *"), 24),
        (timing("0 * * * *", timezone="Europe/Berlin"), 24),
        (timing("0 9 * * *", "0 9 * * MON"), 1),
        (timing("*/30 * * * *", "0 * * * *"), 48),
        (timing("*/5 * * * *", exclude={"hour": "0-8,18-23"}), 108),
        (timing("* * * * * * *", exclude={"second": "0-58"}), 1440),
        (every("@every 5m"), 288),
        (timing("0 * * * *", intervals=(builders.interval("@every 30m"),)), 48),
        (every("@every 5m", exclude={"minute": "30-59"}, timezone="Asia/Kolkata"), 144),
    ],
)
def test_excluded_times_are_not_counted_and_common_ones_are_counted_once(timing: timings.Timing, a_day: float) -> None:
    assert pace(timing) == rates.Pace(a_year=365 * a_day)


def test_days_that_are_excluded_do_not_count() -> None:
    found = pace(every("@every 5m", exclude={"day_of_week": "sat,sun"}))
    assert found.a_year / 288 == pytest.approx(365 * 5 / 7)


@pytest.mark.parametrize(
    ("timing", "remaining", "expected"),
    [
        (timing("*/5 * * * *", end_at=NOW + DAY), None, rates.Pace(a_year=0, left=288)),
        (timing("0 9 * * * 2026"), None, rates.Pace(a_year=0, left=39)),
        (timing("* * * * *"), 1, rates.Pace(a_year=0, left=1)),
        (timing("* * * * *"), 0, rates.Pace(a_year=0, left=0)),
        (timing("0 9 * * *"), 1000, rates.Pace(a_year=365, left=1000)),
        (timing("0 0 30 2 *"), None, rates.Pace(a_year=0, left=0)),
        (timing("0 9 * * *", end_at=NOW - DAY), None, rates.Pace(a_year=0, left=0)),
    ],
    ids=["end", "last year", "one left", "none left", "many left", "never", "over"],
)
def test_a_schedule_that_ends_within_a_year_has_no_rate_but_a_number_of_times(
    timing: timings.Timing, remaining: int | None, expected: rates.Pace
) -> None:
    assert pace(timing, remaining) == expected


def test_what_ends_within_a_year_after_very_many_firings_has_a_rate() -> None:
    assert pace(timing("* * * * *", end_at=NOW + 3 * DAY)) == rates.Pace(a_year=365 * 1440)
    assert pace(timing("* * * * *"), 5_000) == rates.Pace(a_year=0, left=5_000)
    assert pace(timing("0 * * * *", "0 9 * * * 2027-2030")).a_year == 365 * 24


@pytest.mark.parametrize(("number", "is_reached"), [(24, True), (25, False), (1_000, False), (5_000, False)])
def test_a_number_of_firings_is_reached_when_the_last_of_them_is_due(number: int, is_reached: bool) -> None:
    assert rates.is_reached(timing("0 * * * *"), number, NOW, NOW + DAY) is is_reached


def test_above_the_cap_the_rate_shows_whether_a_number_is_reached() -> None:
    minutes = timing("* * * * *")
    assert rates.is_reached(minutes, 1_400, NOW, NOW + DAY)
    assert not rates.is_reached(minutes, 1_500, NOW, NOW + DAY)
    assert not rates.is_reached(timing("* * * * *", end_at=NOW + DAY / 2), 1_400, NOW, NOW + DAY)


def test_a_schedule_has_the_rate_that_it_has_from_its_start_on() -> None:
    assert pace(timing("0 9 * * *", start_at=NOW + 900 * DAY, end_at=NOW + 1500 * DAY)).a_year == 365


JUNE = datetime.datetime(2027, 6, 1, tzinfo=datetime.UTC)
FRIDAY_13 = 48 / 28  # there are 48 of them in 28 years


@pytest.mark.parametrize(
    ("timing", "a_year"),
    [
        (every("@every 100000h"), 365 * 24 / 100_000),
        (every("@every 36500d"), 0.01),
        (every("@every 100000h", exclude={"hour": "3"}), 365 * 24 / 100_000),
        (every("@every 36h", exclude={"month": "8"}), 365 * 24 / 36 * 11 / 12),
        (timing("0 0 29 2 *"), 0.25),
        (timing("0 0 29 2 *", start_at=JUNE), 0.25),
        (timing("* * 29 2 *"), 1440 / 4),
        (timing("0 0 13 * FRI"), FRIDAY_13),
        (timing("0 0 1 1 * 2027/10"), 0.1),
        (timing("0 9 * * * 2027-2030"), 365),
        (timing("0 0 1 1 *"), 1),
        (timing("0 9 * * MON"), 365 / 7),
    ],
    ids=str,
)
def test_a_rate_is_that_of_the_long_run_however_rare_the_firings(timing: timings.Timing, a_year: float) -> None:
    assert pace(timing).a_year == pytest.approx(a_year, rel=0.01)


def test_what_fires_once_more_in_many_years_has_one_left_and_no_rate() -> None:
    assert pace(timing("0 0 29 2 * 2040")) == rates.Pace(a_year=0, left=1)


@pytest.mark.parametrize("moment", [datetime.datetime.min, datetime.datetime.max])
def test_a_bound_beyond_every_calendar_is_accepted(moment: datetime.datetime) -> None:
    utc = moment.replace(tzinfo=datetime.UTC)
    assert pace(timing("0 9 * * *", start_at=utc)).a_year in (0, 365)
    assert pace(timing("0 9 * * *", end_at=utc)).a_year in (0, 365)
