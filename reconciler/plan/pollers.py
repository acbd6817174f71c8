"""The workers that poll a task queue, as frozen data, and the identity in which our workers report their workflows."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable

# A poll lasts a minute and is recorded when it starts, so a live worker may have been seen more than a minute ago.
ALIVE = datetime.timedelta(seconds=90)
_REPORTED = re.compile(r"\[([^\[\]]*)\]$")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Poller:
    """A worker that polled a queue for workflow tasks; `build_id` is empty if it reported none.

    `is_served` is false if the server starts no new runs on the worker's version.
    """

    identity: str
    build_id: str
    last_seen: datetime.datetime
    is_served: bool = True

    @property
    def workflow_types(self) -> frozenset[str] | None:
        """Return the workflow types that its identity reports; None if it reports none."""
        reported = _REPORTED.search(self.identity)
        return frozenset(filter(None, reported[1].split(","))) if reported else None

    def is_alive(self, now: datetime.datetime) -> bool:
        """Return whether it was seen recently enough to still be running; the server remembers workers for minutes."""
        return now - self.last_seen <= ALIVE


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """A task queue and its pollers, including those that have ended."""

    name: str
    pollers: tuple[Poller, ...] = ()

    def may_run(self, workflow: str) -> bool:
        """Return whether a poller registers the workflow type, or does not report which ones it registers."""
        known = (poller.workflow_types for poller in self.pollers)
        return any(types is None or workflow in types for types in known)

    def alive(self, now: datetime.datetime) -> tuple[Poller, ...]:
        """Return the pollers that may still be running."""
        return tuple(poller for poller in self.pollers if poller.is_alive(now))


def identity(who: str, workflow_types: Iterable[str]) -> str:
    """Return the identity of a worker that registers these workflow types: `who[Type,Other]`."""
    return f"{who}[{','.join(sorted(workflow_types))}]"
