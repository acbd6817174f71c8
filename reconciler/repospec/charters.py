"""The charters of a valid document as the schedules they ask for."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Mapping
from typing import Any

from reconciler import errors
from reconciler.repospec import rules, values
from reconciler.schedule import declarations, fields, model, ownership
from reconciler.timing import exclusions, timings

PAUSES = "manual_pauses"  # a key of the section too, for the charters that have none


def environment(document: values.Document, name: str | None, path: str) -> Mapping[str, Any]:
    """Return an environment's object, empty when none is named; UsageError for one that the file does not have."""
    if name is None:
        return {}
    known: Any = rules.value_at(document, rules.ENVIRONMENTS) or {}
    if name not in known:
        declared = ", ".join(known) or "none"
        raise errors.UsageError(f"{path} has no environment {name!r}", hint=f"declared are {declared}")
    found: Mapping[str, Any] = known[name]
    return found


def read(
    document: values.Document, environment: str | None = None, prefix: str = ownership.GOVERNANCE_PREFIX
) -> tuple[declarations.Charter, ...]:
    """Return the declared charters in the file's order; the document has passed the schema and the rules.

    A key comes from the environment's charter, else the charter, else the environment's defaults, else the
    defaults, else what is built in; cron, calendars and intervals come together. One that is null there is what is
    built in.
    """
    said = (_Said(document, index, environment) for index in range(rules.count(document)))
    return tuple(_charter(each, prefix) for each in said)


def inherited(document: values.Document | None, environment: str | None, schedule_id: str) -> model.Schedule:
    """Return the schedule of a charter without keys of its own: no times, no names, and what all inherit."""
    said: dict[str, Any] = {"charter": "", "entrypoint": ""}
    if document is not None:
        found = rules.merged(document, rules.DEFAULTS, (*rules.ENVIRONMENTS, environment or "", "defaults"))
        said |= _values(document, found)
    return fields.read(said, schedule_id)


def _values(document: values.Document, found: Mapping[str, values.Path]) -> dict[str, Any]:
    """Return the values by key, without those that a null resets."""
    said = {key: rules.value_at(document, at) for key, at in found.items()}
    return {key: value for key, value in said.items() if value is not None}


class _Said:
    """All keys of one charter, inherited and overridden ones included, and where they are defined."""

    def __init__(self, document: values.Document, index: int, environment: str | None) -> None:
        self._document = document
        self.at: values.Path = (*rules.SCHEDULES, index)
        self.own = self._keys(self.at)
        over: values.Path = (*rules.ENVIRONMENTS, environment or "")
        name = next(
            (each for each in self._keys((*over, "charters")) if each.lower() == self.own["charter"].lower()), ""
        )
        layers = (rules.DEFAULTS, (*over, "defaults"), self.at, (*over, "charters", name))
        found = rules.merged(document, *layers)
        general = rules.value_at(document, (*rules.SECTION, PAUSES))
        self.keys: dict[str, Any] = ({PAUSES: general} if general else {}) | _values(document, found)
        self.overrides = {key: document.places[at] for key, at in found.items() if at[: len(over)] == over}

    def _keys(self, at: values.Path) -> Mapping[str, Any]:
        found: Any = rules.value_at(self._document, at)
        return found if isinstance(found, dict) else {}

    def place(self, *inside: str) -> declarations.Place:
        return self._document.places[(*self.at, *inside)]


@functools.lru_cache(maxsize=1024)  # an import reads a schedule's times many times
def excluded_in_a_row(timing: timings.Timing) -> int:
    """Return a number of excluded times that a server would have to go through in a row; 0 for what it does at once."""
    return exclusions.too_many(timing, _EPOCH)


_EPOCH = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)  # no server's clock shows less than when this was written


def _charter(source: _Said, prefix: str) -> declarations.Charter:
    said = source.keys
    name: str = said["charter"]
    return declarations.Charter(
        name=name,
        place=source.place(),
        places={key: source.place(key) for key in source.own} | source.overrides,
        overrides=source.overrides,
        schedule=fields.read(said, prefix + name.lower()),
    )
