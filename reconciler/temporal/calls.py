"""One way to call the server: a timeout on every call, bounded concurrency, errors in our own words."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Awaitable
from typing import Protocol, TypeVar

import google.protobuf.message
from temporalio.service import RPCError, RPCStatusCode

from reconciler import errors

CONCURRENCY = 20
TIMEOUT = datetime.timedelta(seconds=5)  # for one attempt; the SDK repeats transient failures for up to 10 s
_BUSY_ATTEMPTS = 12  # rounds of the SDK's own 10 s of retries, when the server says that we are too fast

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

    async def send(self, rpc: Rpc[Request, Response], request: Request) -> Response:
        """Send one request and return its response, repeating it while the server is only busy.

        Raises NotFoundError, or an error of `errors` that names the server and what to do. Writes carry a request
        id, so that repeating one does not do it twice.
        """
        async with self._slots:
            for attempt in range(1, _BUSY_ATTEMPTS + 1):
                try:
                    return await rpc(request, retry=True, timeout=TIMEOUT)
                except RPCError as error:
                    busy = error.status is RPCStatusCode.RESOURCE_EXHAUSTED
                    if not busy or attempt == _BUSY_ATTEMPTS:
                        raise self._translated(error) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

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
                return NotFoundError(said)
            case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
                return refused(self.address, self.namespace, said)
            case RPCStatusCode.ALREADY_EXISTS | RPCStatusCode.FAILED_PRECONDITION | RPCStatusCode.ABORTED:
                return errors.ConflictError(said)
            case RPCStatusCode.RESOURCE_EXHAUSTED:
                return errors.ServerError(
                    f"Temporal at {self.address} still limits the rate ({said})", hint="wait, then run again"
                )
            case status:
                return errors.ServerError(f"Temporal at {self.address} answered {status.name}: {said}")


def refused(address: str, namespace: str, said: str) -> errors.ServerError:
    """Return the error for credentials that the server does not take."""
    return errors.ServerError(
        f"Temporal at {address} refused the credentials for namespace {namespace!r} ({said})",
        hint="check --api-key or TEMPORAL_API_KEY, the TLS certificate, and what they may do",
    )


def _is_missing_namespace(error: RPCError) -> bool:
    return any(detail.type_url.endswith(_NAMESPACE_NOT_FOUND) for detail in error.grpc_status.details)
