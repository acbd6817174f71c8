"""What to connect to, with the precedence of Temporal's own tools: flag, environment, profile."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import sys
import tomllib
from collections.abc import Mapping
from typing import Any

import temporalio.envconfig
import temporalio.service

from reconciler import errors, input_files, settings
from reconciler.credentials import held

DEFAULT_ADDRESS = "localhost:7233"
DEFAULT_NAMESPACE = "default"
_LIMIT = 1024 * 1024  # bytes of a profile, a certificate, or a key


def client(connection: settings.Connection) -> dict[str, Any]:
    """Return the arguments for Client.connect; flags override the environment, which overrides the profile."""
    try:
        config: dict[str, Any] = dict(_profile(connection).to_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise _bad_config(error) from error
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
    metadata = config.get("rpc_metadata", {})
    held.hold(config.get("api_key"), *metadata.values())
    if not all(map(settings.HEADER_NAME.fullmatch, metadata)):  # the SDK would quote what may be a misplaced token
        raise errors.UsageError(
            "a name in the gRPC metadata contains characters that are not allowed in headers",
            hint="check --grpc-meta and the profile's grpc_meta",
        )
    config["tls"] = _tls(connection.tls, config.get("tls", False))
    return config


def place(connection: settings.Connection) -> tuple[str | None, str]:
    """Return the address and the namespace; a malformed address is None, because it may contain a password."""
    config = client(connection)
    address: str = config["target_host"]
    return address if is_address(address) else None, config["namespace"]


def is_address(text: str) -> bool:
    """Return whether a string could be host:port, and so may be printed: a URL may contain a password or a token."""
    return re.search(r"[@/?#\s]", text) is None


def _bad_config(error: Exception) -> errors.UsageError:
    reason = str(error).partition("\n")[0]  # the rest quotes the file, including keys
    return errors.UsageError(
        f"the Temporal client configuration cannot be used: {reason}",
        hint="check --profile, --config-file, and the TEMPORAL_ variables",
    )


def codec(connection: settings.Connection) -> settings.Codec | None:
    """Return the codec's settings, with the same precedence; as in Temporal's tools, auth alone does not enable one."""
    profile = _codec_of_profile(connection)
    environ = {} if connection.disable_config_env else settings.without_empty(connection.environ)
    endpoint = connection.codec_endpoint or environ.get("TEMPORAL_CODEC_ENDPOINT") or profile.get("endpoint")
    if not endpoint:
        return None
    auth = connection.codec_auth or environ.get("TEMPORAL_CODEC_AUTH") or profile.get("auth")
    return settings.Codec(endpoint=endpoint, auth=auth, headers=connection.codec_header)


def _codec_of_profile(connection: settings.Connection) -> Mapping[str, str]:
    """Return the profile's `codec` table, which the SDK ignores."""
    environ = settings.without_empty(connection.environ)
    path = _config_file(connection)
    if connection.disable_config_file or not path.is_file():
        return {}
    try:
        profiles = tomllib.loads(input_files.read(path, _LIMIT).decode()).get("profile", {})
    except (OSError, ValueError) as error:
        raise _bad_config(error) from error
    table = profiles.get(connection.profile or environ.get("TEMPORAL_PROFILE") or "default", {}).get("codec", {})
    return {name: value for name, value in table.items() if isinstance(value, str)}


def _config_file(connection: settings.Connection) -> pathlib.Path:
    environ = settings.without_empty(connection.environ)
    return pathlib.Path(connection.config_file or environ.get("TEMPORAL_CONFIG_FILE") or _default_config_file(environ))


def _default_config_file(environ: Mapping[str, str]) -> pathlib.Path:
    """Return where Temporal's tools keep their profiles: temporalio/temporal.toml in Go's os.UserConfigDir."""
    home = pathlib.Path.home()
    if sys.platform == "darwin":
        folder = home / "Library" / "Application Support"
    else:
        folder = pathlib.Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    return folder / "temporalio" / "temporal.toml"


def _profile(connection: settings.Connection) -> temporalio.envconfig.ClientConfigProfile:
    named = connection.config_file or settings.without_empty(connection.environ).get("TEMPORAL_CONFIG_FILE")
    if named and not connection.disable_config_file and not pathlib.Path(named).exists():
        raise errors.UsageError(f"the configuration file {named} does not exist", hint="check --config-file")
    _check_config_file(connection)
    if connection.disable_config_file and connection.disable_config_env:  # the SDK refuses to load without a source
        return temporalio.envconfig.ClientConfigProfile()
    profile = temporalio.envconfig.ClientConfigProfile.load(
        connection.profile,
        config_source=connection.config_file,
        disable_file=connection.disable_config_file,
        disable_env=connection.disable_config_env,
        override_env_vars=settings.without_empty(connection.environ),
    )
    _check_tls_files(profile)
    return profile


def _check_config_file(connection: settings.Connection) -> None:
    """Raise `errors.UsageError` unless the configuration is a regular file, because the SDK would block on a pipe."""
    path = _config_file(connection)
    if connection.disable_config_file or not path.exists():
        return
    try:
        input_files.check(path)
    except OSError as error:
        raise errors.UsageError(
            f"the configuration file {path} cannot be read: {error.strerror}", hint="check --config-file"
        ) from error


def _check_tls_files(profile: temporalio.envconfig.ClientConfigProfile) -> None:
    """Raise `OSError` if a TLS file set in the environment or the profile is not a regular file."""
    tls = profile.tls
    for path in (tls.server_root_ca_cert, tls.client_cert, tls.client_private_key) if tls else ():
        if isinstance(path, pathlib.Path):
            input_files.check(path)


def _tls(flags: settings.Tls, configured: bool | temporalio.service.TLSConfig) -> Any:
    if flags.enabled is False:
        return False
    own: dict[str, Any] = {
        "domain": flags.server_name,
        "server_root_ca_cert": _data("--tls-ca", flags.ca_path, flags.ca_data),
        "client_cert": _data("--tls-cert", flags.cert_path, flags.cert_data),
        "client_private_key": _data("--tls-key", flags.key_path, flags.key_data),
    }
    replacements = {name: value for name, value in own.items() if value is not None}
    if not replacements:
        return configured or bool(flags.enabled)
    base = configured if isinstance(configured, temporalio.service.TLSConfig) else temporalio.service.TLSConfig()
    return dataclasses.replace(base, **replacements)


def _data(flag: str, path: pathlib.Path | None, data: str | None) -> bytes | None:
    if path is not None and data is not None:
        raise errors.UsageError(f"{flag}-path and {flag}-data cannot be combined", hint="pass only one of them")
    if path is None:
        return None if data is None else data.encode()
    try:
        return input_files.read(path, _LIMIT)
    except OSError as error:
        raise errors.UsageError(
            f"{flag}-path {path}: {error.strerror}", hint="choose a file that can be read"
        ) from error
