"""Who polls a task queue, as frozen data, and the identity by which our workers report what they run."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable

# A poll lasts a minute and is seen when it begins, so a worker that lives may have been seen longer ago than that.
ALIVE = datetime.timedelta(seconds=90)
_TOLD = re.compile(r"\[([^\[\]]*)\]$")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """A worker that asked a queue for workflow tasks; `build_id` is empty where it reported none.

    `is_served` is false for one of a version that the server gives no new runs.
    """

    identity: str
    build_id: str
    last_seen: datetime.datetime
    is_served: bool = True

    @property
    def workflow_types(self) -> frozenset[str] | None:
        """Return which workflow types it registers, as its identity reports; None where it does not."""
        found = _TOLD.search(self.identity)
        return frozenset(filter(None, found[1].split(","))) if found else None

    def is_alive(self, now: datetime.datetime) -> bool:
        """Return whether it was seen so recently that it may still be there; the server remembers it for minutes."""
        return now - self.last_seen <= ALIVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A task queue and its pollers, those that are gone too."""

    name: str
    pollers: tuple[Poller, ...] = ()

    def may_run(self, workflow: str) -> bool:
        """Return whether a poller registers the workflow type, or does not report which ones it registers."""
        known = (poller.workflow_types for poller in self.pollers)
        return any(types is None or workflow in types for types in known)

    def alive(self, now: datetime.datetime) -> tuple[Poller, ...]:
        """Return the pollers that may still be there."""
        return tuple(poller for poller in self.pollers if poller.is_alive(now))


def identity(who: str, workflow_types: Iterable[str]) -> str:
    """Return the identity of a worker that registers these workflow types: `who[Type,Other]`."""
    return f"{who}[{','.join(sorted(workflow_types))}]"
