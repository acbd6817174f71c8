"""Charters that collide: they share a workflow id, or start the same work at the same times."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

from reconciler.schedule import declarations, governed, model
from reconciler.timing import times, timings

_SECOND = datetime.timedelta(seconds=1)
_STEPS = 400  # times that are compared before two charters are considered disjoint
_BUDGET = 4_000  # the most comparisons for all pairs together; they take about half a second
_ALIKE = 20  # upcoming times that must be equal before two charters are considered to fire at the same times
_NAMES = (*governed.IDENTITIES, "charter")


def shared_ids(
    charters: Iterable[declarations.Charter], now: datetime.datetime
) -> Iterator[tuple[declarations.Charter, declarations.Charter, datetime.datetime]]:
    """Yield each charter whose runs collide with an earlier charter's, the earlier one, and the first common time.

    The server appends a run's due time, to the second and before jitter, to the workflow id, even if
    `keep_original_workflow_id` is set. So ids collide only at a time when both are due: one of the two runs is then
    not started while the other is running, and no counter shows this. If hundreds of charters share an id, only as
    many pairs are compared as the budget allows.
    """
    budget = _BUDGET
    for same in _groups(filter(_fires, charters), lambda charter: charter.schedule.action.workflow_id):
        for number, charter in enumerate(same):
            for earlier in same[:number]:
                if budget <= 0:
                    return
                common, steps = _first_common(earlier.schedule.timing, charter.schedule.timing, now)
                budget -= steps
                if common is not None:
                    yield charter, earlier, common
                    break


def same_work(
    charters: Iterable[declarations.Charter], now: datetime.datetime
) -> Iterator[tuple[declarations.Charter, declarations.Charter]]:
    """Yield each charter that starts the same work at the same times as an earlier one, and the earlier one.

    Work is the same if only names differ: the workflow id, the schedule's ids, and the charter's name.
    """
    for alike in _groups(filter(_fires, charters), lambda charter: _work(charter.schedule.action)):
        for close in _groups(alike, lambda charter: _next(charter, now, 1)):
            for same in _groups(close, lambda charter: _next(charter, now, _ALIKE)):
                yield from ((charter, same[0]) for charter in same[1:] if _next(charter, now, 1))


def _groups(
    charters: Iterable[declarations.Charter], key: Callable[[declarations.Charter], Hashable]
) -> list[list[declarations.Charter]]:
    """Return the groups of two or more charters that share a key, in their original order."""
    groups: dict[Hashable, list[declarations.Charter]] = {}
    for charter in charters:
        groups.setdefault(key(charter), []).append(charter)
    return [group for group in groups.values() if len(group) > 1]


def _next(charter: declarations.Charter, now: datetime.datetime, count: int) -> tuple[datetime.datetime, ...]:
    return tuple(itertools.islice(times.upcoming(charter.schedule.timing, now), count))


def _first_common(
    left: timings.Timing, right: timings.Timing, now: datetime.datetime
) -> tuple[datetime.datetime | None, int]:
    """Return the first time when both are due (None if none was found), and the number of steps that it took."""
    after = now
    for step in range(_STEPS):
        first = next(times.upcoming(left, after), None)
        second = next(times.upcoming(right, after), None)
        if first is None or second is None:
            return None, step + 1
        if first == second:
            return first, step + 1
        after = max(first, second) - _SECOND
    return None, _STEPS


def _fires(charter: declarations.Charter) -> bool:
    return not charter.schedule.paused and charter.schedule.remaining_actions != 0


def _work(action: model.Action) -> str:
    arguments = tuple(map(_unnamed, action.arguments))
    return _AS_TEXT.encode({**_values(action), "workflow_id": "", "arguments": arguments})


def _values(value: Any) -> Any:
    """Convert a value that JSON cannot represent: an object to its fields by name, anything else to a string."""
    if not dataclasses.is_dataclass(value):
        return repr(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


_AS_TEXT = json.JSONEncoder(sort_keys=True, default=_values)


def _unnamed(argument: model.AnyArgument) -> object:
    if not isinstance(argument, dict) or not set(governed.IDENTITIES) <= argument.keys():
        return argument
    return {name: value for name, value in argument.items() if name not in _NAMES}
