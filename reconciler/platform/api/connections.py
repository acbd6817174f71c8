"""How long a client may take over a connection: to send a request that it has started, and to read its response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h11
from uvicorn.protocols.http import h11_impl

TO_SEND = 10.0  # seconds for the head of a request, or for the rest of one that is answered already
TO_READ = 30.0  # seconds for a part of a response, once what is sent is not read


class _Timer:
    """One call to come, unless it is stopped before."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        """Let the time run, if it does not run already."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(seconds, call)

    def stop(self) -> None:
        """Forget the call."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Connection(h11_impl.H11Protocol):
    """A connection of uvicorn, whose own limit is for one that is idle between two requests.

    How long a body may take before it is answered is up to `limits.BodyLimit`.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        self._to_send, self._to_read = _Timer(), _Timer()
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._to_read.start(TO_READ, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._to_read.stop()

    def connection_lost(self, exc: Exception | None) -> None:
        self._to_send.stop()
        self._to_read.stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Let the time run while the client owes something; however little it sends meanwhile, it is not extended."""
        state = self.conn.their_state
        owes = state is h11.IDLE or (state is h11.SEND_BODY and self.cycle.response_complete)
        if owes and not self.transport.is_closing():
            self._to_send.start(TO_SEND, self.transport.abort)
        else:
            self._to_send.stop()
