"""Random cron texts, calendars, intervals and zones: what a person may write, and what nobody would."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import itertools
import random
import zoneinfo
from collections.abc import Callable
from typing import Any

from reconciler.timing import canonical, exclusions, timings

ZONES = (
    *("UTC", "Etc/UTC", "Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York", "America/Los_Angeles"),
    *("America/St_Johns", "America/Sao_Paulo", "America/Havana", "America/Santiago", "America/Asuncion"),
    *("Asia/Tokyo", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Beirut", "Asia/Jerusalem", "Africa/Cairo"),
    *("Africa/Casablanca", "Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland", "Pacific/Chatham"),
    *("Pacific/Apia", "Atlantic/Azores", "America/Nuuk"),
)
_BOUNDS = {"second": (0, 59), "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}
_NAMES = {
    "month": ("jan", "FEB", "March", "apr", "may", "Jun", "july", "AUG", "sept", "oct", "nov", "December", "ma", "ju"),
    "weekday": ("sun", "MON", "tue", "Wednes", "th", "fri", "SA", "Sunday", "s", "t"),
}
_MACROS = ("@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@DAILY", "@minutely")
_NOISE = " \t*/-,#?LW@=0123456789azTZ:."


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A cron text, a zone beside it and the time from which it counts."""

    cron: str
    timezone: str
    start_at: datetime.datetime


def text(seed: str) -> Text:
    """Return the case of a seed."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    zone = choose.choice(ZONES)
    cron = _mutated(_cron(choose, zone), choose)
    return Text(cron, "" if "TZ=" in cron else zone, _start(choose, zone))


@dataclasses.dataclass(frozen=True, slots=True)
class Words:
    """What a spec says of a calendar, by field, and of an interval (every, offset), in a zone from a time on."""

    fields: dict[str, str]
    interval: tuple[datetime.timedelta, datetime.timedelta] | None
    timezone: str
    start_at: datetime.datetime


def words(seed: str) -> Words:
    """Return the case of a seed: most would be taken, and some are wrong in one place."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    zone = choose.choice(ZONES)
    fields = {name: _field(short, choose) for name, short in _FIELDS.items() if choose.random() < 0.5}
    if fields and choose.random() < 0.2:
        name = choose.choice(sorted(fields))
        mutated = _mutated(fields[name], choose)
        fields[name] = mutated if mutated.strip() else "*"  # a blank one is nothing to a server, and refused here
    interval = None
    if not fields or choose.random() < 0.3:
        every, offset = (choose.choice(_LIMITS) for _ in range(2))
        interval = (every, offset if choose.random() < 0.5 else datetime.timedelta(0))
    return Words(fields, interval, zone, _start(choose, zone))


_FIELDS = {
    "second": "second",
    "minute": "minute",
    "hour": "hour",
    "day_of_month": "day",
    "month": "month",
    "day_of_week": "weekday",
    "year": "year",
}
_LIMITS = tuple(
    datetime.timedelta(seconds=seconds)
    for seconds in (-1, -0.5, 0, 0.001, 0.999999, 1, 1.000001, 1.5, 2, 59.9, 60, 60.5, 3600, 86_400, 10**9)
)


