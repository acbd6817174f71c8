"""A schedule as part of JSON documents: everything that is compared, with secrets as digests."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.schedule import fields, model, places
from reconciler.timing import moments


def encode(schedule: model.Schedule, *, coded: bool = False) -> dict[str, Any]:
    """Return the schedule's document; if a codec encoded its payloads (`coded`), they are replaced by digests."""
    schedule = fields.redacted(schedule, coded=coded)
    document: dict[str, Any] = {"id": schedule.id}
    for row in fields.ROWS:
        for path, value in row.encode(schedule).items():
            _put(document, path, value)
    return {**document, "owner": schedule.owner}


def decode(document: Mapping[str, Any]) -> model.Schedule:
    """Return the schedule in a document; raises ValueError, KeyError, or TypeError if it is not valid."""
    draft = places.Draft(document["id"])
    draft["owner",] = document.get("owner")
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
    """Yield each value with its place, descending into groups."""
    for name, value in document.items():
        if not at and name in places.GROUPS:
            yield from _places(value, (name,))
        else:
            yield (*at, name), value


def moment(text: str) -> datetime.datetime:
    """Parse a moment; raises ValueError if it has no UTC offset, or is out of range in some time zone."""
    parsed = moments.with_offset(text)
    if not datetime.MINYEAR < parsed.year < datetime.MAXYEAR:
        raise ValueError(f"{text} is out of range")
    return parsed
