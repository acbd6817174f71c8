"""Convert calendars in a spec, `{hour: 9-17, day_of_week: mon-fri}`, to `Calendar` and back.

Each field accepts the same text as in a cron. The defaults of a firing calendar are Temporal's: 0 for second, minute,
and hour, and `*` for the rest. In an excluding calendar, every default is `*`, so
`{month: 12, day_of_month: 24-26}` excludes whole days.
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


def numbers(name: str, value: Words) -> tuple[int, ...]:
    """Return the numbers that a field's value matches; CronError if Temporal does not accept it."""
    parts = [value] if isinstance(value, (int, str)) else value
    sets = [cron.numbers(cron.trimmed(str(part)), FIELDS[name]) for part in parts]
    if () in sets:  # every year
        return ()
    return tuple(sorted(set().union(*sets)))


def parse(fields: Mapping[str, Words], *, excludes: bool = False, comment: str = "") -> timings.Calendar:
    """Return the calendar that the fields define; CronError if Temporal does not accept them."""
    sets = {name: numbers(name, fields.get(name, _default(name, excludes))) for name in FIELDS}
    return timings.Calendar(**sets, comment=comment)


def words(calendar: timings.Calendar, *, excludes: bool = False) -> dict[str, str]:
    """Return the fields that differ from their defaults; only `hour` if none do."""
    fields = {name: _text(name, getattr(calendar, name)) for name in FIELDS}
    changed = {name: text for name, text in fields.items() if text != _default(name, excludes)}
    return changed or {"hour": fields["hour"]}


def _default(name: str, excludes: bool) -> str:
    return "0" if name in _OF_A_DAY and not excludes else "*"


def _text(name: str, values: tuple[int, ...]) -> str:
    return "*" if name == "year" and not values else cron.field_text(values, FIELDS[name])
