"""Build a worker from settings and run it."""

from __future__ import annotations

from reconciler import settings
from reconciler.platform import wiring
from reconciler.platform.worker import activities, lifecycle
from reconciler.runtime import clock, systemd


async def run(
    options: settings.Worker, connection: settings.Connection, executor: settings.Executor, database: settings.Database
) -> None:
    """Connect and work until asked to stop; raises `errors.ReconcilerError` if a service cannot be reached."""
    identity = lifecycle.identity(connection.identity)
    async with (
        wiring.store(database) as store,
        wiring.executor(executor, store.executor, clock.now) as executes,
    ):
        steps = activities.Activities(
            runs=store.runs, rows=store.schedules, executor=executes, patience=executor.patience
        )
        client = await wiring.worker_client(connection, identity, options.metrics)
        parts = lifecycle.Parts(
            client=client,
            activities=steps,
            database=store.pool.ping,
            notify=lambda state: systemd.notify(state, connection.environ),
        )
        await lifecycle.run(options, parts)
