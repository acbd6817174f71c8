"""The canonical form of calendars and intervals, in which those that fire at the same times are equal."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TypeVar

from reconciler.timing import ranges, timings

T = TypeVar("T", timings.Calendar, timings.Interval)


def calendar_of(
    fields: dict[str, tuple[ranges.Range, ...]],
    *,
    comment: str = "",
) -> timings.Calendar:
    """Return the calendar of the fields' ranges; a missing field is empty."""
    sets = {
        field.name: ranges.expand(fields.get(field.name, ()))
        for field in dataclasses.fields(timings.Calendar)
        if field.name != "comment"
    }
    return timings.Calendar(**sets, comment=comment)


def distinct(items: Iterable[T]) -> tuple[T, ...]:
    """Return the items sorted and without duplicates, so that order and duplicates are not a difference."""
    return tuple(sorted(dict.fromkeys(items), key=_order))


def _order(item: timings.Calendar | timings.Interval) -> tuple[object, ...]:
    return tuple(getattr(item, field.name) for field in dataclasses.fields(item) if field.compare)
