"""The options that commands share."""

from __future__ import annotations

import datetime
import functools
import os
import pathlib
from collections.abc import Callable
from typing import Any, TypeVar

import click

from reconciler import settings
from reconciler.spec import moments

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(path_type=pathlib.Path)

spec = click.option(
    "--spec",
    "spec_path",
    type=_FILE,
    default=settings.DEFAULT_SPEC,
    show_default=True,
    metavar="PATH",
    help="The repo-spec.",
)
environment = click.option(
    "--environment", metavar="NAME", envvar="GOVERNANCE_ENVIRONMENT", help="The environment of the repo-spec."
)
no_color = click.option("--no-color", is_flag=True, help="Plain text on a terminal too; NO_COLOR does the same.")
verbose = click.option("--verbose", is_flag=True, help="List what is kept as well.")


class _Moment(click.ParamType[datetime.datetime]):
    """A point in time, as the spec has them."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime.datetime:
        try:
            return moments.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


MOMENT = _Moment()


def _metadata(_: click.Context, __: click.Parameter, pairs: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    found = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise click.BadParameter("a header is written KEY=VALUE")
        found.append((key, value))
    return tuple(found)


_CONNECTION = (
    click.option("--address", metavar="HOST:PORT", help="The Temporal frontend.  [localhost:7233]"),
    click.option("-n", "--namespace", metavar="NAME", help="The Temporal namespace.  [default]"),
    click.option("--profile", metavar="NAME", help="The profile in the Temporal configuration file."),
    click.option("--api-key", metavar="KEY", help="The API key; better given as TEMPORAL_API_KEY."),
    click.option(
        "--identity", metavar="TEXT", help="Who the server's history shall say wrote.  [reconciler:USER@HOST]"
    ),
    click.option("--grpc-meta", multiple=True, metavar="KEY=VALUE", callback=_metadata, help="A gRPC header."),
    click.option("--config-file", type=_FILE, metavar="PATH", help="The Temporal configuration file (TOML)."),
    click.option("--disable-config-file", is_flag=True, help="Read no Temporal configuration file."),
    click.option("--disable-config-env", is_flag=True, help="Read no TEMPORAL_ variables."),
    click.option("--tls/--no-tls", default=None, help="Use TLS, or do not, whatever the configuration says."),
    click.option("--tls-server-name", metavar="NAME", help="The server's name, where its certificate has another."),
    click.option("--tls-ca-path", type=_FILE, metavar="PATH", help="The certificate authority's certificate."),
    click.option("--tls-cert-path", type=_FILE, metavar="PATH", help="The client's certificate."),
    click.option("--tls-key-path", type=_FILE, metavar="PATH", help="The client's private key."),
    click.option("--tls-ca-data", metavar="PEM", help="The certificate authority's certificate itself."),
    click.option("--tls-cert-data", metavar="PEM", help="The client's certificate itself."),
    click.option("--tls-key-data", metavar="PEM", help="The client's private key itself."),
)


def connection(command: Command) -> Callable[..., Any]:
    """Give a command the connection options of Temporal's own command line, gathered into `connection`."""

    @functools.wraps(command)
    def gathered(**options: Any) -> Any:
        given = {name: options.pop(name) for name in _NAMES}
        given = {name: None if value == "" else value for name, value in given.items()}
        tls = {name: given.pop(f"tls_{name}") for name in _TLS_NAMES}
        connection = settings.Connection(
            environ=dict(os.environ), tls=settings.Tls(enabled=given.pop("tls"), **tls), **given
        )
        return command(connection=connection, **options)

    for option in reversed(_CONNECTION):
        gathered = option(gathered)
    return gathered


_TLS_NAMES = ("server_name", "ca_path", "cert_path", "key_path", "ca_data", "cert_data", "key_data")
_NAMES = (
    *("address", "namespace", "profile", "api_key", "identity", "grpc_meta", "config_file"),
    *("disable_config_file", "disable_config_env", "tls", *(f"tls_{name}" for name in _TLS_NAMES)),
)
