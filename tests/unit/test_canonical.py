from __future__ import annotations

from reconciler.timing import canonical, ranges
from tests.unit import builders


def test_order_and_repeats_of_calendars_do_not_count() -> None:
    noon, midnight = builders.calendar("0 12 * * *"), builders.calendar("0 0 * * *")
    again = builders.calendar("0 0 * * *", comment="the same under another name")
    assert canonical.distinct([noon, midnight, again]) == (midnight, noon)


def test_intervals_are_sorted_too() -> None:
    hourly, daily = builders.interval("@every 1h"), builders.interval("@every 1d")
    assert canonical.distinct([daily, hourly, daily]) == (hourly, daily)


def test_a_field_that_is_not_given_is_empty_and_so_matches_nothing() -> None:
    found = canonical.calendar_of({"minute": (ranges.Range(0, 59, 30),)}, comment="half-hourly")
    assert (found.minute, found.hour, found.comment) == ((0, 30), (), "half-hourly")
