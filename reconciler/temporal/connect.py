"""From connection settings to a connected namespace."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import getpass
import re
import socket
from collections.abc import Mapping
from typing import Any, TypeAlias

import temporalio.client
import temporalio.runtime
from temporalio.service import WorkflowService

from reconciler import errors, settings
from reconciler.plan import ports, progress
from reconciler.schedule import observed, ownership
from reconciler.temporal import (
    calls,
    client_config,
    clock,
    codec,
    lease,
    pacing,
    pollers,
    schedules,
    search_attributes,
)

Client: TypeAlias = temporalio.client.Client
CONNECT_TIMEOUT = datetime.timedelta(seconds=9)
_PAUSES = (0.1, 0.4, 1.6)  # seconds between attempts
_TRANSIENT = re.compile(
    r"call error after connection: Status \{ code: "
    r"(Unavailable|Internal|Unknown|ResourceExhausted|Aborted|DeadlineExceeded|Cancelled|OutOfRange|DataLoss)\b"
)
_UNREACHABLE = ("connection refused", "dns", "lookup", "unreachable", "timed out")
_NOT_PEM = {
    "privatekeyparseerror": "the client's private key",
    "certificateparseerror": "the client or CA certificate",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A connected namespace: where it is, and its schedules. All calls except those for locks share the `rate`."""

    address: str
    namespace: str
    schedules: schedules.Schedules
    pollers: pollers.Pollers
    attributes: search_attributes.SearchAttributes
    codec: codec.Codec
    service: WorkflowService
    identity: str
    patience: datetime.timedelta
    rate: pacing.Rate | None

    async def close(self) -> None:
        """Close the codec's connections; the client has nothing to close."""
        await self.codec.close()

    def lock(self, prefix: str, **options: Any) -> lease.TemporalLock:
        """Return the lock for the schedules with a prefix; `options` are passed to `lease.TemporalLock`.

        Its few calls bypass the rate limit, because waiting would make their results too old for any write.
        """
        calls_ = dataclasses.replace(self, rate=None).calls()
        return lease.TemporalLock(self.service, calls_, prefix=prefix, identity=self.identity, **options)

    async def now(self) -> datetime.datetime:
        """Return the time by the server's clock."""
        return await clock.now(self.service, self.calls(), self.identity)

    def calls(self) -> calls.Calls:
        """Return an object that sends calls to this namespace."""
        return calls.Calls(
            self.service, address=self.address, namespace=self.namespace, patience=self.patience, rate=self.rate
        )

    def target(
        self, prefixes: ownership.Prefixes = ownership.DEFAULT_PREFIXES, owner: str = "", *, of_users: bool = False
    ) -> observed.Target:
        """Return the part of the server that a plan covers."""
        return observed.Target(
            address=self.address, namespace=self.namespace, prefixes=prefixes, owner=owner, of_users=of_users
        )


async def connect(connection: settings.Connection, progress: ports.Progress = progress.SILENT) -> Server:
    """Connect and return the namespace, once the server has responded; long reads show their progress.

    Raises `errors.ReconcilerError` within 10 seconds for a bad setting, an unreachable server, or rejected credentials.
    """
    connected, codec_ = await client(
        connection, connection.identity or f"{ownership.IDENTITY}:{_user()}@{socket.gethostname()}", quiet()
    )
    address, namespace = connected.service_client.config.target_host, connected.namespace
    patience = connection.request_timeout or calls.PATIENCE
    rate = pacing.Rate(connection.rate) if connection.rate else None
    calls_ = calls.Calls(connected.workflow_service, address=address, namespace=namespace, patience=patience, rate=rate)
    return Server(
        address=address,
        namespace=namespace,
        schedules=schedules.Schedules(
            connected.workflow_service, calls_, identity=connected.identity, codec_=codec_, progress=progress
        ),
        pollers=pollers.Pollers(connected.workflow_service, calls_),
        attributes=search_attributes.SearchAttributes(connected.operator_service, calls_),
        codec=codec_,
        service=connected.workflow_service,
        identity=connected.identity,
        patience=patience,
        rate=rate,
    )


