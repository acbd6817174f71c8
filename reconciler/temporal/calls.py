"""Calls to the server, with timeouts, at a pace that the server can sustain, and with errors translated into ours.

A slow server is not treated as unreachable. While it responds to any call at all, a call waits up to its `patience`; a
server that responds to nothing for `SILENCE` seconds is treated as unreachable. A rate-limited call is sent again for
as long as the server serves any call within the `patience`, so that none is lost while others make progress.
"""

from __future__ import annotations

import asyncio
import datetime
import functools
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import google.protobuf.duration_pb2
import google.protobuf.message
import google.protobuf.wrappers_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

from reconciler import errors
from reconciler.temporal import pacing

_LOG = logging.getLogger(__name__)

PATIENCE = datetime.timedelta(seconds=60)  # for one call, while the server responds to others
SILENCE = 8.0  # seconds without any response, after which the server is treated as unreachable
# A Describe is a query to the schedule's own workflow. About one in 400 is lost (seen on 1.29.1), and the server waits
# 5 s before it repeats the query, but responds to a second Describe at once, so a second one is sent early.
READ_TIMEOUTS = tuple(datetime.timedelta(seconds=count) for count in (1, 2, 5))  # per attempt; the last one is reused
LIST_TIMEOUTS = (datetime.timedelta(seconds=20),)  # listings are not lost: repeating one early would only add load
_PROBE_EVERY = 1.0  # seconds
_UNSUPERVISED = 1.1  # seconds after its first attempt for which a call needs no probes: a little more than one timeout
_PAUSES = (0.05, 0.2, 0.5, 1.0)  # seconds before retrying a read that could not be served; the last one is reused
_PASSES_WITHIN = 10.0  # seconds for which a transient failure is retried, with the same pauses as in the SDK
_FIRST_PAUSE, _LONGEST_PAUSE, _PAUSE_GROWTH, _PAUSE_JITTER = 0.1, 5.0, 1.5, 0.2

# The SDK reports its own timeout as CANCELLED; FAILED_PRECONDITION means that the schedule's workflow has no worker.
_AGAIN = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.FAILED_PRECONDITION}
_UNANSWERED = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.UNAVAILABLE}
_PASSING = {
    *(RPCStatusCode.UNAVAILABLE, RPCStatusCode.INTERNAL, RPCStatusCode.UNKNOWN, RPCStatusCode.ABORTED),
    *(RPCStatusCode.DATA_LOSS, RPCStatusCode.OUT_OF_RANGE),
}
_EARLY = 0.9  # fraction of a call's timeout; a call that ends before that did not time out
_BROKEN = "transport error"  # how the SDK reports a broken connection; the status is UNKNOWN
_TOO_LARGE = "larger than max"
_NAMESPACE_NOT_FOUND = "temporal.api.errordetails.v1.NamespaceNotFoundFailure"
_RETRY_INFO = "google.rpc.RetryInfo"

Request_contra = TypeVar("Request_contra", bound=google.protobuf.message.Message, contravariant=True)
Response_co = TypeVar("Response_co", covariant=True)
Request = TypeVar("Request", bound=google.protobuf.message.Message)
Response = TypeVar("Response")
Permit = Callable[[], Awaitable[None]]


class Rpc(Protocol[Request_contra, Response_co]):
    """A method of the SDK's raw workflow service."""

    def __call__(
        self, req: Request_contra, /, *, retry: bool, timeout: datetime.timedelta | None
    ) -> Awaitable[Response_co]:
        """Send one request."""
        ...


class _SilentError(RPCError):
    """The server does not respond at all, so another attempt is pointless."""


class NotFoundError(errors.ServerError):
    """The server has nothing with this id."""


