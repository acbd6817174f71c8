"""The runs of users' schedules: one row for each firing, no matter how often it is delivered."""

from __future__ import annotations

import datetime
import uuid

from reconciler import errors
from reconciler.platform import executions
from reconciler.platform.postgres import cursors, grants
from reconciler.postgres import database, pools

_GRANTS = """
SELECT schedules.owner, schedules.deleted_at, execution_grants.*, now() AS read_at
FROM schedules LEFT JOIN execution_grants ON execution_grants.subject = schedules.owner
WHERE schedules.id = %s ORDER BY execution_grants.created_at DESC, execution_grants.id DESC
"""
# a firing that is delivered late does not set the time of the next one
_BEGIN = """
WITH begun AS (
    INSERT INTO schedule_runs (
        schedule_id, scheduled_for, started_at, ended_at, status, attempt, error, workflow_id, workflow_run_id
    )
    VALUES (
        %(schedule_id)s, %(scheduled_for)s, %(started_at)s, %(ended_at)s, %(status)s, %(attempt)s, %(error)s,
        %(workflow_id)s, %(workflow_run_id)s
    )
    ON CONFLICT (schedule_id, scheduled_for) DO UPDATE SET
        attempt = greatest(schedule_runs.attempt, excluded.attempt),
        workflow_id = CASE WHEN excluded.attempt < schedule_runs.attempt THEN schedule_runs.workflow_id
            ELSE coalesce(excluded.workflow_id, schedule_runs.workflow_id) END,
        workflow_run_id = CASE WHEN excluded.attempt < schedule_runs.attempt THEN schedule_runs.workflow_run_id
            ELSE coalesce(excluded.workflow_run_id, schedule_runs.workflow_run_id) END
        WHERE schedule_runs.ended_at IS NULL
    RETURNING schedule_id
)
UPDATE schedules SET next_run_at = %(next_run_at)s FROM begun
WHERE schedules.id = begun.schedule_id AND enabled AND deleted_at IS NULL AND NOT EXISTS (
    SELECT FROM schedule_runs AS later
    WHERE later.schedule_id = %(schedule_id)s AND later.scheduled_for > %(scheduled_for)s
)
"""
_END = """
UPDATE schedule_runs SET ended_at = greatest(%(ended_at)s, started_at), status = %(status)s, error = %(error)s
WHERE schedule_id = %(schedule_id)s AND scheduled_for = %(scheduled_for)s AND (ended_at IS NULL OR status = 'gone')
"""
# if a row is locked, another session is recording the end of that run
_CLOSE = """
WITH open AS (
    SELECT schedule_id, scheduled_for FROM schedule_runs
    WHERE schedule_id = %(schedule_id)s AND scheduled_for = %(scheduled_for)s
        AND workflow_run_id = %(workflow_run_id)s AND ended_at IS NULL
    FOR UPDATE SKIP LOCKED
)
UPDATE schedule_runs AS run
SET ended_at = greatest(coalesce(%(ended_at)s, clock_timestamp()), run.started_at), status = %(status)s,
    error = %(error)s
FROM open WHERE run.schedule_id = open.schedule_id AND run.scheduled_for = open.scheduled_for
"""
_OPEN = """
SELECT * FROM schedule_runs
WHERE ended_at IS NULL AND workflow_id IS NOT NULL AND started_at <= clock_timestamp() - %(age)s
    AND (%(at)s::timestamptz IS NULL OR (started_at, schedule_id, scheduled_for) > (%(at)s, %(id)s, %(time)s))
ORDER BY started_at, schedule_id, scheduled_for LIMIT %(limit)s
"""
_FIND = "SELECT * FROM schedule_runs WHERE schedule_id = %(schedule_id)s AND scheduled_for = %(scheduled_for)s"
_PAGE = """
SELECT * FROM schedule_runs
WHERE schedule_id = %(schedule_id)s AND (%(at)s::timestamptz IS NULL OR scheduled_for < %(at)s)
ORDER BY scheduled_for DESC LIMIT %(limit)s
"""
_NO_REASON = "no reason was given"
_BAD = (executions.RunState.FAILED, executions.RunState.REFUSED, executions.RunState.GONE)


