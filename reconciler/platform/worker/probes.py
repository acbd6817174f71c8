"""Probes of what a worker needs, each answered in time even when what it asks never answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import temporalio.service

from reconciler import errors


class Probe:
    """One question to a server, asked once at a time: a frozen server holds a cancelled one for long as well."""

    def __init__(self, ask: Callable[[], Awaitable[None]], patience: float) -> None:
        self._ask = ask
        self._patience = patience
        self._open: asyncio.Task[str] | None = None

    async def answer(self) -> str:
        """Return what is wrong, without details of the server; empty where nothing is."""
        if self._open is None or self._open.done():  # the result of an earlier question may be out of date
            self._open = asyncio.create_task(_wrong(self._ask()))
        asked = self._open
        await asyncio.wait({asked}, timeout=self._patience)
        if not asked.done():
            return "no answer in time"
        if self._open is asked:
            self._open = None
        return asked.result()

    def close(self) -> None:
        """Give up an open question."""
        if self._open is not None:
            self._open.cancel()


async def _wrong(question: Awaitable[None]) -> str:
    try:
        await question
    except errors.ReconcilerError:
        return "no answer"
    except temporalio.service.RPCError as error:
        return f"the server answers {error.status.name}"
    return ""
