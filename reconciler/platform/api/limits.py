"""How large and how slow a request may be, and how often one caller may call. The only home of `limits`."""

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

TO_BEGIN = 10.0  # seconds that a body may take, besides those that its bytes may
_PACE = 50 * 1024  # bytes a second that a client has to send


class BodyLimit:
    """Answers a request whose body is larger than allowed with 413, and one that is too slow with 408.

    The size is counted as it is read, also where it is not announced.
    """

    def __init__(self, app: types.ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        """Pass the request on, counting what is read of it."""
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
            if is_complete:  # what comes now is that the client goes away, whenever that is
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
        """Return the announced size of the body; 0 without a valid one."""
        length = dict(scope["headers"]).get(b"content-length", b"")
        return int(length) if length.isdigit() else 0

    def _problem(self) -> problems.Problem:
        return problems.Problem(413, "", f"the body is larger than {self._most} bytes", hint="send less")


class Rate:
    """How often each caller may call; counted in this process."""

    def __init__(self, rate: limits.RateLimitItem) -> None:
        self._rate = rate
        self._strategy = strategies.MovingWindowRateLimiter(storage.MemoryStorage())

    async def count(self, caller: str) -> None:
        """Count one call; 429 when that is one too many, with when the next may come."""
        if await self._strategy.hit(self._rate, caller):
            return
        window = await self._strategy.get_window_stats(self._rate, caller)
        wait = max(1, math.ceil(window.reset_time - time.time()))
        raise problems.Problem(
            429,
            "",
            f"more than {self._rate.amount} calls in {self._rate.get_expiry()} s",
            hint="wait for the seconds in Retry-After",
            headers={"Retry-After": str(wait)},
        )


class Known:
    """The subjects of the tokens that were valid when they were last used, by the tokens' digests.

    Whoever sends one of these is limited as a subject; everyone else as an address, before the token is looked up.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._subjects: collections.OrderedDict[bytes, str] = collections.OrderedDict()

    def subject(self, token_sha256: bytes) -> str | None:
        """Return whose token it was when it was last used; None for one that was not valid, or not used for long."""
        return self._subjects.get(token_sha256)

    def learn(self, token_sha256: bytes, subject: str) -> None:
        """Remember a valid token, and forget the one that has not been used for the longest time if there are many."""
        self._subjects[token_sha256] = subject
        self._subjects.move_to_end(token_sha256)
        if len(self._subjects) > self._most:
            self._subjects.popitem(last=False)

    def forget(self, token_sha256: bytes) -> None:
        """Forget a token that is not valid, or no longer."""
        self._subjects.pop(token_sha256, None)


def network(host: str) -> str:
    """Return what is treated as one client.

    An address of IPv4, or the 64 bits that one client of IPv6 has to itself.
    """
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
    """Return the limit that a text names, as in `600/minute`; `errors.UsageError` for another text."""
    try:
        found = limits.parse(text)
    except ValueError:
        found = None
    if found is None or found.amount < 1 or found.get_expiry() < 1:
        raise errors.UsageError(
            f"--rate-limit {text!r} is not a valid rate", hint="write calls and time, as in 600/minute"
        )
    return Rate(found)
