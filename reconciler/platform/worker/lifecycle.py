"""The worker's life: it polls until it is asked to end, finishes what it has started, and reports its health."""

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
_PATIENCE = datetime.timedelta(seconds=2)  # for what readiness depends on
_LOOK_EVERY = 5.0  # seconds between looks at what the worker needs
_QUIET = 60.0  # seconds from one warning to the next
_WORKFLOWS = (workflows.GovernanceScheduledRunWorkflow,)

Probe = Callable[[], Awaitable[None]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a worker is built from; `database` raises `errors.ReconcilerError` when it does not answer.

    `notify` is called with each state that systemd is to know.
    """

    client: temporalio.client.Client
    activities: activities.Activities
    database: Probe
    notify: Callable[[str], None] = lambda _: None


def identity(given: str | None) -> str:
    """Return the identity of this process, which names what it registers; preflight reads it."""
    who = given or f"reconciler-worker:{os.getpid()}@{socket.gethostname()}"
    return pollers.identity(who, (governed.WORKFLOW,))


async def run(options: settings.Worker, parts: Parts) -> None:
    """Work until SIGTERM or SIGINT, then drain: what runs may end within the drain timeout, nothing new is started.

    A second signal ends the process at once. Raises as `work` does.
    """
    stopping = asyncio.Event()
    with _listening(stopping):
        await work(options, parts, stopping)


async def work(options: settings.Worker, parts: Parts, stopping: asyncio.Event) -> None:
    """Work until asked to end; raises `errors.ServerError` when the server no longer lets it poll."""
    worker = _worker(options, parts)
    state = _State(worker, parts, stopping)
    async with health.served(options.health, state.ready) if options.health else contextlib.nullcontext():
        polls, waits = asyncio.create_task(worker.run()), asyncio.create_task(stopping.wait())
        watches = asyncio.create_task(watch(state.ready, asyncio.sleep))
        _log("worker started", task_queue=options.task_queue, build_id=options.build_id)
        parts.notify(systemd.READY)
        await asyncio.wait({polls, waits}, return_when=asyncio.FIRST_COMPLETED)
        _log("worker drains", within=str(options.drain_timeout))
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
    _log("worker ended")


async def watch(ready: health.Ready, pause: Callable[[float], Awaitable[None]]) -> None:
    """Warn when something that is needed goes away or comes back, at most once a minute; ends when it is cancelled."""
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
            # without a behaviour of its own a versioned workflow is refused; runs are short, and replay is tested
            default_versioning_behavior=temporalio.common.VersioningBehavior.AUTO_UPGRADE
            if options.versioned
            else temporalio.common.VersioningBehavior.UNSPECIFIED,
        )
    return temporalio.worker.Worker(
        parts.client,
        task_queue=options.task_queue,
        workflows=_WORKFLOWS,
        activities=parts.activities.all,
        workflow_runner=temporalio.worker.UnsandboxedWorkflowRunner(),  # a sandbox takes a quarter of the firings
        build_id=None if deployment else options.build_id,
        deployment_config=deployment,
        graceful_shutdown_timeout=options.drain_timeout,
    )


class _State:
    """How the worker is, asked by whoever wants to know."""

    def __init__(self, worker: temporalio.worker.Worker, parts: Parts, stopping: asyncio.Event) -> None:
        self._worker = worker
        self._parts = parts
        self._stopping = stopping
        patience = _PATIENCE.total_seconds()
        self._database = probes.Probe(parts.database, patience)
        self._server = probes.Probe(self._served, patience)

    def close(self) -> None:
        """Give up what is still being asked."""
        self._database.close()
        self._server.close()

    async def ready(self) -> Mapping[str, str]:
        """Return each thing that it needs, with what is wrong with it; empty where nothing is."""
        database, server = await asyncio.gather(self._database.answer(), self._server.answer())
        polling_ = "draining" if self._stopping.is_set() else "" if self._worker.is_running else "not polling"
        return {"polling": polling_ or server, "database": database}

    async def _served(self) -> None:
        await self._parts.client.service_client.check_health(timeout=_PATIENCE)


@contextlib.contextmanager
def _listening(stopping: asyncio.Event) -> Iterator[None]:
    """Set `told` at the first signal; the next one ends the process as any other command."""
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