class Calls:
    """Sends requests to one namespace; each may take up to `patience` while the server responds to others."""

    def __init__(
        self,
        service: WorkflowService,
        *,
        address: str,
        namespace: str,
        patience: datetime.timedelta = PATIENCE,
        rate: pacing.Rate | None = None,
    ) -> None:
        self.address = address
        self.namespace = namespace
        self._service = service
        self._patience = patience.total_seconds()
        self._pace = pacing.Pace(rate)
        self._served = time.monotonic()
        self._answered = time.monotonic()
        self._probe: asyncio.Task[None] | None = None
        self._silence: _SilentError | None = None  # how the last probe ended
        self._warned = False

    async def read(
        self,
        rpc: Rpc[Request, Response],
        request: Request,
        timeouts: tuple[datetime.timedelta, ...] | None = None,
        *,
        patience: datetime.timedelta | None = None,
    ) -> Response:
        """Send a request that changes nothing, and send it again whenever there is no response within its timeout.

        A shorter `patience` can be set for the request; time spent queued or waiting for the rate limit does not count.
        Raises NotFoundError, or an error from `errors` that names the server and suggests what to do.
        """
        seconds = self._patience if patience is None else min(patience.total_seconds(), self._patience)
        send = functools.partial(self._repeated, rpc, request, timeouts or READ_TIMEOUTS, seconds)
        try:
            return await self._in_turn(send, seconds)
        except RPCError as error:
            translated = self._translated(error)
            if isinstance(translated, errors.ConflictError):  # a read cannot conflict, so the server did not process it
                hint = "check that the server is healthy, then try again"
                raise errors.UnreachableError(
                    f"Temporal at {self.address} could not serve the request ({translated.message})", hint=hint
                ) from error
            raise translated from error

    async def write(self, rpc: Rpc[Request, Response], request: Request, permit: Permit | None = None) -> Response:
        """Send a request that changes something; its request id keeps a retry from making the change twice.

        `permit` is awaited when the request's turn comes, right before it is sent, and before each retry; an exception
        from it ends the call. Raises as `read` does; after an UnreachableError, the change may or may not be in effect.
        """
        send = functools.partial(self._once, rpc, request, self._patience, permit=permit)
        try:
            return await self._in_turn(send, self._patience)
        except RPCError as error:
            raise self._translated(error) from error

    async def _in_turn(self, send: Callable[[], Awaitable[Response]], patience: float) -> Response:
        """Wait for a turn and send; line up again whenever the server rate-limits the call.

        Time in line does not use up the patience, but the call fails once the server has served nothing for that long.
        """
        since: float | None = None
        while True:
            async with self._pace.turn() as started:
                since = started if since is None else since
                try:
                    return await send()
                except RPCError as error:
                    if not _is_limited(error):
                        raise
                    retry_after = _retry_after(error)
                    self._pace.on_refusal(started, retry_after)
                    if time.monotonic() + (retry_after or 0) - max(self._served, since) > patience:
                        raise

    async def _repeated(
        self, rpc: Rpc[Request, Response], request: Request, timeouts: tuple[datetime.timedelta, ...], patience: float
    ) -> Response:
        """Send with each timeout in turn, then with the last one until `patience` seconds have passed."""
        since = time.monotonic()
        end = since + patience
        attempt = 0
        refusal: RPCError | None = None  # more informative than a timeout
        while True:
            sent = time.monotonic()
            timeout = min(timeouts[min(attempt, len(timeouts) - 1)].total_seconds(), max(end - sent, 0.001))
            try:
                return await self._once(rpc, request, timeout, since=since)
            except RPCError as error:
                remaining = end - time.monotonic()
                if error.status not in _AGAIN or isinstance(error, _SilentError):
                    raise
                if error.status is RPCStatusCode.FAILED_PRECONDITION:
                    refusal = error
                if remaining <= 0:
                    raise refusal or error from None
                if _is_early(sent, timeout):
                    await asyncio.sleep(min(_PAUSES[min(attempt, len(_PAUSES) - 1)], remaining))
                attempt += 1
                end += await self._pace.repeat()

    async def _once(
        self,
        rpc: Rpc[Request, Response],
        request: Request,
        seconds: float,
        *,
        since: float | None = None,
        permit: Permit | None = None,
    ) -> Response:
        """Send a request with a timeout of `seconds`, and retry it for a while if the failure may be transient.

        It may be one of several attempts, the first of which began at `since`. The SDK's own retries are
        disabled: they would also repeat rate-limited calls, and hide that the server limits them.
        """
        if permit:
            await permit()
        started = time.monotonic()
        since = started if since is None else since
        pause = _FIRST_PAUSE
        while True:
            sent = time.monotonic()
            answer = rpc(request, retry=False, timeout=datetime.timedelta(seconds=seconds))
            is_short = sent + seconds <= since + _UNSUPERVISED
            try:
                response = await (answer if is_short else self._supervised(asyncio.ensure_future(answer), since))
            except RPCError as failure:
                error = _of_connection(failure, is_early=_is_early(sent, seconds))
                self._note(request, sent, error)
                is_passing = error.status in _PASSING and not isinstance(error, _SilentError)
                if not is_passing or time.monotonic() + pause > started + _PASSES_WITHIN:
                    raise error from None
            else:
                self._note(request, sent)
                return response
            await asyncio.sleep(pause * random.uniform(1 - _PAUSE_JITTER, 1 + _PAUSE_JITTER))  # noqa: S311  # no secret
            await self._pace.repeat()
            if permit:
                await permit()
            pause = min(pause * _PAUSE_GROWTH, _LONGEST_PAUSE)

    def _note(self, request: google.protobuf.message.Message, started: float, error: RPCError | None = None) -> None:
        _log(request, error.status.name if error else "OK", started)
        if error is None or error.status not in _UNANSWERED:
            self._answered = time.monotonic()
        if error is None or not (error.status in _UNANSWERED | _PASSING or _is_limited(error)):
            self._served = time.monotonic()
            self._pace.on_success(started)

    async def _supervised(self, call: asyncio.Future[Response], since: float) -> Response:
        """Wait for a call while the server responds to others, or to the probes that are sent in the meantime."""
        try:
            while not (await asyncio.wait({call}, timeout=_PROBE_EVERY))[0]:
                silent = time.monotonic() - max(self._answered, since)
                if silent >= SILENCE:
                    raise self._silence or _SilentError("no response", RPCStatusCode.DEADLINE_EXCEEDED, b"")
                self._send_probe()
                if time.monotonic() - since >= SILENCE > 2 * silent:
                    self._warn()
            return await call
        finally:
            call.cancel()

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            _LOG.warning("Temporal at %s is responding slowly; waiting for up to %.0f s", self.address, self._patience)

    def _send_probe(self) -> None:
        """Send a probe that costs the server nothing, unless one is pending."""
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._probed())

    async def _probed(self) -> None:
        try:
            await self._service.get_system_info(
                rpc_pb2.GetSystemInfoRequest(), retry=False, timeout=datetime.timedelta(seconds=SILENCE)
            )
        except RPCError as failure:
            error = _of_connection(failure, is_early=False)
            if error.status in _UNANSWERED:
                self._silence = _SilentError(error.message, error.status, error.raw_grpc_status)
                return
        self._silence = None
        self._answered = time.monotonic()

    async def wait(self, rpc: Rpc[Request, Response], request: Request, patience: datetime.timedelta) -> Response:
        """Send a long poll once, bypassing the queue and the rate limit. Raises as `read` does."""
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
                    f"Temporal at {self.address} is not responding ({detail})",
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
                    hint="specify an existing one with --namespace or TEMPORAL_NAMESPACE",
                )
            case RPCStatusCode.NOT_FOUND:
                return NotFoundError(f"Temporal at {self.address} returned NOT_FOUND: {detail}")
            case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
                return refused(self.address, self.namespace, detail)
            case RPCStatusCode.ALREADY_EXISTS | RPCStatusCode.FAILED_PRECONDITION | RPCStatusCode.ABORTED:
                return errors.ConflictError(detail)
            case RPCStatusCode.RESOURCE_EXHAUSTED if _TOO_LARGE in detail:
                return errors.ServerError(
                    f"the request is larger than Temporal at {self.address} accepts ({detail})",
                    hint="reduce the size of the input and memo",
                )
            case RPCStatusCode.RESOURCE_EXHAUSTED:
                return errors.RateLimitedError(
                    f"Temporal at {self.address} is still rate-limiting requests ({detail})",
                    hint="wait, or pass a lower --rate, then try again",
                )
            case status:
                return errors.ServerError(f"Temporal at {self.address} returned {status.name}: {detail}")