def timing(seed: str) -> timings.Timing:
    """Return the timing of a seed, as a spec could declare it."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    zone = choose.choice(ZONES)
    start = _start(choose, zone)
    drawn = timings.Timing(
        calendars=canonical.distinct(_calendar(choose) for _ in range(choose.choice((0, 1, 1, 2)))),
        intervals=canonical.distinct(_interval(choose) for _ in range(choose.choice((0, 0, 1)))),
        exclude=canonical.distinct(_exclusion(choose) for _ in range(choose.choice((0, 0, 1)))),
        start_at=start,
        end_at=choose.choice((None, None, start + datetime.timedelta(days=choose.randrange(1, 2000)))),
        timezone=zone,
    )
    endless = exclusions.too_many(drawn, start)  # a server that goes through all of them answers no more
    return dataclasses.replace(drawn, exclude=()) if endless else drawn


def start(seed: str) -> dict[str, Any]:
    """Return the keys of a charter that say what a run is started with: half would start, the rest break a limit."""
    choose = random.Random(seed)  # noqa: S311  # repeatable, not secret
    drawn: dict[str, Callable[[], Any]] = {
        "retry_policy": lambda: _retry_policy(choose),
        "priority": lambda: _some_of(choose, _PRIORITY) | {"fairness_key": _sized(choose, 64)},
        "workflow": lambda: _sized(choose, 1000),
        "workflow_id": lambda: f"{seed}/{_sized(choose, 979 - len(seed) - 1)}",
        "task_queue": lambda: choose.choice(("/_sys/x", "/_sys", "_sys", _sized(choose, 1000))),
        "search_attributes": lambda: {"CustomKeyword": _sized(choose, 2046)},
        "static_summary": lambda: _sized(choose, 4000),
        **{f"{name}_timeout": lambda: choose.choice(_TIMEOUTS) for name in ("execution", "run", "task")},
    }
    return {"workflow_id": seed} | {key: make() for key, make in drawn.items() if choose.random() < 0.25}


def _retry_policy(choose: random.Random) -> dict[str, Any]:
    policy = _some_of(choose, _RETRIES)
    if policy.get("maximum_attempts") != 1:
        return policy
    kept = ("maximum_attempts", "non_retryable_errors")  # the server looks no further, the schema does
    return {key: policy[key] for key in kept if key in policy} | {"maximum_interval": datetime.timedelta(seconds=0.5)}


def _some_of(choose: random.Random, values: dict[str, tuple[Any, ...]]) -> dict[str, Any]:
    return {key: choose.choice(found) for key, found in values.items() if choose.random() < 0.4}


def _sized(choose: random.Random, limit: int) -> str:
    """Return a text of about as many bytes as the limit, or of a few."""
    letter = choose.choice("aü😀")
    size = len(letter.encode())
    count = choose.choice((1, 5, limit // size, limit // size + 1))
    return letter * count + "a" * choose.choice((0, (limit - count * size) % size))


_TIMEOUTS = tuple(
    datetime.timedelta(microseconds=micros) for micros in (-1_000_000, 1, 1_000_000, 36_500 * 86_400 * 1_000_000)
)
_RETRIES: dict[str, tuple[Any, ...]] = {
    "initial_interval": tuple(
        datetime.timedelta(seconds=seconds)
        for seconds in (-1, 0, 0.001, 0.5, 1, 2, 10, 86_400, 92_233_720.368547, 92_233_720.368548, 3_153_600_000)
    ),
    "maximum_interval": tuple(
        datetime.timedelta(seconds=seconds) for seconds in (-1, 0, 0.001, 0.999999, 1, 2, 10, 92_233_721, 3_153_600_000)
    ),
    "backoff_coefficient": (0.5, 0.999, 1, 1.5, 2, 1e300),
    "maximum_attempts": (-1, 1, 2, 2**31 - 1),
    "non_retryable_errors": (
        *(["Bad"], ["TemporalTimeout"], ["TemporalTimeout:Heartbeat"], ["Bad", "temporaltimeout:x"]),
        *(["TemporalTimeout:"], ["TemporalTimeout:heartbeat"], ["TemporalTimeout:TIMEOUT_TYPE_HEARTBEAT"]),
        *(
            ["Bad", "TemporalTimeout:Nope"],
            ["TemporalTimeout:Unspecified"],
            ["TemporalTimeout:TIMEOUT_TYPE_UNSPECIFIED"],
        ),
        *([f"TemporalTimeout:{name}"] for name in ("StartToClose", "ScheduleToStart", "ScheduleToClose", "1")),
    ),
}
_PRIORITY: dict[str, tuple[Any, ...]] = {"key": (-1, 1, 5), "fairness_weight": (-1, 0.001, 0.5, 2, 1000)}


def _start(choose: random.Random, zone: str) -> datetime.datetime:
    """Return a time to come: at random, before a leap day, or in the day before a change of the zone's clocks."""
    year = choose.randrange(2027, 2038)
    days = [datetime.date(year, 1, 1) + datetime.timedelta(days=choose.randrange(365)), datetime.date(year, 2, 27)]
    days += _changes(zone, year) * 2
    clock = datetime.time(choose.randrange(24), choose.randrange(60), choose.randrange(60), tzinfo=datetime.UTC)
    return datetime.datetime.combine(choose.choice(days), clock)


@functools.cache
def _changes(zone: str, year: int) -> list[datetime.date]:
    """Return the days before those on which the zone's clocks change."""
    days = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(days=n) for n in range(365))
    offsets = [(day, day.astimezone(zoneinfo.ZoneInfo(zone)).utcoffset()) for day in days]
    return [day.date() for (day, offset), (_, later) in itertools.pairwise(offsets) if offset != later]


