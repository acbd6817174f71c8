"""Read the charters of a valid document as schedules."""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler import errors
from reconciler.repospec import problems, rules, values
from reconciler.schedule import declarations, fields, model, ownership
from reconciler.timing import exclusions, timings

PAUSES = "manual_pauses"  # also a key of the section: the default for charters without it


def environment(document: values.Document, name: str | None, path: str) -> Mapping[str, Any]:
    """Return an environment's object, empty if none is specified; raises `errors.UsageError` if it is undeclared."""
    if name is None:
        return {}
    known: Any = rules.value_at(document, rules.ENVIRONMENTS) or {}
    if name not in known:
        declared = ", ".join(known) or "none"
        several = [each for each in re.split(r"[\s,]+", name) if each]
        hint = f"declared environments: {declared}"
        if len(several) > 1 and all(each in known for each in several):
            hint = f"to select several, repeat the option: {' '.join(f'--environment {each}' for each in several)}"
        raise errors.UsageError(f"{path} has no environment {name!r}", hint=hint)
    found: Mapping[str, Any] = known[name]
    return found


def read(
    document: values.Document, environment: str | None = None, prefix: str = ownership.GOVERNANCE_PREFIX
) -> tuple[declarations.Charter, ...]:
    """Return the declared charters in the file's order; the document must have passed the schema and the rules.

    A key comes from the first of these that has it: the environment's charter, the charter, the environment's defaults,
    the defaults, and the built-in defaults. A null resets a key to its built-in default. Cron, calendars, and intervals
    are inherited together.
    """
    return tuple(_charter(each, prefix) for each in _sources(document, environment))


def _sources(document: values.Document, environment: str | None) -> Iterator[_Source]:
    over: values.Path = (*rules.ENVIRONMENTS, environment or "")
    overridden = rules.value_at(document, (*over, "charters"))
    names = {name.lower(): name for name in overridden} if isinstance(overridden, dict) else {}
    return (_Source(document, index, over, names) for index in range(rules.count(document)))


def ids(document: values.Document, environment: str | None, prefix: str) -> frozenset[str]:
    """Return only the ids of the charters that `read` returns."""
    return frozenset(each.schedule_id(prefix) for each in _sources(document, environment))


def inherited(
    document: values.Document | None, environment: str | None, schedule_id: str, identity: values.Identity
) -> model.Schedule:
    """Return the schedule of a charter with this name and id but no other keys: only what the charter inherits."""
    keys: dict[str, Any] = {"charter": "", "entrypoint": ""}
    if document is not None:
        document = values.inherited_by(document, identity)
        keys |= _values(rules.merged(document, rules.DEFAULTS, (*rules.ENVIRONMENTS, environment or "", "defaults")))
    return fields.read(keys, schedule_id)


def _values(defined: rules.Keys) -> dict[str, Any]:
    """Return the values by key, without those that are reset by a null."""
    return {key: each.value for key, each in defined.items() if each.value is not None}


class _Source:
    """All keys of one charter, including inherited and overridden ones, and where they are defined.

    `over` is the environment's path; `names` maps each charter name that it overrides, in lower case, to its spelling
    there.
    """

    def __init__(self, document: values.Document, index: int, over: values.Path, names: Mapping[str, str]) -> None:
        self._document = document = values.of_charter(document, index)
        self.at: values.Path = (*rules.SCHEDULES, index)
        own: Any = rules.value_at(document, self.at)
        self.own: Mapping[str, Any] = own
        name = names.get(own["charter"].lower(), "")
        defined = rules.merged(document, rules.DEFAULTS, (*over, "defaults"), self.at, (*over, "charters", name))
        general = rules.value_at(document, (*rules.SECTION, PAUSES))
        self.keys: dict[str, Any] = ({PAUSES: general} if general else {}) | _values(defined)
        changed = {key: each.path for key, each in defined.items() if each.path[: len(over)] == over}
        self.overrides = {key: document.places[path] for key, path in changed.items()}

    def place(self) -> declarations.Place:
        return self._document.places[self.at]

    def places(self) -> dict[str, declarations.Place]:
        return self._document.places_in(self.at, self.own) | self.overrides

    def schedule_id(self, prefix: str) -> str:
        return str(self.keys.get(fields.IDENTITY.key) or ownership.default_id(prefix, self.keys["charter"]))


@functools.lru_cache(maxsize=1024)  # an import reads each schedule's times repeatedly
def _excluded_in_a_row(timing: timings.Timing) -> int:
    """Return how many consecutive excluded times a server would have to skip; 0 if it can do so quickly."""
    return exclusions.too_many(timing, _EPOCH)


def endless(charter: declarations.Charter) -> problems.Problem | None:
    """Return the problem with a charter whose exclusions overload the server, even while paused (seen on 1.29.1).

    Each search for the next time takes seconds.
    """
    count = _excluded_in_a_row(charter.schedule.timing)
    if not count:
        return None
    return problems.Problem(
        place=charter.places.get("exclude", charter.place),
        message=f"charter {charter.name!r} excludes more than {count:,} consecutive times; Temporal checks them "
        "one by one, repeatedly, until it stops responding",
        hint="exclude fewer times, fire less often, or list only the remaining times in the calendars",
    )


_EPOCH = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)  # earlier than the current time on any server


def _former_ids(name: str, prefix: str) -> tuple[str, ...]:
    """Return the ids that a former name can refer to: a charter's default id, or else an id that a charter declared."""
    if not name or name.startswith(prefix):
        return (name,) if name else ()
    return ownership.default_id(prefix, name), name


def _charter(source: _Source, prefix: str) -> declarations.Charter:
    name: str = source.keys["charter"]
    return declarations.Charter(
        name=name,
        place=source.place(),
        was=_former_ids(source.keys.get(fields.FORMER.key, ""), prefix),
        places=source.places(),
        overrides=source.overrides,
        replaced=fields.replaced(source.keys),
        schedule=fields.read(source.keys, ownership.default_id(prefix, name)),
    )