def _is_early(sent: float, seconds: float) -> bool:
    """Return whether a call that has just ended did so well before its timeout."""
    return time.monotonic() < sent + _EARLY * seconds


def _of_connection(error: RPCError, *, is_early: bool) -> RPCError:
    """Return the error, or UNAVAILABLE in place of an error that only means that the connection broke.

    The SDK reports a broken connection as an unknown error or, before the call's timeout (`is_early`), as canceled.
    """
    is_cancelled = error.status is RPCStatusCode.CANCELLED and is_early and not isinstance(error, _SilentError)
    if is_cancelled or (error.status is RPCStatusCode.UNKNOWN and error.message == _BROKEN):
        return RPCError("the connection was lost", RPCStatusCode.UNAVAILABLE, error.raw_grpc_status)
    return error


def _log(request: google.protobuf.message.Message, status: str, started: float) -> None:
    """Log a call and its status, but never its payload, which may be secret."""
    id_ = getattr(request, "schedule_id", "") or getattr(request, "workflow_id", "")
    fields = {"schedule": id_, "status": status, "ms": round((time.monotonic() - started) * 1000, 1)}
    _LOG.debug(type(request).__name__.removesuffix("Request"), extra={"fields": fields})


def refused(address: str, namespace: str, detail: str) -> errors.ServerError:
    """Return the error for credentials that the server rejected."""
    return errors.ServerError(
        f"Temporal at {address} rejected the credentials for namespace {namespace!r} ({detail})",
        hint="check --api-key or TEMPORAL_API_KEY, the TLS certificate, and their permissions",
    )


def _is_missing_namespace(error: RPCError) -> bool:
    return any(detail.type_url.endswith(_NAMESPACE_NOT_FOUND) for detail in error.grpc_status.details)


def _is_limited(error: RPCError) -> bool:
    return error.status is RPCStatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE not in error.message


def _retry_after(error: RPCError) -> float | None:
    """Return how many seconds the server asked us to wait before a retry; None if it did not.

    The SDK does not include `google.rpc.RetryInfo`. That message's only field is a duration with field number 1, so it
    is read as a message with bytes in that field.
    """
    for detail in error.grpc_status.details:
        if detail.type_url.endswith(_RETRY_INFO):
            try:
                delay = google.protobuf.wrappers_pb2.BytesValue.FromString(detail.value).value
                return max(google.protobuf.duration_pb2.Duration.FromString(delay).ToTimedelta().total_seconds(), 0)
            except google.protobuf.message.DecodeError:
                return None
    return None
