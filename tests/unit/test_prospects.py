from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler.schedule import prospects
from reconciler.timing import cron, durations, timings

NOW = datetime.datetime(2026, 11, 25, 12, tzinfo=datetime.UTC)


def timing(text: str) -> timings.Timing:
    """Return when a cron fires."""
    times = cron.parse(text).times
    if isinstance(times, timings.Interval):
        return timings.Timing(intervals=(times,))
    return timings.Timing(calendars=(times,))


@pytest.mark.parametrize(
    ("text", "enough", "gap"),
    [
        ("* * * * *", "1m", "1m"),
        ("* * * * *", "2m", "1m"),
        ("* * * * * * *", "1m", "1s"),
        ("@every 30s", "1m", "30s"),
        ("@every 90s", "1m", "1m"),
        ("0,30 0 9 * * MON *", "1m", "30s"),  # on one day of the week
        ("30,0 0,59 0,23 * * * *", "1m", "30s"),
        ("0 9 * * *", "1d", "1d"),
        ("0 9,17 * * *", "1d", "16h"),
        ("59 0,23 * * *", "2h", "1h"),
        ("0 0 1 1 *", "30d", "30d"),
        ("0 0 30 2 *", "1m", "1m"),  # never
    ],
)
def test_a_short_gap_is_found_wherever_it_is(text: str, enough: str, gap: str) -> None:
    assert prospects.short_gap(timing(text), NOW, durations.parse(enough)) == durations.parse(gap)


def test_a_clock_that_is_set_back_or_forward_makes_no_gap_shorter() -> None:
    in_paris = dataclasses.replace(timing("30 2 * * *"), timezone="Europe/Paris")
    for month in (3, 10):
        before = datetime.datetime(2026, month, 22, tzinfo=datetime.UTC)
        assert prospects.short_gap(in_paris, before, durations.parse("1d")) == durations.parse("1d")
