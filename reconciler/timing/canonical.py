"""The canonical form of calendars and intervals, in which values that fire at the same times are equal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TypeVar

from reconciler.timing import ranges, timings

_SETS = tuple(field.name for field in dataclasses.fields(timings.Calendar) if field.name != "comment")

T = TypeVar("T", timings.Calendar, timings.Interval)


def calendar_of(
    fields: Mapping[str, Iterable[ranges.Range]],
    *,
    comment: str = "",
) -> timings.Calendar:
    """Return the calendar with the fields' ranges; a missing field is empty."""
    sets = {name: ranges.expand(fields.get(name, ())) for name in _SETS}
    return timings.Calendar(**sets, comment=comment)


def distinct(items: Iterable[T]) -> tuple[T, ...]:
    """Return the items sorted and without duplicates, so that differences in order and duplicates are ignored."""
    unique = tuple(dict.fromkeys(items))
    return unique if len(unique) < 2 else tuple(sorted(unique, key=_order))


def _order(item: timings.Calendar | timings.Interval) -> tuple[object, ...]:
    return tuple(getattr(item, field.name) for field in dataclasses.fields(item) if field.compare)