class Runs:
    """The runs of users' schedules; implements `ports.Runs`."""

    def __init__(self, pool: pools.Pool) -> None:
        self._pool = pool

    async def why_refused(self, schedule_id: uuid.UUID, workflow: str) -> str:
        """Return why the schedule's owner may not run the workflow now; empty if a grant covers it.

        The current time is the database's.
        """
        async with self._pool.session() as connection:
            rows = await (await connection.execute(_GRANTS, (schedule_id,))).fetchall()
        if not rows:
            return f"schedule {schedule_id} has no row"
        owner, deleted_at = rows[0]["owner"], rows[0]["deleted_at"]
        if deleted_at is not None:
            return f"schedule {schedule_id} was deleted at {executions.moment(deleted_at)}"
        found = [grants.grant(row) for row in rows if row["id"] is not None]
        return grants.why_refused(found, owner, workflow)

    async def begin(self, run: executions.ScheduleRun, next_run_at: datetime.datetime | None) -> None:
        """Record a firing; if one already exists for the same schedule and time, it keeps the higher attempt number.

        A run that has ended is left unchanged. Raises `errors.StoreError` for an unknown schedule. The time of the next
        firing is stored if the schedule is enabled and no later firing has started.
        """
        given = {
            "schedule_id": run.schedule_id,
            "scheduled_for": run.scheduled_for,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "status": run.state.value,
            "attempt": run.attempt,
            "error": _error(run.state, run.error),
            "workflow_id": run.workflow.workflow_id if run.workflow else None,
            "workflow_run_id": run.workflow.run_id if run.workflow else None,
            "next_run_at": next_run_at,
        }
        async with self._pool.session(row=run.schedule_id) as connection:
            await connection.execute(_BEGIN, given)

    async def end(
        self,
        schedule_id: uuid.UUID,
        scheduled_for: datetime.datetime,
        state: executions.RunState,
        ended_at: datetime.datetime,
        error: str = "",
    ) -> None:
        """Record how a run ended; the first recorded end is kept, unless its state is `RunState.GONE`.

        Raises `errors.StoreError` for a run that was never recorded.
        """
        given = {
            "schedule_id": schedule_id,
            "scheduled_for": scheduled_for,
            "status": state.value,
            "ended_at": ended_at,
            "error": _error(state, error),
        }
        async with self._pool.session() as connection:
            ended = await connection.execute(_END, given)
            if ended.rowcount == 0 and not await (await connection.execute(_FIND, given)).fetchone():
                raise errors.StoreError(
                    f"{self._pool.where} has no run of schedule {schedule_id} at {executions.moment(scheduled_for)}",
                    hint="check that nothing else writes to the schedule_runs table",
                )

    async def open(
        self, age: datetime.timedelta, *, limit: int, after: executions.ScheduleRun | None = None
    ) -> tuple[executions.ScheduleRun, ...]:
        """Return the open runs that started at least `age` ago, oldest first, continuing after `after`.

        Runs whose workflow is unknown are omitted.
        """
        values = {
            "age": age,
            "at": after.started_at if after else None,
            "id": after.schedule_id if after else None,
            "time": after.scheduled_for if after else None,
            "limit": limit,
        }
        async with self._pool.session() as connection:
            return tuple(map(_run, await (await connection.execute(_OPEN, values)).fetchall()))

    async def close(self, run: executions.ScheduleRun, ending: executions.Ending) -> bool:
        """Record how an open run ended, and return whether its end was recorded.

        It is not recorded if the run has since ended, another attempt has started, or its row is locked.
        """
        values = {
            "schedule_id": run.schedule_id,
            "scheduled_for": run.scheduled_for,
            "workflow_run_id": run.workflow.run_id if run.workflow else None,
            "status": ending.state.value,
            "ended_at": ending.ended_at,
            "error": _error(ending.state, ending.error),
        }
        async with self._pool.session() as connection:
            return bool((await connection.execute(_CLOSE, values)).rowcount)

    async def find(self, schedule_id: uuid.UUID, scheduled_for: datetime.datetime) -> executions.ScheduleRun | None:
        """Return a firing's run; None if it has not started."""
        given = {"schedule_id": schedule_id, "scheduled_for": scheduled_for}
        async with self._pool.session() as connection:
            row = await (await connection.execute(_FIND, given)).fetchone()
        return _run(row) if row else None

    async def page(
        self, schedule_id: uuid.UUID, *, limit: int, after: cursors.Cursor | None = None
    ) -> tuple[tuple[executions.ScheduleRun, ...], cursors.Cursor | None]:
        """Return a page of a schedule's runs, newest first, and the next page's cursor; None if this is the last."""
        given = {"schedule_id": schedule_id, "at": after.at if after else None, "limit": limit + 1}
        async with self._pool.session() as connection:
            found = tuple(map(_run, await (await connection.execute(_PAGE, given)).fetchall()))
        page = found[:limit]
        more = page and len(found) > limit
        return page, cursors.Cursor(at=page[-1].scheduled_for, id=schedule_id) if more else None


def _error(state: executions.RunState, error: str) -> str:
    """Return the reason, which is required for an unsuccessful run."""
    return database.text(error) or (_NO_REASON if state in _BAD else "")


def _run(row: database.Row) -> executions.ScheduleRun:
    return executions.ScheduleRun(
        schedule_id=row["schedule_id"],
        scheduled_for=row["scheduled_for"].astimezone(datetime.UTC),
        started_at=row["started_at"].astimezone(datetime.UTC),
        ended_at=database.moment(row["ended_at"]),
        state=executions.RunState(row["status"]),
        attempt=row["attempt"],
        error=row["error"],
        workflow=_workflow(row),
    )


def _workflow(row: database.Row) -> executions.WorkflowRun | None:
    if row["workflow_id"] is None:
        return None
    return executions.WorkflowRun(workflow_id=row["workflow_id"], run_id=row["workflow_run_id"])