def _cron(choose: random.Random, zone: str) -> str:
    match choose.randrange(12):
        case 0:
            body = choose.choice(_MACROS)
        case 1:
            body = f"@every {_duration(choose)}" + choose.choice(("", f"/{_duration(choose)}"))
        case _:
            names = ["minute", "hour", "day", "month", "weekday"]
            layout = choose.choice((names, names, names, [*names, "year"], ["second", *names, "year"]))
            body = " ".join(_field(name, choose) for name in layout)
    zone = choose.choice(("", "", "", "", f"TZ={zone} ", f"CRON_TZ={zone} "))
    return zone + body + choose.choice(("", "", "", "  # a comment", "#2"))


def _field(name: str, choose: random.Random) -> str:
    if choose.random() < 0.35:
        return "*"
    return ",".join(_part(name, choose) for _ in range(choose.choice((1, 1, 1, 2, 3))))


def _part(name: str, choose: random.Random) -> str:
    low = _value(name, choose)
    span = choose.choice((low, low, "*", f"{low}-{_value(name, choose)}", _ascending(name, choose)))
    return span + choose.choice(("", "", "", f"/{choose.choice((0, 1, 2, 3, 5, 7, 15, 40))}"))


def _ascending(name: str, choose: random.Random) -> str:
    lowest, highest = _BOUNDS.get(name, (2026, 2040))
    start = choose.randint(lowest, highest)
    return f"{start}-{choose.randint(start, highest)}"


def _value(name: str, choose: random.Random) -> str:
    if name == "year":
        return str(choose.choice((*range(2027, 2040), 1999, 2000, 2100, 2101)))
    if name in _NAMES and choose.random() < 0.4:
        return choose.choice(_NAMES[name])
    lowest, highest = _BOUNDS[name]
    return str(choose.choice((choose.randint(lowest, highest), lowest, highest, choose.randint(lowest, highest + 1))))


def _duration(choose: random.Random) -> str:
    parts = [f"{choose.choice((1, 2, 7, 30, 90, 1.5))}{choose.choice(('s', 'm', 'h', 'd', 'ms', 'x'))}"]
    return "".join(parts * choose.choice((1, 1, 1, 2)))


def _mutated(cron: str, choose: random.Random) -> str:
    """Return the text, one time in six with a character added, changed or lost."""
    if choose.random() > 1 / 6:
        return cron
    place = choose.randrange(len(cron))
    return cron[:place] + choose.choice(("", choose.choice(_NOISE))) + cron[place + choose.choice((0, 1)) :]


def _calendar(choose: random.Random) -> timings.Calendar:
    return timings.Calendar(
        second=choose.choice(((0,), (0,), _some(choose, 0, 59))),
        minute=choose.choice(((0,), (30,), _some(choose, 0, 59), tuple(range(60)))),
        hour=choose.choice((_some(choose, 0, 23), (1, 2, 3), (0, 23), tuple(range(24)))),
        day_of_month=choose.choice((tuple(range(1, 32)), tuple(range(1, 32)), _some(choose, 1, 31))),
        month=choose.choice((tuple(range(1, 13)), tuple(range(1, 13)), _some(choose, 1, 12))),
        day_of_week=choose.choice((tuple(range(7)), tuple(range(7)), _some(choose, 0, 6))),
        year=choose.choice(((), (), (), _some(choose, 2027, 2045))),
    )


def _exclusion(choose: random.Random) -> timings.Calendar:
    everything = timings.Calendar(
        second=tuple(range(60)),
        minute=tuple(range(60)),
        hour=tuple(range(24)),
        day_of_month=tuple(range(1, 32)),
        month=tuple(range(1, 13)),
        day_of_week=tuple(range(7)),
    )
    return choose.choice(
        (
            dataclasses.replace(everything, day_of_week=_some(choose, 0, 5)),
            dataclasses.replace(everything, month=_some(choose, 1, 11)),
            dataclasses.replace(everything, hour=_some(choose, 0, 20)),
        )
    )


def _interval(choose: random.Random) -> timings.Interval:
    seconds = choose.choice((1, 1.5, 2, 7, 59, 60, 60.25, 61, 900, 3600, 3600.999, 86_400, 86_401, 604_800))
    every = datetime.timedelta(seconds=seconds)
    offset = datetime.timedelta(seconds=choose.choice((0, choose.randrange(60), 0.75, 58.5)))
    return timings.Interval(every=every, offset=offset if offset < every else datetime.timedelta(0))


def _some(choose: random.Random, lowest: int, highest: int) -> tuple[int, ...]:
    return tuple(sorted({choose.randint(lowest, highest) for _ in range(choose.choice((1, 1, 2, 5)))}))