async def client(
    connection: settings.Connection, identity: str, runtime: temporalio.runtime.Runtime
) -> tuple[Client, codec.Codec]:
    """Return the connected client, and the codec that its converter uses; raises as `connect` does."""
    config = client_config.client(connection)
    address, namespace = config["target_host"], config["namespace"]
    if not client_config.is_address(address):  # the SDK accepts a URL
        raise _not_an_address()
    codec_ = codec.connect(client_config.codec(connection), namespace)
    options = {**config, "identity": identity, "runtime": runtime, "data_converter": codec.converter(codec_)}
    try:
        return await asyncio.wait_for(_client(options), CONNECT_TIMEOUT.total_seconds()), codec_
    except TimeoutError:
        raise errors.UnreachableError(
            f"Temporal at {address} did not respond within {CONNECT_TIMEOUT.seconds} s",
            hint="check --address or TEMPORAL_ADDRESS, --tls, and the network",
        ) from None
    except (RuntimeError, ValueError) as error:
        raise _connect_error(error, address, namespace, tls=bool(config.get("tls"))) from error


async def _client(options: Mapping[str, Any]) -> Client:
    """Return the connected client, after retrying transient failures."""
    for pause in (*_PAUSES, None):
        try:
            return await temporalio.client.Client.connect(**options)
        except RuntimeError as error:
            if pause is None or not _TRANSIENT.search(str(error)):
                raise
        await asyncio.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


@functools.cache
def quiet() -> temporalio.runtime.Runtime:
    """Return a runtime that logs nothing: the SDK's core would log to standard output, in the middle of a JSON plan."""
    return temporalio.runtime.Runtime(telemetry=temporalio.runtime.TelemetryConfig(logging=None))


def metered(address: str) -> temporalio.runtime.Runtime:
    """Return a runtime that serves Prometheus metrics at host:port; `errors.UsageError` if it cannot."""
    exporter = temporalio.runtime.PrometheusConfig(bind_address=address)
    try:
        return temporalio.runtime.Runtime(
            telemetry=temporalio.runtime.TelemetryConfig(logging=None, metrics=exporter),
        )
    except (RuntimeError, ValueError) as error:
        raise errors.UsageError(
            f"metrics cannot be served at {address} ({_last_message(str(error))})", hint="choose an available host:port"
        ) from error


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"


def _connect_error(error: Exception, address: str, namespace: str, *, tls: bool) -> errors.ReconcilerError:
    """Return our error for one of the SDK's, which all have the same type and differ only in their text.

    In TLS 1.3, a server rejects a client certificate after the handshake; the SDK reports that in many wordings.
    """
    text = str(error)
    lowered = text.lower()
    if "unauthenticated" in lowered or "permissiondenied" in lowered or "permission denied" in lowered:
        return calls.refused(address, namespace, _last_message(text))
    if "invalidcontenttype" in lowered:
        return errors.UnreachableError(
            f"Temporal at {address} does not use TLS",
            hint="pass --no-tls, or check --tls and TEMPORAL_TLS; an API key also enables TLS",
        )
    if "invalid url" in lowered or "invalid target" in lowered or "invalid uri" in lowered:
        return _not_an_address()
    for sign, what in _NOT_PEM.items():
        if sign in lowered:
            return errors.UsageError(f"{what} is not in PEM format", hint="check the --tls… options and their files")
    if "certificate" in lowered or "tls" in lowered or "private key" in lowered or "privatekey" in lowered:
        return errors.UnreachableError(
            f"cannot establish a TLS connection to Temporal at {address} ({_last_message(text)})",
            hint="check the --tls… options and the certificates",
        )
    if tls and not any(sign in lowered for sign in _UNREACHABLE):
        return errors.UnreachableError(
            f"the TLS connection to Temporal at {address} was lost ({_last_message(text)})",
            hint="the server may have rejected the client certificate: check --tls-cert-path and --tls-key-path, "
            "and that the server is healthy",
        )
    return errors.UnreachableError(
        f"cannot reach Temporal at {address} ({_last_message(text)})",
        hint="check that it is running there, or correct --address or TEMPORAL_ADDRESS",
    )


def _not_an_address() -> errors.UsageError:
    """Return an error that does not quote the address: a malformed one may contain a password or a token."""
    return errors.UsageError(
        "Temporal's address is not in the form host:port",
        hint="check --address, TEMPORAL_ADDRESS, and the profile; use the form localhost:7233",
    )


def _last_message(text: str) -> str:
    """Return the innermost message of the SDK's nested debug text, as in `… message: "Connection refused" …`."""
    for marker in ('message: "', 'error: "'):
        _, found, rest = text.rpartition(marker)
        if found:
            return rest.partition('"')[0].strip().rstrip(".")
    return text.removeprefix("Failed client connect: ").strip().rstrip(".")
