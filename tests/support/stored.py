"""Rows of users' schedules for tests, and the store of a database."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from reconciler.platform import executions
from reconciler.platform.postgres import schedules
from reconciler.postgres import pools

NOON = datetime.datetime(2026, 1, 2, 12, tzinfo=datetime.UTC)
HASH = executions.request_hash({"cron": "0 * * * *"})


def new(**changes: Any) -> schedules.New:
    """Return an hourly schedule of alice to be made."""
    given: dict[str, Any] = {
        "id": uuid.uuid4(),
        "owner": "alice",
        "cron": "0 * * * *",
        "timezone": "Europe/Berlin",
        "workflow": "REPORT",
        "input": {"model": "small", "nested": [1, 2.5, None, "ü"]},
        "next_run_at": NOON,
    }
    return schedules.New(**given | changes)


async def rows(pool: pools.Pool) -> tuple[executions.UserSchedule, ...]:
    """Return every row of a database, deleted ones too, the oldest first."""
    async with pool.session() as connection:
        ids = [row["id"] for row in await (await connection.execute("SELECT id FROM schedules")).fetchall()]
    return await schedules.Schedules(pool).some(ids)


def run(schedule_id: uuid.UUID, **changes: Any) -> executions.ScheduleRun:
    """Return a schedule's first attempt of noon, which has just begun."""
    given: dict[str, Any] = {
        "schedule_id": schedule_id,
        "scheduled_for": NOON,
        "started_at": NOON + datetime.timedelta(seconds=1),
        "ended_at": None,
        "state": executions.RunState.RUNNING,
        "attempt": 1,
    }
    return executions.ScheduleRun(**given | changes)


def execution(**changes: Any) -> executions.Execution:
    """Return the firing of a governance schedule at noon."""
    given: dict[str, Any] = {
        "temporal_schedule_id": "governance:alpha",
        "db_schedule_id": None,
        "charter": "ALPHA",
        "entrypoint": "REPORT",
        "input": {"model": "small"},
        "scheduled_for": NOON,
    }
    return executions.Execution(**given | changes)
