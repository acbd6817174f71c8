"""Places in a schedule: the attributes that lead to a field's value, and building a schedule from values by place."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar, cast

from reconciler.schedule import kinds, model
from reconciler.timing import timings

V = TypeVar("V")

Path: TypeAlias = tuple[str, ...]  # attributes, starting at the schedule: ('policies', 'overlap')

GROUPS: Mapping[str, Callable[..., Any]] = {
    "timing": timings.Timing,
    "action": model.Action,
    "policies": model.Policies,
}


def _grouped(values: Mapping[Path, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the values of the schedule itself, and those of each group, by attribute."""
    whole: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    for path, value in values.items():
        (groups[path[0]] if len(path) > 1 else whole)[path[-1]] = value
    return whole, groups


@dataclasses.dataclass(frozen=True, slots=True)
class Defaults:
    """The values, by place, of places that a draft does not set; a group of them is built only once."""

    values: dict[Path, Any]
    whole: Mapping[str, Any]
    groups: Mapping[str, Mapping[str, Any]]
    built: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, values: dict[Path, Any]) -> Defaults:
        """Return these values as defaults."""
        return cls(values, *_grouped(values))

    def group(self, name: str, values: Mapping[str, Any]) -> Any:
        """Return a group with some values set; without any, all schedules share it."""
        if values:
            return GROUPS[name](**{**self.groups[name], **values})
        if name not in self.built:
            self.built[name] = GROUPS[name](**self.groups[name])
        return self.built[name]


_NONE = Defaults.of({})


class Draft(collections.ChainMap[Path, Any]):
    """A schedule that is being built: its values by place, with defaults for the others."""

    def __init__(self, schedule_id: str, defaults: Defaults = _NONE) -> None:
        super().__init__({("id",): schedule_id}, defaults.values)
        self._defaults = defaults

    def build(self) -> model.Schedule:
        """Return the schedule; places without a value or a default get the model's default."""
        whole, groups = _grouped(self.maps[0])
        built = {name: self._defaults.group(name, values) for name, values in groups.items()}
        return model.Schedule(**{**self._defaults.whole, **whole, **built})

    def as_defaults(self) -> Defaults:
        """Return the values that are set, as defaults of other drafts."""
        return Defaults.of({path: value for path, value in self.maps[0].items() if path != ("id",)})


def replaced(schedule: model.Schedule, values: Mapping[Path, Any]) -> model.Schedule:
    """Return the schedule with the values at these places replaced."""
    whole, groups = _grouped(values)
    parts = {name: dataclasses.replace(getattr(schedule, name), **inner) for name, inner in groups.items()}
    return dataclasses.replace(schedule, **whole, **parts)


def value(schedule: model.Schedule, path: Path) -> Any:
    """Return the value at a place."""
    return functools.reduce(getattr, path, schedule)


@dataclasses.dataclass(frozen=True, slots=True)
class Lens(Generic[V]):
    """A place in a schedule: the path of attributes that leads there, and how to get its value."""

    path: Path
    get: Callable[[model.Schedule], V]

    def encode(self, kind: kinds.Kind[V], schedule: model.Schedule) -> Mapping[Path, Any]:
        """Return the place's value as a document stores it."""
        return {self.path: kind.encode(self.get(schedule))}

    def decode(self, kind: kinds.Kind[V], stored: Mapping[Path, Any], draft: Draft) -> None:
        """Put a document's value at the place; KeyError if the document has none."""
        draft[self.path] = kind.decode(stored[self.path])


def at(get: Callable[[model.Schedule], V]) -> Lens[V]:
    """Return the place of an attribute, checked by mypy: `at(lambda schedule: schedule.policies.overlap)`."""
    return Lens(cast("_Attributes", get(cast("model.Schedule", _Attributes(())))).path, get)


class _Attributes:
    """A stand-in for a schedule that records which attributes are accessed."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getattr__(self, name: str) -> _Attributes:
        return _Attributes((*self.path, name))


TIMING: Path = at(lambda schedule: schedule.timing).path
CALENDARS: Path = at(lambda schedule: schedule.timing.calendars).path
INTERVALS: Path = at(lambda schedule: schedule.timing.intervals).path
TIMEZONE: Path = at(lambda schedule: schedule.timing.timezone).path
ARGUMENTS: Path = at(lambda schedule: schedule.action.arguments).path
REMAINING: Path = at(lambda schedule: schedule.remaining_actions).path
COUNTED_FROM: Path = at(lambda schedule: schedule.counted_from).path
