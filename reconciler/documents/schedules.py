"""A schedule as JSON, within the documents that hold some: everything that is compared, secrets as digests."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.schedule import fields, model, places
from reconciler.timing import moments


def encode(schedule: model.Schedule, *, coded: bool = False) -> dict[str, Any]:
    """Return the schedule's document.

    Of one whose payloads a codec made (`coded`), with digests in place of their values.
    """
    schedule = fields.redacted(schedule, coded=coded)
    document: dict[str, Any] = {"id": schedule.id}
    for row in fields.ROWS:
        for path, value in row.encode(schedule).items():
            _put(document, path, value)
    return {**document, "owner": schedule.owner}


def decode(document: Mapping[str, Any]) -> model.Schedule:
    """Return the schedule of a document; ValueError, KeyError or TypeError for a value that cannot be one."""
    draft = places.Draft(document["id"])
    draft.values["owner",] = document.get("owner")
    stored = dict(_places(document, ()))
    for row in fields.ROWS:
        row.decode(stored, draft)
    return draft.build()


def _put(document: dict[str, Any], path: places.Path, value: Any) -> None:
    *groups, name = path
    for group in groups:
        document = document.setdefault(group, {})
    document[name] = value


def _places(document: Mapping[str, Any], at: places.Path) -> Iterator[tuple[places.Path, Any]]:
    """Yield each value with its place; one of a group is at the place in it."""
    for name, value in document.items():
        if not at and name in places.GROUPS:
            yield from _places(value, (name,))
        else:
            yield (*at, name), value


def moment(said: str) -> datetime.datetime:
    """Return a moment; ValueError without an offset from UTC, or beyond what a clock somewhere can show."""
    found = moments.with_offset(said)
    if not datetime.MINYEAR < found.year < datetime.MAXYEAR:
        raise ValueError(f"{said} is out of range")
    return found
