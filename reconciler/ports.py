"""What the core asks of the outside world, as Protocols; `temporal` has the real ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from reconciler import model


class Schedules(Protocol):
    """The schedules of one namespace.

    Every method raises `errors.UnreachableError` when the server gives no answer and `errors.ServerError` when it
    answers with a failure.
    """

    async def ids(self) -> frozenset[str]:
        """Return the id of every schedule in the namespace; eventually consistent, may name deleted ones."""
        ...

    async def describe(self, schedule_id: str) -> model.Live | None:
        """Return what the server has under this id now (strongly consistent), None when there is nothing."""
        ...

    async def describe_all(self, schedule_ids: Iterable[str]) -> Mapping[str, model.Live]:
        """Describe many at once; ids that do not exist are left out."""
        ...

    async def create(self, schedule: model.Schedule) -> None:
        """Create a schedule, once however often the call is retried.

        Raises `errors.ConflictError` when the id is taken.
        """
        ...

    async def update(self, live: model.Live, after: model.Schedule) -> None:
        """Make the schedule equal to `after` in one write, under the conflict token of `live`.

        What the model does not know keeps its value. A stale token raises `errors.ConflictError` on servers that
        say so; others drop the write in silence, so the caller must read back.
        """
        ...
