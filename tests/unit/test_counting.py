from __future__ import annotations

import datetime
from typing import Any

import pytest

from reconciler import model
from reconciler.timing import calendars, counting
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


def timing(*crons: str, exclude: dict[str, str] | None = None, **more: Any) -> model.Timing:
    calendars_ = tuple(builders.calendar(text) for text in crons)
    excluded = (calendars.parse(exclude, excludes=True),) if exclude else ()
    return model.Timing(calendars=calendars_, exclude=excluded, **more)


def every(text: str, **more: Any) -> model.Timing:
    return timing(intervals=(builders.interval(text),), **more)


def pace(timing: model.Timing, remaining: int | None = None) -> counting.Pace:
    return counting.pace(timing, remaining, NOW)


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
def test_what_is_excluded_does_not_count_and_what_two_have_in_common_counts_once(
    timing: model.Timing, a_day: float
) -> None:
    assert pace(timing) == counting.Pace(a_year=365 * a_day)


def test_days_that_are_excluded_do_not_count() -> None:
    found = pace(every("@every 5m", exclude={"day_of_week": "sat,sun"}))
    assert found.a_year / 288 == 261  # working days from 23 November 2026 on


@pytest.mark.parametrize(
    ("timing", "remaining", "expected"),
    [
        (timing("*/5 * * * *", end_at=NOW + DAY), None, counting.Pace(a_year=0, left=288)),
        (timing("0 9 * * * 2026"), None, counting.Pace(a_year=0, left=39)),
        (timing("* * * * *"), 1, counting.Pace(a_year=0, left=1)),
        (timing("* * * * *"), 0, counting.Pace(a_year=0, left=0)),
        (timing("0 9 * * *"), 1000, counting.Pace(a_year=365, left=1000)),
        (timing("0 0 30 2 *"), None, counting.Pace(a_year=0, left=0)),
        (timing("0 9 * * *", end_at=NOW - DAY), None, counting.Pace(a_year=0, left=0)),
    ],
    ids=["end", "last year", "one left", "none left", "many left", "never", "over"],
)
def test_a_schedule_that_ends_within_a_year_has_no_rate_but_a_number_of_times(
    timing: model.Timing, remaining: int | None, expected: counting.Pace
) -> None:
    assert pace(timing, remaining) == expected


def test_a_schedule_has_the_rate_that_it_has_from_its_start_on() -> None:
    assert pace(timing("0 9 * * *", start_at=NOW + 900 * DAY, end_at=NOW + 1500 * DAY)).a_year == 365


def test_what_fires_less_than_once_a_year_has_a_rate_as_well() -> None:
    assert pace(timing("0 0 29 2 *")).a_year == pytest.approx(1 / 4, abs=0.01)


@pytest.mark.parametrize("moment", [datetime.datetime.min, datetime.datetime.max])
def test_a_bound_beyond_every_calendar_is_no_error(moment: datetime.datetime) -> None:
    utc = moment.replace(tzinfo=datetime.UTC)
    assert pace(timing("0 9 * * *", start_at=utc)).a_year in (0, 365)
    assert pace(timing("0 9 * * *", end_at=utc)).a_year in (0, 365)
