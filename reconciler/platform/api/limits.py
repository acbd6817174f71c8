"""How large and how slow a request may be, and how often one caller may call. Only this module imports `limits`."""

from __future__ import annotations

import asyncio
import collections
import ipaddress
import math
import time

import fastapi
import limits
from limits.aio import storage, strategies
from starlette import types

from reconciler import errors
from reconciler.platform.api import problems

TO_BEGIN = 10.0  # seconds that a body may take in addition to the time allowed for its bytes
_PACE = 50 * 1024  # bytes per second that a client must send


class BodyLimit:
    """Responds with 413 to a body that is too large, and with 408 to one that arrives too slowly.

    The size is counted while the body is read, whether or not Content-Length announces it.
    """

    def __init__(self, app: types.ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        """Pass the request on, counting the bytes that are read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._announced(scope) > self._most:
            await problems.response(self._problem())(scope, receive, send)
            return
        read, is_complete = 0, False
        started = asyncio.get_running_loop().time()

        async def counted() -> types.Message:
            nonlocal read, is_complete
            if is_complete:  # the only message that can follow is the client's disconnect
                return await receive()
            try:
                async with asyncio.timeout_at(started + TO_BEGIN + read / _PACE):
                    message = await receive()
            except TimeoutError:
                headers = {"Connection": "close"}
                raise fastapi.HTTPException(408, "the body did not arrive in time", headers=headers) from None
            read += len(message.get("body", b""))
            is_complete = not message.get("more_body", False)
            if read > self._most:
                raise fastapi.HTTPException(413, self._problem().detail)
            return message

        await self._app(scope, counted, send)

    def _announced(self, scope: types.Scope) -> int:
        """Return the announced size of the body; 0 if it is missing or not valid."""
        length = dict(scope["headers"]).get(b"content-length", b"")
        return int(length) if length.isdigit() else 0

    def _problem(self) -> problems.Problem:
        return problems.Problem(413, "", f"the body is larger than {self._most} bytes", hint="send a smaller body")


class Rate:
    """Limits how often each caller may call; calls are counted in this process."""

    def __init__(self, rate: limits.RateLimitItem) -> None:
        self._rate = rate
        self._strategy = strategies.MovingWindowRateLimiter(storage.MemoryStorage())

    async def count(self, caller: str) -> None:
        """Count one call; raises a 429 with a Retry-After if it exceeds the limit."""
        if await self._strategy.hit(self._rate, caller):
            return
        window = await self._strategy.get_window_stats(self._rate, caller)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise problems.Problem(
            429,
            "",
            f"more than {self._rate.amount} calls in {self._rate.get_expiry()} s",
            hint="wait for the number of seconds in Retry-After",
            headers={"Retry-After": str(wait)},
        )


class Known:
    """The subjects of tokens that were valid when they were last used, by token digest.

    A caller that sends such a token is limited by subject, and any other caller by address before the token lookup.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._subjects: collections.OrderedDict[bytes, str] = collections.OrderedDict()

    def subject(self, token_sha256: bytes) -> str | None:
        """Return the token's subject; None if it was not valid when last used, or has not been used for a long time."""
        return self._subjects.get(token_sha256)

    def learn(self, token_sha256: bytes, subject: str) -> None:
        """Remember a valid token; if there are too many, forget the least recently used one."""
        self._subjects[token_sha256] = subject
        self._subjects.move_to_end(token_sha256)
        if len(self._subjects) > self._most:
            self._subjects.popitem(last=False)

    def forget(self, token_sha256: bytes) -> None:
        """Forget a token that is not valid or has expired."""
        self._subjects.pop(token_sha256, None)


def network(host: str) -> str:
    """Return the network that is treated as one client: an IPv4 address, or the /64 network of an IPv6 address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


def rate(text: str) -> Rate:
    """Parse a rate limit such as `600/minute`; raises `errors.UsageError` if it is not valid."""
    try:
        found = limits.parse(text)
    except ValueError:
        found = None
    if found is None or found.amount < 1 or found.get_expiry() < 1:
        raise errors.UsageError(
            f"--rate-limit {text!r} is not a valid rate", hint="use the form calls/time, such as 600/minute"
        )
    return Rate(found)
