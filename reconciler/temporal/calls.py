"""Calls to the server: a timeout on each, bounded concurrency, errors translated into ours.

A slow server is not treated as unreachable. While it answers any call at all, a call waits up to its `patience`; a
server that answers nothing for `SILENCE` seconds is treated as unreachable.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import google.protobuf.message
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

from reconciler import errors

_LOG = logging.getLogger(__name__)

CONCURRENCY = 20
PATIENCE = datetime.timedelta(seconds=60)  # for one call, while the server answers others
SILENCE = 8.0  # seconds without any answer, after which the server is treated as unreachable
# A Describe is a query to the schedule's own workflow. About one in 400 is lost (seen on 1.29.1), and the server waits
# 5 s before it repeats the query, while a second Describe is answered at once: so send a second one early.
READ_TIMEOUTS = tuple(datetime.timedelta(seconds=count) for count in (1, 2, 5))  # per attempt; the last one repeats
LIST_TIMEOUTS = (datetime.timedelta(seconds=20),)  # listings are not lost: repeating one early would only add load
_PROBE_EVERY = 1.0  # seconds
_PAUSES = (0.05, 0.2, 0.5, 1.0)  # seconds before a read that could not be served is repeated; the last one repeats
_BUSY_ATTEMPTS = 5  # rounds of the SDK's own 10 s of retries while the server limits the rate

# The SDK reports its own timeout as CANCELLED; FAILED_PRECONDITION means that the schedule's workflow has no worker.
_AGAIN = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.FAILED_PRECONDITION}
_UNANSWERED = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.UNAVAILABLE}
_TOO_LARGE = "larger than max"
_NAMESPACE_NOT_FOUND = "temporal.api.errordetails.v1.NamespaceNotFoundFailure"

Request_contra = TypeVar("Request_contra", bound=google.protobuf.message.Message, contravariant=True)
Response_co = TypeVar("Response_co", covariant=True)
Request = TypeVar("Request", bound=google.protobuf.message.Message)
Response = TypeVar("Response")


class Rpc(Protocol[Request_contra, Response_co]):
    """A method of the SDK's raw workflow service."""

    def __call__(
        self, req: Request_contra, /, *, retry: bool, timeout: datetime.timedelta | None
    ) -> Awaitable[Response_co]:
        """Send one request."""
        ...


class _SilentError(RPCError):
    """The server answers nothing at all, so another attempt is pointless."""


class NotFoundError(errors.ServerError):
    """The server has nothing under this id."""


