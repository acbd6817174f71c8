"""The types of rows in the table of fields: a single value, or a few values that belong together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeAlias, TypeGuard, TypeVar, cast

from reconciler import json_values
from reconciler.schedule import faults, kinds, model, places, records, redaction
from reconciler.timing import canonical, cron, timings, zones

V = TypeVar("V")

Words: TypeAlias = dict[str, json_values.Json]


class Row(Protocol):
    """One field that a charter can express."""

    @property
    def key(self) -> str:
        """Return its key in a spec."""

    @property
    def description(self) -> str:
        """Return its description for the schema and the reference."""

    @property
    def is_inherited(self) -> bool:
        """Return whether charters can inherit it from defaults; a null in a charter resets it."""

    @property
    def roots(self) -> tuple[str, ...]:
        """Return the names under which a plan shows it."""

    @property
    def sources(self) -> tuple[places.Path, ...]:
        """Return the places in a schedule whose values determine what a spec contains for the key."""

    @property
    def proto(self) -> str:
        """Return its field in the server's Schedule message; empty if it is not a single field."""

    @property
    def neutral(self) -> json_values.Json:
        """Return the value with which a charter resets an inherited one."""

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        """Put the value of a charter's keys into a draft, or the default if the key is missing."""

    def words(self, schedule: model.Schedule, like: model.Schedule) -> Words:
        """Return the value as it is written in a spec, in the form that `like` uses; empty without a value."""

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        """Return its values as a document stores them, by place."""

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        """Put a document's values into a draft; ValueError, KeyError, or TypeError if they are not valid."""

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        """Return its values with secrets removed, by place."""

    def check(self, value: Any) -> Iterator[faults.Fault]:
        """Yield a fault for each error in the value of a charter's key that the schema cannot detect."""

    def declared(self) -> kinds.Schema:
        """Return the JSON Schema for the key."""

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        """Return the JSON Schemas of its values in a document, by place."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field(Generic[V]):
    """A field with one value at one place.

    `default` is the value if the key is missing; if `follows` is a place, the value there is used instead. `silent` is
    a value that, like None, is not written. `own` is the field's path in the message that `temporal.convert.own`
    returns, for values that the server stores outside the Schedule message.
    """

    key: str
    at: places.Lens[V]
    kind: kinds.Kind[V]
    default: V
    description: str
    examples: tuple[json_values.Json, ...]
    silent: V | None = None
    follows: places.Path = ()
    is_inherited: bool = True
    proto: str = ""
    own: str = ""
    stored_description: str = ""

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.key,)

    @property
    def sources(self) -> tuple[places.Path, ...]:
        return (self.at.path,)

    @property
    def neutral(self) -> json_values.Json:
        return None if self.silent is None else self.kind.words(self.silent)

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        if self.key in keys:
            draft[self.at.path] = self.kind.parse(keys[self.key])
        elif self.at.path not in draft:
            draft[self.at.path] = draft[self.follows] if self.follows else self.default

    def words(self, schedule: model.Schedule, like: model.Schedule) -> Words:
        del like
        value = self.at.get(schedule)
        if value is None or value == self.silent:
            return {}
        return {self.key: self.kind.words(value)}

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        return self.at.encode(self.kind, schedule)

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        if self.at.path in stored:
            self.at.decode(self.kind, stored, draft)
        else:  # an older document, which the schema accepts
            draft[self.at.path] = self.default

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        value = self.at.get(schedule)
        return {} if value is None else {self.at.path: self.kind.redact(value, within, (self.key,))}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        yield from self.kind.check(value, self.key)

    def declared(self) -> kinds.Schema:
        default = None if self.default is None or self.follows else self.kind.words(self.default)
        return {
            "description": self.description,
            **self.kind.declared(),
            **({} if default is None else {"default": default}),
            "examples": list(self.examples),
        }

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        schema = self.kind.stored()
        described = {} if "$ref" in schema else {"description": self.stored_description or self.description}
        return {self.at.path: {**described, **schema}}


def declared_as_cron(calendar: timings.Calendar) -> bool:
    """Return whether a calendar was declared as a cron, in which case its comment contains the cron's text."""
    return cron.is_text_of(calendar.comment, calendar)


