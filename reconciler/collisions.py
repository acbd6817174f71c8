"""Charters that get in each other's way: one workflow id for two, or the same work twice at the same times."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from reconciler import model, wording
from reconciler.timing import times

_SECOND = datetime.timedelta(seconds=1)
_STEPS = 1_000  # times of two charters that are compared before they count as apart
_PEERS = 10  # charters with one workflow id that each further one is compared with
_ALIKE = 20  # next times that must be equal for two charters to fire at the same times
_NAMES = (*wording.IDENTITIES, "charter")


def shared_ids(
    charters: Iterable[model.Charter], now: datetime.datetime
) -> Iterator[tuple[model.Charter, model.Charter, datetime.datetime]]:
    """Yield each charter whose runs collide with those of an earlier one, that one, and the first time of both.

    The server adds the time at which a run is due, to the second and before jitter, to the workflow id, also where
    `keep_original_workflow_id` is set. So an id collides only at a time at which both are due: then one of the two runs
    is not started while the other is running, and no count reports it.
    """
    peers: Mapping[str, list[model.Charter]] = defaultdict(list)
    for charter in filter(_fires, charters):
        same = peers[charter.schedule.action.workflow_id]
        for earlier in same[:_PEERS]:
            common = first_common(earlier.schedule.timing, charter.schedule.timing, now)
            if common is not None:
                yield charter, earlier, common
                break
        same.append(charter)


def same_work(
    charters: Iterable[model.Charter], now: datetime.datetime
) -> Iterator[tuple[model.Charter, model.Charter]]:
    """Yield each charter that starts the same work at the same times as an earlier one, and that one.

    Work is the same if nothing but names differs: the workflow id, the schedule's ids and the charter's name.
    """
    seen: dict[str, model.Charter] = {}
    for charter in filter(_fires, charters):
        upcoming = [each.isoformat() for each in itertools.islice(times.upcoming(charter.schedule.timing, now), _ALIKE)]
        key = json.dumps([_work(charter.schedule.action), upcoming], sort_keys=True, default=repr)
        first = seen.setdefault(key, charter)
        if upcoming and first is not charter:
            yield charter, first


def first_common(left: model.Timing, right: model.Timing, now: datetime.datetime) -> datetime.datetime | None:
    """Return the first time at which both are due; None without one among the next thousand times."""
    after = now
    for _ in range(_STEPS):
        first = next(times.upcoming(left, after), None)
        second = next(times.upcoming(right, after), None)
        if first is None or second is None:
            return None
        if first == second:
            return first
        after = max(first, second) - _SECOND
    return None


def _fires(charter: model.Charter) -> bool:
    return not charter.schedule.paused and charter.schedule.remaining_actions != 0


def _work(action: model.Action) -> dict[str, object]:
    fields = dataclasses.asdict(dataclasses.replace(action, workflow_id=""))
    return {**fields, "arguments": [_unnamed(each) for each in action.arguments]}


def _unnamed(argument: model.Argument) -> object:
    if not isinstance(argument, dict) or not set(wording.IDENTITIES) <= argument.keys():
        return argument
    return {name: value for name, value in argument.items() if name not in _NAMES}
