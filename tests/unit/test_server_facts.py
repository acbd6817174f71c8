"""What the server's own tests say of times, as facts: inputs and results of service/worker/scheduler, server 1.29.1."""

from __future__ import annotations

import datetime
import itertools
import zoneinfo
from typing import Any

import pytest

from reconciler.timing import calendars, canonical, cron, durations, times, timings

LONDON = "CRON_TZ=Europe/London 0 1 0 2 Jan Sun *"
SUNDAY, MONDAY, SATURDAY = "2022-03-06", "2022-03-07", "2022-03-05"


def timing(messages: dict[str, Any]) -> timings.Timing:
    """Return what a charter with these keys means."""
    parsed = [cron.parse(text) for text in messages.get("cron", ())]
    found = [each.times for each in parsed]
    drawn = [calendars.parse(each) for each in messages.get("calendars", ())]
    every = [
        timings.Interval(every=durations.parse(each["every"]), offset=durations.parse(each.get("offset", "0s")))
        for each in messages.get("intervals", ())
    ]
    zones = [each.timezone for each in parsed if each.timezone]
    return timings.Timing(
        calendars=canonical.distinct([*(each for each in found if isinstance(each, timings.Calendar)), *drawn]),
        intervals=canonical.distinct([*(each for each in found if isinstance(each, timings.Interval)), *every]),
        exclude=canonical.distinct(calendars.parse(each, excludes=True) for each in messages.get("exclude", ())),
        start_at=messages.get("start_at"),
        end_at=messages.get("end_at"),
        timezone=zones[0] if zones else messages.get("timezone", "UTC"),
    )


def utc(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"{text}+00:00")


SEQUENCES: list[tuple[dict[str, Any], str, list[str]]] = [
    (
        {"intervals": [{"every": "90m"}]},
        "2022-03-23 12:53:02",
        ["2022-03-23 13:30:00", "2022-03-23 15:00:00", "2022-03-23 16:30:00", "2022-03-23 18:00:00"],
    ),
    (
        {"intervals": [{"every": "90m", "offset": "5m44s"}]},
        "2022-03-23 12:53:02",
        ["2022-03-23 13:35:44", "2022-03-23 15:05:44", "2022-03-23 16:35:44", "2022-03-23 18:05:44"],
    ),
    (
        {"intervals": [{"every": "90m", "offset": "5m44s"}, {"every": "157m", "offset": "22m11s"}]},
        "2022-03-23 12:53:02",
        [
            *("2022-03-23 13:35:44", "2022-03-23 15:05:44", "2022-03-23 15:26:11", "2022-03-23 16:35:44"),
            *("2022-03-23 18:03:11", "2022-03-23 18:05:44", "2022-03-23 19:35:44"),
        ],
    ),
    (
        {"calendars": [{"hour": "5,7", "minute": "23"}]},
        "2022-03-23 03:00:00",
        ["2022-03-23 05:23:00", "2022-03-23 07:23:00", "2022-03-24 05:23:00", "2022-03-24 07:23:00"],
    ),
    (
        {"calendars": [{"hour": "5,7", "minute": "23"}], "cron": ["55 11,13 * * *"]},
        "2022-03-23 03:00:00",
        [
            *("2022-03-23 05:23:00", "2022-03-23 07:23:00", "2022-03-23 11:55:00", "2022-03-23 13:55:00"),
            *("2022-03-24 05:23:00", "2022-03-24 07:23:00", "2022-03-24 11:55:00", "2022-03-24 13:55:00"),
        ],
    ),
    (
        {"calendars": [{"hour": "11,13", "minute": "55"}], "intervals": [{"every": "90m", "offset": "7m"}]},
        "2022-03-23 10:00:00",
        [
            *("2022-03-23 10:37:00", "2022-03-23 11:55:00", "2022-03-23 12:07:00", "2022-03-23 13:37:00"),
            *("2022-03-23 13:55:00", "2022-03-23 15:07:00"),
        ],
    ),
    (
        {"intervals": [{"every": "90m"}], "exclude": [{"hour": "12-14", "minute": "*", "second": "*"}]},
        "2022-03-23 08:00:00",
        ["2022-03-23 09:00:00", "2022-03-23 10:30:00", "2022-03-23 15:00:00", "2022-03-23 16:30:00"],
    ),
    (
        {"intervals": [{"every": "90m"}], "start_at": utc("2022-03-23 12:00:00")},
        "2022-03-23 08:00:00",
        ["2022-03-23 12:00:00", "2022-03-23 13:30:00", "2022-03-23 15:00:00"],
    ),
    (
        {"intervals": [{"every": "1h"}], "start_at": utc("2022-03-23 12:00:00.456")},
        "2022-03-23 12:00:00.123",
        ["2022-03-23 13:00:00"],
    ),
    (
        {"intervals": [{"every": "90m"}], "end_at": utc("2022-03-23 14:00:00")},
        "2022-03-23 11:00:00",
        ["2022-03-23 12:00:00", "2022-03-23 13:30:00"],
    ),
    ({"intervals": [{"every": "7d"}], "exclude": [{}]}, "2022-03-23 12:53:02", []),
]