def _are_crons(timing: timings.Timing, like: timings.Timing) -> Mapping[timings.Calendar, bool]:
    """Return whether each calendar is written as a cron: a calendar that is also in `like` keeps the form used there.

    Other calendars are written like the ones in `like` that they probably replace.
    """
    known = {calendar: declared_as_cron(calendar) for calendar in like.calendars}
    missing = {known[calendar] for calendar in like.calendars if calendar not in timing.calendars}
    other = (missing or set(known.values())) != {False}
    return {calendar: known.get(calendar, other) for calendar in timing.calendars}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Crons:
    """The calendars that are declared as crons; a cron may also define an interval or the time zone."""

    key: str
    description: str
    examples: tuple[json_values.Json, ...]
    at = places.at(lambda schedule: schedule.timing.calendars)
    sources = (places.TIMING,)
    is_inherited = False
    proto = ""
    neutral = None

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.key,)

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        texts = [keys[self.key]] if isinstance(keys.get(self.key), str) else keys.get(self.key, [])
        parsed = [cron.parse(text) for text in texts]
        times = [each.times for each in parsed]
        draft[places.CALENDARS] = canonical.distinct(each for each in times if isinstance(each, timings.Calendar))
        draft[places.INTERVALS] = canonical.distinct(each for each in times if isinstance(each, timings.Interval))
        zone = next((each.timezone for each in parsed if each.timezone), "")
        if zone:
            draft[places.TIMEZONE] = zone

    def words(self, schedule: model.Schedule, like: model.Schedule) -> Words:
        are_crons = _are_crons(schedule.timing, like.timing)
        texts: list[json_values.Json] = [cron.render(each) for each, is_cron in are_crons.items() if is_cron]
        return {self.key: texts[0] if len(texts) == 1 else texts} if texts else {}

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        del schedule  # its calendars are stored with the others
        return {}

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        pass

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        del schedule, within  # the row for the other calendars redacts all of them
        return {}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        if isinstance(value, str) and value:  # the schema reports an empty one
            yield from _cron_faults(value)
        for index, each in enumerate(value if isinstance(value, list) else ()):
            if isinstance(each, str) and each:
                yield from faults.within(index, _cron_faults(each))

    def declared(self) -> kinds.Schema:
        return {
            "description": self.description,
            "type": ["string", "array"],
            "minLength": 1,
            "minItems": 1,
            "items": {"type": "string", "minLength": 1},
            "examples": list(self.examples),
        }

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        return {}


