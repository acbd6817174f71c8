"""Run the worker until it is asked to stop."""

from __future__ import annotations

import asyncio
import datetime
import logging

import click

from reconciler import errors, settings, version
from reconciler.cli import console, logs
from reconciler.cli.options import databases, parameters, servers
from reconciler.schedule import governed


@click.command()
@servers.connection
@databases.database_or_embedded
@click.option(
    "--task-queue",
    type=parameters.LINE,
    default=governed.TASK_QUEUE,
    show_default=True,
    metavar="NAME",
    help="The task queue to poll.",
)
@click.option(
    "--build-id",
    type=parameters.LINE,
    metavar="ID",
    envvar="RECONCILER_BUILD_ID",
    help="The build ID to report, for preflight --expect-build.  [the version of reconciler]",
)
@click.option(
    "--deployment-name", type=parameters.LINE, metavar="NAME", help="The Worker Deployment that the worker belongs to."
)
@click.option(
    "--versioning",
    is_flag=True,
    help="Receive runs only while the worker's version is the deployment's current version.",
)
@click.option(
    "--executor-url",
    type=parameters.LINE,
    metavar="URL",
    envvar="RECONCILER_EXECUTOR_URL",
    help="The URL that starts executions; {workflow} is replaced with the entrypoint.  "
    "[none: executions are only recorded in the database]",
)
@click.option(
    "--executor-token",
    type=parameters.LINE,
    metavar="TOKEN",
    envvar="RECONCILER_EXECUTOR_TOKEN",
    help="The executor's bearer token; prefer RECONCILER_EXECUTOR_TOKEN.",
)
@click.option(
    "--executor-timeout",
    type=parameters.POSITIVE,
    default="30s",
    metavar="TIME",
    help="How long to wait for one response from the executor.  [30s]",
)
@click.option(
    "--executor-patience",
    type=parameters.POSITIVE,
    default="10m",
    metavar="TIME",
    help="How long to retry an execution before its run fails.  [10m]",
)
@click.option(
    "--drain-timeout",
    type=parameters.NOT_NEGATIVE,
    default="30s",
    metavar="TIME",
    help="How long work in progress may take to finish after SIGTERM; another worker restarts unfinished work.  [30s]",
)
@click.option(
    "--health", type=parameters.ADDRESS, metavar="HOST:PORT", help="The address to serve /healthz and /readyz on."
)
@click.option(
    "--metrics", type=parameters.LINE, metavar="HOST:PORT", help="The address to serve Prometheus /metrics on."
)
@click.pass_obj
def worker(
    out: console.Console,
    connection: settings.Connection,
    database: settings.Database,
    task_queue: str,
    build_id: str | None,
    deployment_name: str | None,
    versioning: bool,
    executor_url: str | None,
    executor_token: str | None,
    executor_timeout: datetime.timedelta,
    executor_patience: datetime.timedelta,
    drain_timeout: datetime.timedelta,
    health: tuple[str, int] | None,
    metrics: str | None,
) -> errors.ExitCode:
    """Run the workflows that schedules start, until SIGTERM."""
    if versioning and not deployment_name:
        raise errors.UsageError("--versioning needs a deployment", hint="specify it with --deployment-name")
    executor = settings.Executor(
        url=executor_url or None,
        token=executor_token or None,
        timeout=executor_timeout,
        patience=executor_patience,
    )
    chosen = settings.Worker(
        task_queue=task_queue,
        build_id=build_id or version.VERSION,
        deployment=deployment_name or None,
        versioned=versioning,
        drain_timeout=drain_timeout,
        health=health,
        metrics=metrics or None,
    )
    logs.adopt(out, "temporalio", logging.ERROR)
    from reconciler.platform.worker import (
        assembly,  # importing the SDK's worker takes half a second, and no other command needs it
    )

    asyncio.run(assembly.run(chosen, connection, executor, database))
    return errors.ExitCode.OK
