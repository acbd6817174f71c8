"""Calendars as a spec writes them, `{hour: 9-17, day_of_week: mon-fri}`: to a `Calendar`, and back.

Each field takes what the same field of a cron takes. A field that is left out of a firing calendar is what Temporal's
own calendars have, 0 for second, minute and hour and `*` for the rest; left out of an excluding calendar it is `*`, so
that `{month: 12, day_of_month: 24-26}` keeps whole days free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from reconciler.timing import cron, timings

FIELDS: Mapping[str, cron.Field] = {
    "second": cron.SECOND,
    "minute": cron.MINUTE,
    "hour": cron.HOUR,
    "day_of_month": cron.DAY_OF_MONTH,
    "month": cron.MONTH,
    "day_of_week": cron.DAY_OF_WEEK,
    "year": cron.YEAR,
}
_OF_A_DAY = ("second", "minute", "hour")

Words: TypeAlias = int | str | Sequence[int | str]


def numbers(name: str, said: Words) -> tuple[int, ...]:
    """Return the numbers that a field names; CronError for what Temporal does not take."""
    parts = [said] if isinstance(said, (int, str)) else said
    found = [cron.numbers(cron.trimmed(str(part)), FIELDS[name]) for part in parts]
    if () in found:  # every year
        return ()
    return tuple(sorted(set().union(*found)))


def parse(said: Mapping[str, Words], *, excludes: bool = False, comment: str = "") -> timings.Calendar:
    """Return the calendar of the fields; CronError for what Temporal does not take."""
    sets = {name: numbers(name, said.get(name, _left_out(name, excludes))) for name in FIELDS}
    return timings.Calendar(**sets, comment=comment)


def words(calendar: timings.Calendar, *, excludes: bool = False) -> dict[str, str]:
    """Return the fields that differ from their defaults; at least one, so that there is something to read."""
    said = {name: _text(name, getattr(calendar, name)) for name in FIELDS}
    telling = {name: text for name, text in said.items() if text != _left_out(name, excludes)}
    return telling or {"hour": said["hour"]}


def _left_out(name: str, excludes: bool) -> str:
    return "0" if name in _OF_A_DAY and not excludes else "*"


def _text(name: str, found: tuple[int, ...]) -> str:
    return "*" if name == "year" and not found else cron.field_text(found, FIELDS[name])
