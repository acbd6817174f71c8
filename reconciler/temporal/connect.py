"""From connection settings to a client, in the order that Temporal's own tools have: flag, environment, profile."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import getpass
import pathlib
import socket
from typing import Any

import temporalio.client
import temporalio.envconfig
import temporalio.runtime
import temporalio.service

from reconciler import errors, model, settings
from reconciler.temporal import calls, schedules

DEFAULT_ADDRESS = "localhost:7233"
DEFAULT_NAMESPACE = "default"
CONNECT_TIMEOUT = datetime.timedelta(seconds=7)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A connected namespace: where it is, and its schedules."""

    address: str
    namespace: str
    schedules: schedules.Schedules

    def target(self, prefix: str = model.GOVERNANCE_PREFIX) -> model.Target:
        """Return the part of the server that a plan is about."""
        return model.Target(address=self.address, namespace=self.namespace, prefix=prefix)


async def connect(connection: settings.Connection) -> Server:
    """Connect and return the namespace; the server has answered once by then.

    Raises `errors.ReconcilerError` within 10 seconds for a bad setting, a server that is away or refused credentials.
    """
    config = _config(connection)
    address, namespace = config["target_host"], config["namespace"]
    if "://" in address:  # the SDK takes it with a warning
        raise _not_an_address(address)
    identity = connection.identity or f"reconciler:{_user()}@{socket.gethostname()}"
    try:
        client = await asyncio.wait_for(
            temporalio.client.Client.connect(**config, identity=identity, runtime=_runtime()),
            CONNECT_TIMEOUT.total_seconds(),
        )
    except TimeoutError:
        raise errors.UnreachableError(
            f"Temporal at {address} gave no answer within {CONNECT_TIMEOUT.seconds} s",
            hint="check --address or TEMPORAL_ADDRESS, --tls, and the network",
        ) from None
    except (RuntimeError, ValueError) as error:
        raise _connect_error(error, address, namespace) from error
    calls_ = calls.Calls(address=address, namespace=namespace)
    return Server(
        address=address,
        namespace=namespace,
        schedules=schedules.Schedules(client.workflow_service, calls_, identity=identity),
    )


@functools.cache
def _runtime() -> temporalio.runtime.Runtime:
    """Return a runtime that logs nothing: the SDK's core would write to standard output, into a plan's JSON."""
    return temporalio.runtime.Runtime(telemetry=temporalio.runtime.TelemetryConfig(logging=None))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        return "unknown"


def _config(connection: settings.Connection) -> dict[str, Any]:
    """Return the arguments of Client.connect: profile and environment first, flags over them."""
    try:
        config: dict[str, Any] = dict(_profile(connection).to_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        said = str(error).partition("\n")[0]  # what follows quotes the file, keys and all
        raise errors.UsageError(
            f"the Temporal client configuration cannot be used: {said}",
            hint="check --profile, --config-file and the TEMPORAL_ variables",
        ) from error
    config.setdefault("target_host", DEFAULT_ADDRESS)
    config.setdefault("namespace", DEFAULT_NAMESPACE)
    if connection.address:
        config["target_host"] = connection.address
    if connection.namespace:
        config["namespace"] = connection.namespace
    if connection.api_key:
        config["api_key"] = connection.api_key
        config.setdefault("tls", True)
    if connection.grpc_meta:
        config["rpc_metadata"] = {**config.get("rpc_metadata", {}), **dict(connection.grpc_meta)}
    config["tls"] = _tls(connection.tls, config.get("tls", False))
    return config


def _profile(connection: settings.Connection) -> temporalio.envconfig.ClientConfigProfile:
    named = connection.config_file or settings.without_empty(connection.environ).get("TEMPORAL_CONFIG_FILE")
    if named and not connection.disable_config_file and not pathlib.Path(named).exists():
        raise errors.UsageError(f"the configuration file {named} does not exist", hint="check --config-file")
    if connection.disable_config_file and connection.disable_config_env:  # the SDK refuses to load from nowhere
        return temporalio.envconfig.ClientConfigProfile()
    return temporalio.envconfig.ClientConfigProfile.load(
        connection.profile,
        config_source=connection.config_file,
        disable_file=connection.disable_config_file,
        disable_env=connection.disable_config_env,
        override_env_vars=settings.without_empty(connection.environ),
    )


def _tls(flags: settings.Tls, configured: bool | temporalio.service.TLSConfig) -> Any:
    if flags.enabled is False:
        return False
    own: dict[str, Any] = {
        "domain": flags.server_name,
        "server_root_ca_cert": _data("--tls-ca", flags.ca_path, flags.ca_data),
        "client_cert": _data("--tls-cert", flags.cert_path, flags.cert_data),
        "client_private_key": _data("--tls-key", flags.key_path, flags.key_data),
    }
    given = {name: value for name, value in own.items() if value is not None}
    if not given:
        return configured or bool(flags.enabled)
    base = configured if isinstance(configured, temporalio.service.TLSConfig) else temporalio.service.TLSConfig()
    return dataclasses.replace(base, **given)


def _data(flag: str, path: pathlib.Path | None, data: str | None) -> bytes | None:
    if path is not None and data is not None:
        raise errors.UsageError(f"{flag}-path and {flag}-data are both given", hint="give one of them")
    if path is None:
        return None if data is None else data.encode()
    try:
        return path.read_bytes()
    except OSError as error:
        raise errors.UsageError(f"{flag}-path {path}: {error.strerror}", hint="name a file that can be read") from error


def _connect_error(error: Exception, address: str, namespace: str) -> errors.ReconcilerError:
    """Turn the SDK's one kind of error into the sentence that its text calls for."""
    text = str(error)
    lowered = text.lower()
    if "unauthenticated" in lowered or "permissiondenied" in lowered or "permission denied" in lowered:
        return calls.refused(address, namespace, _last_message(text))
    if "invalidcontenttype" in lowered:
        return errors.UnreachableError(
            f"Temporal at {address} speaks no TLS",
            hint="pass --no-tls, or check --tls, TEMPORAL_TLS and why there is an API key, which turns TLS on",
        )
    if "invalid url" in lowered or "invalid target" in lowered or "invalid uri" in lowered:
        return _not_an_address(address)
    if "certificate" in lowered or "tls" in lowered or "private key" in lowered or "privatekey" in lowered:
        return errors.UnreachableError(
            f"no TLS connection to Temporal at {address} ({_last_message(text)})",
            hint="check the --tls… options and the certificates",
        )
    return errors.UnreachableError(
        f"cannot reach Temporal at {address} ({_last_message(text)})",
        hint="see that it runs there, or name the right --address or TEMPORAL_ADDRESS",
    )


def _not_an_address(address: str) -> errors.UsageError:
    return errors.UsageError(f"{address!r} is not an address", hint="write host:port, as in localhost:7233")


def _last_message(text: str) -> str:
    """Return the innermost message of the SDK's nested debug text, as in `… message: "Connection refused" …`."""
    for marker in ('message: "', 'error: "'):
        _, found, rest = text.rpartition(marker)
        if found:
            return rest.partition('"')[0].strip().rstrip(".")
    return text.removeprefix("Failed client connect: ").strip().rstrip(".")
