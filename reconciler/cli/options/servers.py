"""Options for the connection to Temporal, the same as the Temporal CLI's."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from reconciler import settings
from reconciler.cli.options import parameters

_FILE = parameters.FILE


def _metadata(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not settings.HEADER_NAME.fullmatch(
            key
        ):  # not quoted in the error, because `Authorization: Bearer …=` contains a key
            raise click.BadParameter(
                "a header must have the form KEY=VALUE, where KEY consists of letters, digits, '-', '_', and '.'."
            )
        found.append((key, value))
    return tuple(found)


def _header(name: str, text: str) -> Callable[[Any], Any]:
    return click.option(name, type=parameters.LINE, multiple=True, metavar="KEY=VALUE", callback=_metadata, help=text)


_CONNECTION = (
    click.option(
        "--address", type=parameters.LINE, metavar="HOST:PORT", help="The Temporal frontend.  [localhost:7233]"
    ),
    click.option("-n", "--namespace", type=parameters.LINE, metavar="NAME", help="The Temporal namespace.  [default]"),
    click.option(
        "--profile", type=parameters.LINE, metavar="NAME", help="The profile in the Temporal configuration file."
    ),
    click.option("--api-key", type=parameters.LINE, metavar="KEY", help="The API key; prefer TEMPORAL_API_KEY."),
    click.option(
        "--identity",
        type=parameters.LINE,
        metavar="TEXT",
        help="Identity recorded in the server's history.  [reconciler:USER@HOST]",
    ),
    _header("--grpc-meta", "A gRPC header; may be repeated."),
    click.option("--config-file", type=_FILE, metavar="PATH", help="The Temporal configuration file (TOML)."),
    click.option("--disable-config-file", is_flag=True, help="Do not read the Temporal configuration file."),
    click.option("--disable-config-env", is_flag=True, help="Do not read TEMPORAL_ environment variables."),
    click.option("--tls/--no-tls", default=None, help="Enable or disable TLS, overriding the configuration."),
    click.option(
        "--tls-server-name",
        type=parameters.LINE,
        metavar="NAME",
        help="The server name to expect in the certificate, if it differs from the address.",
    ),
    click.option("--tls-ca-path", type=_FILE, metavar="PATH", help="The path to the CA certificate."),
    click.option("--tls-cert-path", type=_FILE, metavar="PATH", help="The path to the client certificate."),
    click.option("--tls-key-path", type=_FILE, metavar="PATH", help="The path to the client's private key."),
    click.option("--tls-ca-data", type=parameters.TEXT, metavar="PEM", help="The CA certificate, as PEM."),
    click.option("--tls-cert-data", type=parameters.TEXT, metavar="PEM", help="The client certificate, as PEM."),
    click.option("--tls-key-data", type=parameters.TEXT, metavar="PEM", help="The client's private key, as PEM."),
    click.option(
        "--codec-endpoint", type=parameters.LINE, metavar="URL", help="The codec server for encrypted payloads."
    ),
    click.option(
        "--codec-auth",
        type=parameters.LINE,
        metavar="TEXT",
        help="The codec server's Authorization header; prefer TEMPORAL_CODEC_AUTH.",
    ),
    _header("--codec-header", "A header for the codec server; may be repeated."),
    click.option(
        "--request-timeout",
        type=parameters.POSITIVE,
        metavar="TIME",
        envvar="RECONCILER_REQUEST_TIMEOUT",
        help="How long to wait for a slow server, per request.  [60s; serve: 20s]",
    ),
    click.option(
        "--rate",
        type=parameters.RATE,
        metavar="NUMBER",
        envvar="RECONCILER_RATE",
        help=f"The maximum number of requests per second to the server, from {settings.LEAST_RATE} to "
        f"{settings.MOST_RATE}.  [as many as the server sustains]",
    ),
)


def connection(command: parameters.Command) -> Callable[..., Any]:
    """Add the Temporal CLI's connection options to a command, and pass them as `connection`."""

    @functools.wraps(command)
    def gathered(**options: Any) -> Any:
        given = {name: options.pop(name) for name in _NAMES}
        given = {name: None if value == "" else value for name, value in given.items()}
        tls = {name: given.pop(f"tls_{name}") for name in _TLS_NAMES}
        connection = settings.Connection(
            environ=dict(os.environ), tls=settings.Tls(enabled=given.pop("tls"), **tls), **given
        )
        return command(connection=connection, **options)

    return parameters.with_options(gathered, _CONNECTION)


_TLS_NAMES = ("server_name", "ca_path", "cert_path", "key_path", "ca_data", "cert_data", "key_data")
_NAMES = (
    *("address", "namespace", "profile", "api_key", "identity", "grpc_meta", "config_file"),
    *("disable_config_file", "disable_config_env", "tls", *(f"tls_{name}" for name in _TLS_NAMES)),
    *("codec_endpoint", "codec_auth", "codec_header", "request_timeout", "rate"),
)
