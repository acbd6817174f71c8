"""Run the HTTP service."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import importlib.util
import ipaddress
import pathlib
import re
from typing import TYPE_CHECKING, Any

import click
from click import core

from reconciler import errors, settings, wiring
from reconciler.cli.options import databases, parameters, servers, specs
from reconciler.repospec import loader
from reconciler.schedule import declarations

if TYPE_CHECKING:
    from reconciler.platform.api import parts

_UNITS = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}
_SIZE = re.compile(r"([1-9]\d{0,11})\s*([KMG]iB|B|)", re.ASCII)
REQUEST_TIMEOUT = datetime.timedelta(seconds=20)  # for calls to Temporal; the service's callers do not wait long
_NEEDED = ("fastapi", "limits", "uvicorn")


class _Network(click.ParamType[str]):
    """An IP address or network."""

    name = "network"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(ipaddress.ip_network(value))
        except ValueError:
            self.fail(f"{value!r} is not a valid address; use the form 10.0.0.7 or 10.0.0.0/8.", param, ctx)


class _Size(click.ParamType[int]):
    """A number of bytes."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(value.strip())
        if found is None:
            self.fail(f"{value!r} is not a valid size; use a form such as 512KiB or 1MiB.", param, ctx)
        return int(found[1]) * _UNITS[found[2]]


@click.command()
@specs.spec_file
@specs.choice_and_overrides
@servers.connection
@databases.writing_or_embedded
@click.option(
    "--listen",
    type=parameters.ADDRESS,
    default="127.0.0.1:8080",
    metavar="HOST:PORT",
    help="The address to listen on.  [127.0.0.1:8080]",
)
@click.option(
    "--repair-every",
    type=parameters.NOT_NEGATIVE,
    default="5m",
    metavar="TIME",
    help="How often to repair users' schedules; 0s disables repairs.  [5m]",
)
@click.option(
    "--full-repair-every",
    type=parameters.NOT_NEGATIVE,
    default="1h",
    metavar="TIME",
    help="How often a repair reads every schedule, not just those whose list entry differs.  [1h]",
)
@click.option(
    "--rate-limit",
    type=parameters.LINE,
    default="600/minute",
    metavar="CALLS/TIME",
    help="The maximum rate of calls per caller.  [600/minute]",
)
@click.option(
    "--trust-proxy",
    "proxies",
    type=_Network(),
    multiple=True,
    metavar="ADDRESS",
    help="Trust X-Forwarded-For from a proxy at this address or in this network; may be repeated.",
)
@click.option(
    "--max-schedules",
    type=click.IntRange(min=1),
    default=1000,
    metavar="COUNT",
    help="The maximum number of schedules per subject.  [1000]",
)
@click.option(
    "--min-interval",
    type=parameters.NOT_NEGATIVE,
    default="1m",
    metavar="TIME",
    help="The minimum interval between firings of a user's schedule; 0s for no limit.  [1m]",
)
@click.option("--no-docs", is_flag=True, help="Do not serve /docs and /openapi.json.")
@click.option(
    "--max-body", type=_Size(), default="1MiB", metavar="SIZE", help="The maximum size of a request body.  [1MiB]"
)
@click.pass_context
def serve(
    context: click.Context,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    connection: settings.Connection,
    writing: settings.Writing,
    listen: tuple[str, int],
    repair_every: datetime.timedelta,
    full_repair_every: datetime.timedelta,
    rate_limit: str,
    proxies: tuple[str, ...],
    max_schedules: int,
    min_interval: datetime.timedelta,
    no_docs: bool,
    max_body: int,
) -> errors.ExitCode:
    """Serve charter syncs and users' schedules over HTTP until SIGTERM.

    INTERNAL_OPS_TOKEN is the operators' bearer token, and RECONCILER_EXECUTOR_TOKEN the worker's; each must be at
    least 32 characters long.
    """
    if not all(map(importlib.util.find_spec, _NEEDED)):
        raise errors.UsageError("serve requires the 'service' extra", hint="install reconciler[service]")
    from reconciler.platform.api import http_server, parts

    chosen = parts.Options(
        spec_path=spec_path,
        choice=choice,
        connection=dataclasses.replace(connection, request_timeout=connection.request_timeout or REQUEST_TIMEOUT),
        writing=writing,
        repair_every=repair_every,
        full_repair_every=full_repair_every,
        most_bytes=max_body,
        rate=rate_limit,
        most_schedules=max_schedules,
        least_interval=min_interval,
        has_docs=not no_docs,
        proxies=proxies,
    )
    _check_spec(chosen, is_named=context.get_parameter_source("spec_path") is not core.ParameterSource.DEFAULT)
    asyncio.run(wiring.migrate(chosen.database))  # reports a failure before the service starts listening
    return http_server.serve(chosen, listen, lambda url: context.obj.say(f"Listening on {url}\n"))


def _check_spec(chosen: parts.Options, *, is_named: bool) -> None:
    """Raise `errors.InvalidSpecError` for a repo-spec that a sync cannot use; only the default file may be missing."""
    if is_named or chosen.spec_path.exists():
        loader.load(chosen.spec_path, chosen.choice)