def _cron_faults(text: str) -> Iterator[faults.Fault]:
    yield from map(faults.of_cron, cron.problems(text))
    zone, offset = cron.named_zone(text)
    try:
        if zone:
            zones.check(zone)
    except ValueError as error:
        yield faults.Fault(message=str(error), offset=offset)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Times(Generic[V]):
    """A set of times that charters declare in addition to crons.

    `crons` is the key under which some of them can be declared as crons instead; empty if none can.
    """

    key: str
    at: places.Lens[tuple[V, ...]]
    kind: kinds.Kind[tuple[V, ...]]
    description: str
    examples: tuple[json_values.Json, ...]
    crons: str = ""
    proto: str = ""
    sources = (places.TIMING,)
    is_inherited = False
    neutral = None

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.key,)

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        own = self.kind.parse(keys.get(self.key, ()))
        both: Iterable[Any] = (*draft.get(self.at.path, ()), *own)
        draft[self.at.path] = canonical.distinct(both)

    def words(self, schedule: model.Schedule, like: model.Schedule) -> Words:
        times = self.at.get(schedule)
        if self.crons:
            are_crons = _are_crons(schedule.timing, like.timing)
            times = tuple(each for each in times if not are_crons[cast("timings.Calendar", each)])
        return {self.key: self.kind.words(times)} if times else {}

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        return self.at.encode(self.kind, schedule)

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        self.at.decode(self.kind, stored, draft)

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        value = self.at.get(schedule)
        if self.crons and within.is_exempt((self.crons,)):  # plans show the calendars under that key
            return {}
        return {self.at.path: self.kind.redact(value, within, (self.key,))}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        yield from self.kind.check(value, self.key)

    def declared(self) -> kinds.Schema:
        return {"description": self.description, **self.kind.declared(), "examples": list(self.examples)}

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        return {self.at.path: self.kind.stored()}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The schedule's id; a draft already has a default id, and documents store the id elsewhere.

    If `is_own` is false, this is the id of the schedule that this one replaces; only charters declare such an id.
    """

    key: str
    description: str
    examples: tuple[json_values.Json, ...]
    is_own: bool = True
    kind = kinds.Text(longest=977, name=True)  # the server's limit
    sources = ()
    is_inherited = False
    proto = ""
    neutral = None

    @property
    def roots(self) -> tuple[str, ...]:
        return ()

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        if self.is_own and self.key in keys:
            draft["id",] = str(keys[self.key])

    def words(self, schedule: model.Schedule, like: model.Schedule) -> Words:
        del schedule, like  # a plan identifies each schedule by its id
        return {}

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        del schedule
        return {}

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        pass

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        del schedule, within
        return {}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        yield from self.kind.check(value, self.key)

    def declared(self) -> kinds.Schema:
        return {"description": self.description, **self.kind.declared(), "examples": list(self.examples)}

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        return {}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Countdown:
    """How many actions remain: a charter declares where the count starts, and the server counts down."""

    key: str
    description: str
    examples: tuple[json_values.Json, ...]
    sources = (places.REMAINING, places.COUNTED_FROM)
    is_inherited = True
    proto = ""
    neutral = None

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.key,)

    def read(self, keys: Mapping[str, Any], draft: places.Draft) -> None:
        draft[places.REMAINING] = draft[places.COUNTED_FROM] = keys.get(self.key)

    def words(self, schedule: model.Schedule, like: model.Schedule) -> Words:
        del like
        remaining, start = schedule.remaining_actions, schedule.counted_from
        if remaining is None:
            return {}
        return {self.key: remaining if start in (None, remaining) else {"left": remaining, "of": start}}

    def encode(self, schedule: model.Schedule) -> Mapping[places.Path, Any]:
        return {places.REMAINING: schedule.remaining_actions, places.COUNTED_FROM: schedule.counted_from}

    def decode(self, stored: Mapping[places.Path, Any], draft: places.Draft) -> None:
        for path in (places.REMAINING, places.COUNTED_FROM):
            draft[path] = None if stored[path] is None else int(stored[path])  # 1.0 is an integer in JSON Schema

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> Mapping[places.Path, Any]:
        del schedule, within  # contains no strings
        return {}

    def check(self, value: Any) -> Iterator[faults.Fault]:
        del value  # the schema checks all of it
        yield from ()

    def declared(self) -> kinds.Schema:
        bounds = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
        return {"description": self.description, **bounds, "examples": list(self.examples)}

    def stored(self) -> Mapping[places.Path, kinds.Schema]:
        bounds = {"type": ["integer", "null"], "minimum": 0, "maximum": 2**63 - 1}
        return {
            places.REMAINING: {"description": "How many times it can still fire; null if unlimited.", **bounds},
            places.COUNTED_FROM: {"description": "The declared number of firings to count down from.", **bounds},
        }


Timed: TypeAlias = Crons | Times[Any] | Field[Any]


def is_timed(row: Row) -> TypeGuard[Timed]:
    """Return whether a row's value is a set of times."""
    return isinstance(row, Crons | Times) or (isinstance(row, Field) and isinstance(row.kind, records.Calendars))
