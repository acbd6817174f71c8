from __future__ import annotations

import datetime

import pytest

from reconciler.report import forecast
from reconciler.schedule import model
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
TOMORROW = datetime.datetime(2026, 11, 24, 20, tzinfo=datetime.UTC)
FAR = datetime.datetime(2029, 1, 1, tzinfo=datetime.UTC)
NEXT = "Mon 23 Nov 2026 21:00 UTC (in 60 min)"


def hourly(name: str = "community", **changes: object) -> model.Schedule:
    return builders.schedule(name, **changes)


@pytest.mark.parametrize(
    ("schedule", "messages"),
    [
        (hourly(), f"{NEXT}, then Mon 23 Nov 2026 22:00 UTC; 24/day"),
        (hourly(remaining_actions=0), "never: no actions remain"),
        (hourly(remaining_actions=1), f"{NEXT}; 1 firing left"),
        (hourly(remaining_actions=9), f"{NEXT}, then Mon 23 Nov 2026 22:00 UTC; 9 firings left"),
        (hourly(remaining_actions=9999), f"{NEXT}, then Mon 23 Nov 2026 22:00 UTC; 24/day, 9999 firings left"),
        (
            hourly(end_at=TOMORROW),
            f"{NEXT}, then Mon 23 Nov 2026 22:00 UTC; 24 firings left until Tue 24 Nov 2026 20:00 UTC",
        ),
        (
            hourly(end_at=FAR),
            f"{NEXT}, then Mon 23 Nov 2026 22:00 UTC; 24/day until Mon 01 Jan 2029 00:00 UTC",
        ),
        (hourly(end_at=NOW), "never"),
        (
            hourly(calendars=(), intervals=(builders.interval("@every 36500d"),)),
            "Sat 07 Dec 2069 00:00 UTC (in 15719 d); 0.01/year",
        ),
        (
            hourly(calendars=(builders.calendar("0 0 29 2 *"),)),
            "Tue 29 Feb 2028 00:00 UTC (in 462 d), then Sun 29 Feb 2032 00:00 UTC; 0.25/year",
        ),
    ],
)
def test_next_times_and_rate_end_where_the_schedule_does(schedule: model.Schedule, messages: str) -> None:
    assert forecast.upcoming(schedule, NOW) == messages


@pytest.mark.parametrize(
    ("found", "desired", "messages"),
    [
        ([hourly()], [hourly()], "24/day"),
        ([], [hourly()], "none → 24/day"),
        ([hourly("a")], [hourly("a"), hourly("b", remaining_actions=0)], "24/day"),
        ([hourly("a")], [hourly("a"), hourly("b", remaining_actions=7)], "24/day → 24/day, plus 7 remaining firings"),
        ([hourly("a")], [hourly("a", calendars=(builders.calendar("* * * * *"),))], "1/hour → 60/hour"),
        ([hourly("a", calendars=(builders.calendar("0 9 * * *"),))], [], "1/day → none"),
        ([hourly("a", end_at=TOMORROW)], [hourly("a")], "none, plus 24 remaining firings → 24/day"),
    ],
)
def test_the_total_distinguishes_schedules_that_continue_from_those_that_end(
    found: list[model.Schedule], desired: list[model.Schedule], messages: str
) -> None:
    assert forecast.total(builders.plan(desired, found), NOW) == f"Total firing rate: {messages}."


def test_charters_that_do_not_fire_are_listed_with_the_reason() -> None:
    never = (builders.calendar("0 0 30 2 *"),)
    given = [
        hourly("a"),
        hourly("b", paused=True),
        hourly("c", remaining_actions=0),
        hourly("d", calendars=never),
        hourly("e", calendars=never, paused=True),
    ]
    assert list(forecast.silent(map(builders.charter, given), NOW)) == [
        "B does not fire: it is declared paused",
        "C does not fire: no actions remain",
        "D never fires: no time matches; check its days, years, exclusions, and end",
        "E does not fire: it is declared paused",
    ]


def test_a_change_of_what_remains_shows_the_next_times() -> None:
    (change,) = builders.plan([hourly(remaining_actions=5)], [hourly(remaining_actions=0, counted_from=3)]).changes
    labels = [label for label, _ in forecast.lines(change, NOW)]
    assert labels == ["next before", "next after"]
