"""The worker's lifecycle: it polls until it is asked to stop, finishes its work, and reports its health."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping

import temporalio.client
import temporalio.common
import temporalio.worker

from reconciler import errors, settings
from reconciler.plan import pollers
from reconciler.platform.worker import activities, health, probes, workflows
from reconciler.runtime import interrupts, systemd
from reconciler.schedule import governed

_LOG = logging.getLogger(__name__)
_PATIENCE = datetime.timedelta(seconds=2)  # the time limit for each dependency in a readiness check
_LOOK_EVERY = 5.0  # seconds between checks of the worker's dependencies
_QUIET = 60.0  # seconds between warnings
_WORKFLOWS = (workflows.GovernanceScheduledRunWorkflow,)

Probe = Callable[[], Awaitable[None]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a worker; `database` raises `errors.ReconcilerError` if the database does not respond.

    `notify` is called with each state to report to systemd.
    """

    client: temporalio.client.Client
    activities: activities.Activities
    database: Probe
    notify: Callable[[str], None] = lambda _: None


def identity(given: str | None) -> str:
    """Return the identity of this process, including the workflows it registers, which preflight reads."""
    who = given or f"reconciler-worker:{os.getpid()}@{socket.gethostname()}"
    return pollers.identity(who, (governed.WORKFLOW,))


async def run(options: settings.Worker, parts: Parts) -> None:
    """Work until SIGTERM or SIGINT, then let work in progress finish within the drain timeout without starting more.

    A second signal ends the process immediately. Raises the same errors as `work`.
    """
    stopping = asyncio.Event()
    with _listening(stopping):
        await work(options, parts, stopping)


async def work(options: settings.Worker, parts: Parts, stopping: asyncio.Event) -> None:
    """Work until asked to stop; raises `errors.ServerError` if the server no longer allows polling."""
    worker = _worker(options, parts)
    state = _State(worker, parts, stopping)
    async with health.served(options.health, state.ready) if options.health else contextlib.nullcontext():
        polls, waits = asyncio.create_task(worker.run()), asyncio.create_task(stopping.wait())
        watches = asyncio.create_task(watch(state.ready, asyncio.sleep))
        _log("worker started", task_queue=options.task_queue, build_id=options.build_id)
        parts.notify(systemd.READY)
        await asyncio.wait({polls, waits}, return_when=asyncio.FIRST_COMPLETED)
        _log("worker draining", within=str(options.drain_timeout))
        parts.notify(systemd.STOPPING)
        waits.cancel()
        watches.cancel()
        try:
            await worker.shutdown()
            await polls
        except RuntimeError as error:
            raise errors.ServerError(
                f"the worker cannot continue: {error}", hint="check the namespace and the credentials"
            ) from error
    state.close()
    _log("worker stopped")


async def watch(ready: health.Ready, pause: Callable[[float], Awaitable[None]]) -> None:
    """Warn when a dependency becomes unavailable or available again, at most once a minute; runs until canceled."""
    known: Mapping[str, str] = {}
    while True:
        await pause(_LOOK_EVERY)
        wrong = {name: reason for name, reason in (await ready()).items() if reason}
        if wrong.keys() != known.keys():
            _LOG.warning("the worker is not ready" if wrong else "the worker is ready again", extra={"fields": wrong})
            known = wrong
            await pause(_QUIET - _LOOK_EVERY)


def _worker(options: settings.Worker, parts: Parts) -> temporalio.worker.Worker:
    deployment = None
    if options.deployment is not None:
        deployment = temporalio.worker.WorkerDeploymentConfig(
            version=temporalio.common.WorkerDeploymentVersion(options.deployment, options.build_id),
            use_worker_versioning=options.versioned,
            # a versioned workflow needs a versioning behavior; runs are short, and replay is tested
            default_versioning_behavior=temporalio.common.VersioningBehavior.AUTO_UPGRADE
            if options.versioned
            else temporalio.common.VersioningBehavior.UNSPECIFIED,
        )
    return temporalio.worker.Worker(
        parts.client,
        task_queue=options.task_queue,
        workflows=_WORKFLOWS,
        activities=parts.activities.all,
        workflow_runner=temporalio.worker.UnsandboxedWorkflowRunner(),  # the sandbox costs 25% of the throughput
        build_id=None if deployment else options.build_id,
        deployment_config=deployment,
        graceful_shutdown_timeout=options.drain_timeout,
    )


class _State:
    """The worker's health, checked on demand."""

    def __init__(self, worker: temporalio.worker.Worker, parts: Parts, stopping: asyncio.Event) -> None:
        self._worker = worker
        self._parts = parts
        self._stopping = stopping
        patience = _PATIENCE.total_seconds()
        self._database = probes.Probe(parts.database, patience)
        self._server = probes.Probe(self._served, patience)

    def close(self) -> None:
        """Cancel the probes in progress."""
        self._database.close()
        self._server.close()

    async def ready(self) -> Mapping[str, str]:
        """Return what is wrong with each dependency, by name; empty for one that is ready."""
        database, server = await asyncio.gather(self._database.answer(), self._server.answer())
        polling_ = "draining" if self._stopping.is_set() else "" if self._worker.is_running else "not polling"
        return {"polling": polling_ or server, "database": database}

    async def _served(self) -> None:
        await self._parts.client.service_client.check_health(timeout=_PATIENCE)


@contextlib.contextmanager
def _listening(stopping: asyncio.Event) -> Iterator[None]:
    """Set `stopping` at the first signal; the next signal ends the process, as in any other command."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def stop() -> None:
        stopping.set()
        for each in signals:
            loop.remove_signal_handler(each)
        interrupts.listen()

    for each in signals:
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        stop()


def _log(event: str, **fields: object) -> None:
    _LOG.info(event, extra={"fields": fields})