class Calls:
    """Sends requests to one namespace; each may take up to `patience` while the server answers others."""

    def __init__(
        self,
        service: WorkflowService,
        *,
        address: str,
        namespace: str,
        patience: datetime.timedelta = PATIENCE,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self.address = address
        self.namespace = namespace
        self._service = service
        self._patience = patience.total_seconds()
        self._slots = asyncio.Semaphore(concurrency)
        self._answered = time.monotonic()
        self._probe: asyncio.Task[None] | None = None
        self._silence: _SilentError | None = None  # how the last probe ended
        self._warned = False

    async def read(
        self,
        rpc: Rpc[Request, Response],
        request: Request,
        timeouts: tuple[datetime.timedelta, ...] | None = None,
    ) -> Response:
        """Send a request that changes nothing, again whenever it is not answered within its timeout.

        Raises NotFoundError, or an error of `errors` that names the server and what to do.
        """
        async with self._slots:
            try:
                return await self._repeated(rpc, request, timeouts or READ_TIMEOUTS)
            except RPCError as error:
                translated = self._translated(error)
                if isinstance(translated, errors.ConflictError):  # a read cannot conflict: it was not served
                    hint = "check that the server is healthy, then try again"
                    raise errors.UnreachableError(
                        f"Temporal at {self.address} could not answer ({translated.message})", hint=hint
                    ) from error
                raise translated from error

    async def write(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        """Send a request that changes something; its request id keeps a repetition from doing it twice.

        Raises as `read` does; after an UnreachableError it may or may not have been done.
        """
        async with self._slots:
            try:
                return await self._busy_repeated(rpc, request, self._patience, since=time.monotonic())
            except RPCError as error:
                raise self._translated(error) from error

    async def _repeated(
        self, rpc: Rpc[Request, Response], request: Request, timeouts: tuple[datetime.timedelta, ...]
    ) -> Response:
        """Send with each timeout in turn, then with the last one until the patience is used up."""
        since = time.monotonic()
        end = since + self._patience
        attempt = 0
        refusal: RPCError | None = None  # more informative than a timeout
        while True:
            timeout = min(timeouts[min(attempt, len(timeouts) - 1)].total_seconds(), max(end - time.monotonic(), 0.001))
            try:
                return await self._busy_repeated(rpc, request, timeout, since=since)
            except RPCError as error:
                remaining = end - time.monotonic()
                if error.status not in _AGAIN or isinstance(error, _SilentError):
                    raise
                if error.status is RPCStatusCode.FAILED_PRECONDITION:
                    refusal = error
                if remaining <= 0:
                    raise refusal or error from None
                if error is refusal:
                    await asyncio.sleep(min(_PAUSES[min(attempt, len(_PAUSES) - 1)], remaining))
                attempt += 1

    async def _busy_repeated(
        self, rpc: Rpc[Request, Response], request: Request, seconds: float, *, since: float
    ) -> Response:
        """Send a request, and repeat it while the server answers that its rate limit is exceeded."""
        for attempt in range(_BUSY_ATTEMPTS + 1):
            started = time.monotonic()
            call = rpc(request, retry=True, timeout=datetime.timedelta(seconds=seconds))
            try:
                answer = await (call if started + seconds <= since + _PROBE_EVERY else self._supervised(call, since))
            except RPCError as error:
                _log(request, error.status.name, started)
                if error.status not in _UNANSWERED:
                    self._answered = time.monotonic()
                limited = error.status is RPCStatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE not in error.message
                if not limited or attempt == _BUSY_ATTEMPTS:
                    raise
            else:
                _log(request, "OK", started)
                self._answered = time.monotonic()
                return answer
        raise AssertionError("the last attempt returns or raises")

    async def _supervised(self, answer: Awaitable[Response], since: float) -> Response:
        """Wait for an answer while the server answers other calls or the probes that are sent meanwhile."""
        call = asyncio.ensure_future(answer)
        try:
            while not (await asyncio.wait({call}, timeout=_PROBE_EVERY))[0]:
                silent = time.monotonic() - max(self._answered, since)
                if silent >= SILENCE:
                    raise self._silence or _SilentError("no answer", RPCStatusCode.DEADLINE_EXCEEDED, b"")
                self._send_probe()
                if time.monotonic() - since >= SILENCE > 2 * silent:
                    self._warn()
            return await call
        finally:
            call.cancel()

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _LOG.warning("Temporal at %s answers slowly; waiting for up to %.0f s", self.address, self._patience)

    def _send_probe(self) -> None:
        """Send a probe that costs the server nothing, unless one is pending."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._probed())

    async def _probed(self) -> None:
        try:
            await self._service.get_system_info(
                rpc_pb2.GetSystemInfoRequest(), retry=False, timeout=datetime.timedelta(seconds=SILENCE)
            )
        except RPCError as error:
            if error.status in _UNANSWERED:
                self._silence = _SilentError(error.message, error.status, error.raw_grpc_status)
                return
        self._silence = None
        self._answered = time.monotonic()

    async def wait(self, rpc: Rpc[Request, Response], request: Request, patience: datetime.timedelta) -> Response:
        """Send a long poll once; it does not use one of the concurrency slots.

        Raises as `read` does.
        """
        try:
            return await rpc(request, retry=False, timeout=patience)
        except RPCError as error:
            raise self._translated(error) from error

    def _translated(self, error: RPCError) -> errors.ServerError:
        """Return the error for a gRPC status."""
        detail = f"{error.message.strip().rstrip('.')}"
        match error.status:
            case RPCStatusCode.UNAVAILABLE:
                return errors.UnreachableError(
                    f"Temporal at {self.address} does not answer ({detail})",
                    hint="check that it is running, then try again",
                )
            case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
                return errors.UnreachableError(
                    f"Temporal at {self.address} did not respond in time ({detail})",
                    hint="check that it is healthy, then try again",
                )
            case RPCStatusCode.NOT_FOUND if _is_missing_namespace(error):
                return errors.ServerError(
                    f"namespace {self.namespace!r} does not exist on {self.address}",
                    hint="name an existing one with --namespace or TEMPORAL_NAMESPACE",
                )
            case RPCStatusCode.NOT_FOUND:
                return NotFoundError(f"Temporal at {self.address} answered NOT_FOUND: {detail}")
            case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
                return refused(self.address, self.namespace, detail)
            case RPCStatusCode.ALREADY_EXISTS | RPCStatusCode.FAILED_PRECONDITION | RPCStatusCode.ABORTED:
                return errors.ConflictError(detail)
            case RPCStatusCode.RESOURCE_EXHAUSTED if _TOO_LARGE in detail:
                return errors.ServerError(
                    f"the request is larger than Temporal at {self.address} accepts ({detail})",
                    hint="declare less input and memo",
                )
            case RPCStatusCode.RESOURCE_EXHAUSTED:
                return errors.RateLimitedError(
                    f"Temporal at {self.address} still limits the rate ({detail})", hint="wait, then try again"
                )
            case status:
                return errors.ServerError(f"Temporal at {self.address} answered {status.name}: {detail}")


def _log(request: google.protobuf.message.Message, status: str, started: float) -> None:
    """Log a call and its status, but never its payload, which may be secret."""
    id_ = getattr(request, "schedule_id", "") or getattr(request, "workflow_id", "")
    fields = {"schedule": id_, "status": status, "ms": round((time.monotonic() - started) * 1000, 1)}
    _LOG.debug(type(request).__name__.removesuffix("Request"), extra={"fields": fields})


def refused(address: str, namespace: str, detail: str) -> errors.ServerError:
    """Return the error for credentials that the server refused."""
    return errors.ServerError(
        f"Temporal at {address} refused the credentials for namespace {namespace!r} ({detail})",
        hint="check --api-key or TEMPORAL_API_KEY, the TLS certificate, and what they may do",
    )


def _is_missing_namespace(error: RPCError) -> bool:
    return any(detail.type_url.endswith(_NAMESPACE_NOT_FOUND) for detail in error.grpc_status.details)
