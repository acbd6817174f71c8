"""Places in a schedule: the attributes that lead to a field's value, and building a schedule from values by place."""

from __future__ import annotations

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


class Draft:
    """A schedule that is being built: values by place, some of which may be set initially."""

    def __init__(self, schedule_id: str, known: Mapping[Path, Any] | None = None) -> None:
        self.values: dict[Path, Any] = {**(known or {}), ("id",): schedule_id}

    def build(self) -> model.Schedule:
        """Return the schedule; places without a value get the model's default."""
        whole, groups = _grouped(self.values)
        return model.Schedule(**whole, **{name: make(**groups[name]) for name, make in GROUPS.items()})


def replaced(schedule: model.Schedule, values: Mapping[Path, Any]) -> model.Schedule:
    """Return the schedule with the values at these places replaced."""
    whole, groups = _grouped(values)
    parts = {name: dataclasses.replace(getattr(schedule, name), **inner) for name, inner in groups.items()}
    return dataclasses.replace(schedule, **whole, **parts)


def _grouped(values: Mapping[Path, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Return the values of the schedule itself, and those of each group, by attribute."""
    whole: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    for path, value in values.items():
        (groups[path[0]] if len(path) > 1 else whole)[path[-1]] = value
    return whole, groups


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
        draft.values[self.path] = kind.decode(stored[self.path])


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
