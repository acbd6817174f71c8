"""One way to call the server: a timeout on every call, bounded concurrency, errors in our own words."""

from __future__ import annotations

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import google.protobuf.message
from temporalio.service import RPCError, RPCStatusCode

from reconciler import errors

_LOG = logging.getLogger(__name__)

CONCURRENCY = 20
WRITE_TIMEOUT = datetime.timedelta(seconds=10)  # for one attempt; the SDK repeats transient failures for up to 10 s
# A Describe is a query to the schedule's own workflow. Now and then one gets lost and the server waits 5 s before it
# asks again (seen on 1.29.1, about once in 400 calls), while a second Describe is answered at once. So: give up early.
READ_TIMEOUTS = tuple(datetime.timedelta(seconds=each) for each in (1, 2, 5))  # together below 10 s
_BUSY_ATTEMPTS = 5  # rounds of the SDK's own 10 s of retries, when the server says that we are too fast

# The SDK's own timeout comes as CANCELLED; FAILED_PRECONDITION comes while the schedule's workflow has no worker.
_AGAIN = {RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED, RPCStatusCode.FAILED_PRECONDITION}
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


class NotFoundError(errors.ServerError):
    """The server has nothing under this id."""


class Calls:
    """Sends requests to one namespace of one server."""

    def __init__(self, *, address: str, namespace: str, concurrency: int = CONCURRENCY) -> None:
        self.address = address
        self.namespace = namespace
        self._slots = asyncio.Semaphore(concurrency)

    async def read(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        """Send a request that changes nothing; one that hangs is sent again.

        Raises NotFoundError, or an error of `errors` that names the server and what to do.
        """
        async with self._slots:
            try:
                return await _send(rpc, request, READ_TIMEOUTS)
            except RPCError as error:
                found = self._translated(error)
                if isinstance(found, errors.ConflictError):  # a read has nothing to conflict with: it was not served
                    hint = "see that the server is well, then run again"
                    raise errors.UnreachableError(
                        f"Temporal at {self.address} could not answer ({found.message})", hint=hint
                    ) from error
                raise found from error

    async def write(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        """Send a request that changes something, and carries a request id so that repeating it does not do it twice.

        Raises as `read` does; an UnreachableError leaves open whether it was done.
        """
        async with self._slots:
            try:
                return await _send(rpc, request, (WRITE_TIMEOUT,))
            except RPCError as error:
                raise self._translated(error) from error

    async def wait(self, rpc: Rpc[Request, Response], request: Request, patience: datetime.timedelta) -> Response:
        """Send once a request that the server answers when something happens; it takes no other call's place.

        Raises as `read` does.
        """
        try:
            return await rpc(request, retry=False, timeout=patience)
        except RPCError as error:
            raise self._translated(error) from error

    def _translated(self, error: RPCError) -> errors.ServerError:
        """Say what the server's status means to the user."""
        said = f"{error.message.strip().rstrip('.')}"
        match error.status:
            case RPCStatusCode.UNAVAILABLE:
                return errors.UnreachableError(
                    f"Temporal at {self.address} does not answer ({said})",
                    hint="see that it runs, then run again",
                )
            case RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
                return errors.UnreachableError(
                    f"Temporal at {self.address} gave no answer in time ({said})",
                    hint="see that it is well, then run again",
                )
            case RPCStatusCode.NOT_FOUND if _is_missing_namespace(error):
                return errors.ServerError(
                    f"namespace {self.namespace!r} does not exist on {self.address}",
                    hint="name an existing one with --namespace or TEMPORAL_NAMESPACE",
                )
            case RPCStatusCode.NOT_FOUND:
                return NotFoundError(f"Temporal at {self.address} answered NOT_FOUND: {said}")
            case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
                return refused(self.address, self.namespace, said)
            case RPCStatusCode.ALREADY_EXISTS | RPCStatusCode.FAILED_PRECONDITION | RPCStatusCode.ABORTED:
                return errors.ConflictError(said)
            case RPCStatusCode.RESOURCE_EXHAUSTED if _TOO_LARGE in said:
                return errors.ServerError(
                    f"the request is larger than Temporal at {self.address} takes ({said})",
                    hint="declare less input and memo",
                )
            case RPCStatusCode.RESOURCE_EXHAUSTED:
                return errors.ServerError(
                    f"Temporal at {self.address} still limits the rate ({said})", hint="wait, then run again"
                )
            case status:
                return errors.ServerError(f"Temporal at {self.address} answered {status.name}: {said}")


async def _send(rpc: Rpc[Request, Response], request: Request, timeouts: tuple[datetime.timedelta, ...]) -> Response:
    """Send with each timeout in turn, and again while the server only says that it is busy."""
    left = list(timeouts)
    busy = 0
    while True:
        begun = time.monotonic()
        try:
            answer = await rpc(request, retry=True, timeout=left[0])
        except RPCError as error:
            _log(request, error.status.name, begun)
            limited = error.status is RPCStatusCode.RESOURCE_EXHAUSTED and _TOO_LARGE not in error.message
            if limited and busy < _BUSY_ATTEMPTS:
                busy += 1
            elif error.status in _AGAIN and len(left) > 1:
                del left[0]
            else:
                raise
        else:
            _log(request, "OK", begun)
            return answer


def _log(request: google.protobuf.message.Message, status: str, begun: float) -> None:
    """Note a call and how it ended; never what it carried, which may be secret."""
    about = getattr(request, "schedule_id", "") or getattr(request, "workflow_id", "")
    fields = {"schedule": about, "status": status, "ms": round((time.monotonic() - begun) * 1000, 1)}
    _LOG.debug(type(request).__name__.removesuffix("Request"), extra={"fields": fields})


def refused(address: str, namespace: str, said: str) -> errors.ServerError:
    """Return the error for credentials that the server does not take."""
    return errors.ServerError(
        f"Temporal at {address} refused the credentials for namespace {namespace!r} ({said})",
        hint="check --api-key or TEMPORAL_API_KEY, the TLS certificate, and what they may do",
    )


def _is_missing_namespace(error: RPCError) -> bool:
    return any(detail.type_url.endswith(_NAMESPACE_NOT_FOUND) for detail in error.grpc_status.details)
