"""Probes of a worker's dependencies; each returns in time even if its dependency never responds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import temporalio.service

from reconciler import errors


class Probe:
    """A probe of one server, at most one at a time: even a canceled probe of a frozen server can take a long time."""

    def __init__(self, ask: Callable[[], Awaitable[None]], patience: float) -> None:
        self._ask = ask
        self._patience = patience
        self._open: asyncio.Task[str] | None = None

    async def answer(self) -> str:
        """Return what is wrong, without details about the server; empty if nothing is wrong."""
        if self._open is None or self._open.done():  # the result of an earlier probe may be out of date
            self._open = asyncio.create_task(_wrong(self._ask()))
        asked = self._open
        await asyncio.wait({asked}, timeout=self._patience)
        if not asked.done():
            return "did not respond in time"
        if self._open is asked:
            self._open = None
        return asked.result()

    def close(self) -> None:
        """Cancel a probe in progress."""
        if self._open is not None:
            self._open.cancel()


async def _wrong(question: Awaitable[None]) -> str:
    try:
        await question
    except errors.ReconcilerError:
        return "no response"
    except temporalio.service.RPCError as error:
        return f"the server returned {error.status.name}"
    return ""