@pytest.mark.parametrize(("messages", "after", "expected"), SEQUENCES)
def test_times_follow_as_the_servers_tests_have_them(messages: dict[str, Any], after: str, expected: list[str]) -> None:
    ends = "end_at" in messages or not expected  # else one more than expected would follow
    found = itertools.islice(times.upcoming(timing(messages), utc(after)), len(expected) + ends)
    assert [f"{each:%Y-%m-%d %H:%M:%S}" for each in found] == expected


@pytest.mark.parametrize(
    ("text", "zone", "after", "expected"),
    [
        (
            "CRON_TZ=US/Pacific 33 33 2 * * * *",
            "US/Pacific",
            "2022-03-11T20:00:00",
            ["2022-03-12 02:33:33 -0800", "2022-03-14 02:33:33 -0700"],
        ),
        (
            "CRON_TZ=US/Pacific 33 33,44 1 * * * *",
            "US/Pacific",
            "2021-11-07T00:15:15",
            [
                *("2021-11-07 01:33:33 -0700", "2021-11-07 01:44:33 -0700", "2021-11-07 01:33:33 -0800"),
                *("2021-11-07 01:44:33 -0800", "2021-11-08 01:33:33 -0800"),
            ],
        ),
        (
            "CRON_TZ=Europe/London 0 1 0 2 Jan Sun *",
            "Europe/London",
            "2004-01-01T00:00:05",
            ["2005-01-02 00:01:00 +0000"],
        ),
        (
            "CRON_TZ=Europe/London 0 1 0 2 Jan Sun *",
            "Europe/London",
            "2004-10-31T01:07:03",
            ["2005-01-02 00:01:00 +0000"],
        ),
        (
            "CRON_TZ=US/Pacific 55 55 5 2/2 * wed-thurs *",
            "US/Pacific",
            "2022-03-02T05:55:55",
            ["2022-03-10 05:55:55 -0800", "2022-03-16 05:55:55 -0700"],
        ),
    ],
)
def test_clocks_change_as_the_servers_tests_have_it(text: str, zone: str, after: str, expected: list[str]) -> None:
    local = zoneinfo.ZoneInfo(zone)
    start = datetime.datetime.fromisoformat(after).replace(tzinfo=local).astimezone(datetime.UTC)
    found = timing({"cron": [text]})
    assert found.timezone == zone
    seen = itertools.islice(times.upcoming(found, start), len(expected))
    assert [f"{each.astimezone(local):%Y-%m-%d %H:%M:%S %z}" for each in seen] == expected
    instants = [datetime.datetime.strptime(each, "%Y-%m-%d %H:%M:%S %z") for each in expected]
    for second in range(0, int((instants[0] - start).total_seconds()), 977):  # from anywhere before it, it is the next
        assert next(times.upcoming(found, start + datetime.timedelta(seconds=second))) == instants[0]


@pytest.mark.parametrize(
    ("day", "texts"),
    [
        (SUNDAY, ("0", "7", "sun", "*", "0-3", "5-7", "5-7/2", "6-7", "2-7/5", "0-7/7", "0/7")),
        (SATURDAY, ("*", "5-7", "6-7", "2/4", "2-7/4")),
    ],
)
def test_days_of_the_week_match_as_the_servers_tests_have_it(day: str, texts: tuple[str, ...]) -> None:
    for text in texts:
        assert fires_on(text, day), text


def test_no_sunday_is_a_monday() -> None:
    for text in ("0", "7", "sun", "5-7", "5-7/2", "6-7", "2-7/5", "0-7/7", "0/7"):
        assert not fires_on(text, MONDAY), text


def fires_on(day_of_week: str, day: str) -> bool:
    midnight = utc(f"{day} 00:00:00")
    found = timing({"cron": [f"0 0 * * {day_of_week}"]})
    return next(times.upcoming(found, midnight - datetime.timedelta(seconds=1))) == midnight


def test_what_the_servers_tests_refuse_is_refused() -> None:
    for text in ("0 1 2 3 4 1999", "* * * random *", "* * 29 13 *", "60 * * * *", "* 24-26 * * *", "* 16-12 * * *"):
        with pytest.raises(cron.CronError):
            cron.parse(text)
