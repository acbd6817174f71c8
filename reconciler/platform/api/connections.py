"""Time limits for a client on a connection: to finish sending a request, and to read its response."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import h11
from uvicorn.protocols.http import h11_impl

TO_SEND = 10.0  # seconds for a request's head, or for the rest of a request whose response was already sent
TO_READ = 30.0  # seconds for which a client may stop reading a response


class _Timer:
    """A timer for one call, which can be canceled."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        """Start the timer unless it is already running."""
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(seconds, call)

    def stop(self) -> None:
        """Cancel the call."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Connection(h11_impl.H11Protocol):
    """A uvicorn connection with time limits; uvicorn's own limit applies only between two requests.

    `limits.BodyLimit` limits how long a body may take before the response.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
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
        """Run the timer while the client has something left to send; partial data does not extend it."""
        state = self.conn.their_state
        owes = state is h11.IDLE or (state is h11.SEND_BODY and self.cycle.response_complete)
        if owes and not self.transport.is_closing():
            self._to_send.start(TO_SEND, self.transport.abort)
        else:
            self._to_send.stop()
