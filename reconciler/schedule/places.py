"""Places in a schedule: where a field's value is, and a schedule made of values by their places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeAlias, TypeVar, cast

from reconciler.schedule import kinds, model
from reconciler.timing import timings

V = TypeVar("V")

Path: TypeAlias = tuple[str, ...]  # of attributes, from a schedule: ('policies', 'overlap')

GROUPS: Mapping[str, Callable[..., Any]] = {
    "timing": timings.Timing,
    "action": model.Action,
    "policies": model.Policies,
}


class Draft:
    """A schedule in the making: values by the places that they will have in it."""

    def __init__(self, schedule_id: str) -> None:
        self.values: dict[Path, Any] = {("id",): schedule_id}

    def build(self) -> model.Schedule:
        """Return the schedule; what has no value keeps the model's default."""
        whole, groups = _grouped(self.values)
        return model.Schedule(**whole, **{name: make(**groups[name]) for name, make in GROUPS.items()})


def replaced(schedule: model.Schedule, values: Mapping[Path, Any]) -> model.Schedule:
    """Return the schedule with other values at these places."""
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


@dataclasses.dataclass(frozen=True, slots=True)
class Lens(Generic[V]):
    """A place in a schedule: how its value is got, and the path of attributes that leads there."""

    path: Path
    get: Callable[[model.Schedule], V]

    def encode(self, kind: kinds.Kind[V], schedule: model.Schedule) -> Mapping[Path, Any]:
        """Return the value at the place in a document."""
        return {self.path: kind.encode(self.get(schedule))}

    def decode(self, kind: kinds.Kind[V], stored: Mapping[Path, Any], draft: Draft) -> None:
        """Put a document's value at the place; KeyError where the document has none."""
        draft.values[self.path] = kind.decode(stored[self.path])


def at(get: Callable[[model.Schedule], V]) -> Lens[V]:
    """Return the lens of an attribute, `at(lambda schedule: schedule.policies.overlap)`, so that mypy checks it."""
    return Lens(cast("_Attributes", get(cast("model.Schedule", _Attributes(())))).path, get)


class _Attributes:
    """Stands for a schedule, and remembers which attributes it was asked for."""

    __slots__ = ("path",)

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getattr__(self, name: str) -> _Attributes:
        return _Attributes((*self.path, name))


CALENDARS: Path = at(lambda schedule: schedule.timing.calendars).path
INTERVALS: Path = at(lambda schedule: schedule.timing.intervals).path
TIMEZONE: Path = at(lambda schedule: schedule.timing.timezone).path
ARGUMENTS: Path = at(lambda schedule: schedule.action.arguments).path
REMAINING: Path = at(lambda schedule: schedule.remaining_actions).path
COUNTED_FROM: Path = at(lambda schedule: schedule.counted_from).path
