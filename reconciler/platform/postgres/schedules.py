"""Users' schedules: one row each, declaring what Temporal should have; deleted rows are kept for their runs."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg.types import json

from reconciler import errors, json_values
from reconciler.platform import executions
from reconciler.platform.postgres import cursors
from reconciler.postgres import database, pools

_OWNER = "SELECT id FROM installation"
_OUTLINES = """
SELECT id, cron, timezone, enabled, revision, synced_revision, deleted_at FROM schedules
WHERE deleted_at IS NULL OR synced_revision < revision
"""
_SOME = "SELECT * FROM schedules WHERE id = ANY(%s) ORDER BY created_at, id"
_UNSYNCED = "SELECT count(*) AS rows FROM schedules WHERE synced_revision < revision"
_AT_ONCE = 1000  # complete rows per statement, because inputs may be large
_FIND = "SELECT * FROM schedules WHERE id = %s"
# locked in the order of their IDs, so that concurrent statements do not deadlock
_SYNCED = """
UPDATE schedules SET synced_revision = greatest(synced_revision, least(given.revision, schedules.revision))
FROM (
    SELECT row.id, said.revision
    FROM schedules AS row JOIN unnest(%(ids)s::uuid[], %(revisions)s::bigint[]) AS said (id, revision) USING (id)
    WHERE row.synced_revision < said.revision
    ORDER BY row.id FOR NO KEY UPDATE OF row
) AS given
WHERE schedules.id = given.id
"""
_CREATE = """
INSERT INTO schedules (id, owner, cron, timezone, workflow, input, enabled, next_run_at, idempotency_key, request_hash,
    created_at, updated_at)
VALUES (%(id)s, %(owner)s, %(cron)s, %(timezone)s, %(workflow)s, %(input)s, %(enabled)s, %(next_run_at)s,
    %(idempotency_key)s, %(request_hash)s, now(), now())
ON CONFLICT (owner, idempotency_key) DO NOTHING
RETURNING *
"""
# serialized per owner, so that two concurrent requests cannot exceed the quota together
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock('schedules'::regclass::oid::integer, hashtext(%(owner)s))"
_COUNT = """
SELECT count(*) FROM (
    SELECT FROM schedules WHERE owner = %(owner)s AND deleted_at IS NULL LIMIT %(quota)s + 1
) AS counted
"""
_BY_KEY = "SELECT * FROM schedules WHERE owner = %(owner)s AND idempotency_key = %(idempotency_key)s"
_ANSWERED = """
UPDATE schedules SET create_response = coalesce(create_response, %(response)s) WHERE id = %(id)s
RETURNING create_response
"""
_ANSWER = "SELECT create_response FROM schedules WHERE id = %(id)s"
_GET = "SELECT * FROM schedules WHERE owner = %(owner)s AND id = %(id)s AND deleted_at IS NULL"
_PAGE = """
SELECT * FROM schedules
WHERE owner = %(owner)s AND deleted_at IS NULL AND (%(enabled)s::boolean IS NULL OR enabled = %(enabled)s)
    AND (%(workflows)s::text[] IS NULL OR workflow = ANY(%(workflows)s))
    AND (%(at)s::timestamptz IS NULL OR (created_at, id) < (%(at)s, %(id)s::uuid))
ORDER BY created_at DESC, id DESC LIMIT %(limit)s
"""
_EXPECTED = """
WHERE owner = %(owner)s AND id = %(id)s AND deleted_at IS NULL
    AND (%(expected)s::bigint IS NULL OR revision = %(expected)s)
RETURNING *
"""
_UPDATE = f"""
UPDATE schedules SET
    cron = coalesce(%(cron)s, cron),
    timezone = coalesce(%(timezone)s, timezone),
    workflow = coalesce(%(workflow)s, workflow),
    input = coalesce(%(input)s, input),
    enabled = coalesce(%(enabled)s, enabled),
    next_run_at = CASE
        WHEN NOT coalesce(%(enabled)s, enabled) THEN NULL
        WHEN %(moved)s THEN %(next_run_at)s
        ELSE coalesce(%(next_run_at)s, next_run_at)
    END,
    revision = revision + 1,
    updated_at = greatest(updated_at, clock_timestamp())
{_EXPECTED}
"""  # noqa: S608  # built from constants
_DELETE = f"""
UPDATE schedules SET
    next_run_at = NULL,
    revision = revision + 1,
    updated_at = greatest(updated_at, clock_timestamp()),
    deleted_at = greatest(updated_at, clock_timestamp())
{_EXPECTED}
"""  # noqa: S608  # built from constants


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class New:
    """A row to create; with an idempotency key, repeated requests create it only once."""

    id: uuid.UUID
    owner: str
    cron: str
    timezone: str
    workflow: str
    input: Mapping[str, json_values.Json]
    enabled: bool = True
    next_run_at: datetime.datetime | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """The changes to a row; None leaves a column unchanged.

    `next_run_at` depends on cron, timezone, and enabled: if any of these is specified, None clears it. It is not stored
    for a row that is not enabled.
    """

    cron: str | None = None
    timezone: str | None = None
    workflow: str | None = None
    input: Mapping[str, json_values.Json] | None = None
    enabled: bool | None = None
    next_run_at: datetime.datetime | None = None


class Schedules:
    """The rows of users' schedules; implements `ports.Rows` and the operations that the service offers."""

    def __init__(self, pool: pools.Pool) -> None:
        self._pool = pool

    async def owner(self) -> str:
        """Return the owner mark of this database's schedules, which is unique to the database."""
        async with self._pool.session() as connection:
            row = await (await connection.execute(_OWNER)).fetchone()
        if row is None:
            raise errors.StoreError(
                f"{self._pool.where} has lost its installation ID", hint="restore the installation table"
            )
        return f"database:{row['id']}"

    async def outlines(self) -> tuple[executions.Outline, ...]:
        """Return an outline of every row that is not deleted or whose latest revision Temporal may not have."""
        async with self._pool.session() as connection:
            rows = await (await connection.execute(_OUTLINES)).fetchall()
        return tuple(executions.Outline(**row) for row in rows)

    async def some(self, ids: Iterable[uuid.UUID]) -> tuple[executions.UserSchedule, ...]:
        """Return the current rows with these IDs, including deleted ones, oldest first within each batch of 1,000."""
        wanted = list(ids)
        rows: list[executions.UserSchedule] = []
        for start in range(0, len(wanted), _AT_ONCE):
            async with self._pool.session() as connection:
                found = await connection.execute(_SOME, (wanted[start : start + _AT_ONCE],))
                rows.extend(map(_schedule, await found.fetchall()))
        return tuple(rows)

    async def find(self, schedule_id: uuid.UUID) -> executions.UserSchedule | None:
        """Return the current row, deleted or not; None if there is none."""
        async with self._pool.session() as connection:
            row = await (await connection.execute(_FIND, (schedule_id,))).fetchone()
        return _schedule(row) if row else None

    async def synced(self, revisions: Mapping[uuid.UUID, int]) -> None:
        """Record the row revisions that Temporal has; a recorded revision never decreases."""
        given = {"ids": list(revisions.keys()), "revisions": list(revisions.values())}
        only = next(iter(revisions)) if len(revisions) == 1 else None
        async with self._pool.session(row=only) as connection:
            await connection.execute(_SYNCED, given)

    async def unsynced(self, *, patience: float | None = None) -> int:
        """Return the number of rows with a revision that Temporal is not known to have."""
        async with self._pool.session(patience=patience) as connection:
            row = await (await connection.execute(_UNSYNCED)).fetchone()
        return int(row["rows"]) if row else 0

    async def create(self, new: New, *, quota: int | None = None) -> tuple[executions.UserSchedule, bool]:
        """Create a row, and return it and whether it is new; if the key was used before, return the row created then.

        That row is returned as it is now, possibly deleted. Raises `errors.IdempotencyConflictError` for a key that
        was used for another request, and `errors.QuotaError` for a new row that exceeds the owner's `quota`.
        """
        given = {name: getattr(new, name) for name in _COLUMNS} | {"input": json.Jsonb(new.input)}
        async with self._pool.transaction(caller=new.owner) as connection:
            if quota is not None:
                await connection.execute(_ONE_AT_A_TIME, given)
            made = await (await connection.execute(_CREATE, given)).fetchone()
            if made is not None:
                await _check_quota(connection, new.owner, quota)
                return _schedule(made), True
            known = await (await connection.execute(_BY_KEY, given)).fetchone()
        if known is None or known["request_hash"] != new.request_hash:
            raise errors.IdempotencyConflictError(
                "the idempotency key was already used for another schedule", hint="send a new key for a new request"
            )
        return _schedule(known), False

    async def answered(self, schedule_id: uuid.UUID, response: Mapping[str, json_values.Json]) -> dict[str, Any]:
        """Record the response to a create request with a key, and return it; the first response is kept."""
        given = {"id": schedule_id, "response": json.Jsonb(response)}
        async with self._pool.session(row=schedule_id) as connection:
            row = await (await connection.execute(_ANSWERED, given)).fetchone()
        return dict(row["create_response"]) if row else dict(response)

    async def answer(self, schedule_id: uuid.UUID) -> dict[str, Any] | None:
        """Return the recorded response to the request that created a row; None if there is none."""
        async with self._pool.session() as connection:
            row = await (await connection.execute(_ANSWER, {"id": schedule_id})).fetchone()
        return dict(row["create_response"]) if row and row["create_response"] is not None else None

    async def get(self, owner: str, schedule_id: uuid.UUID) -> executions.UserSchedule | None:
        """Return an owner's row; None if it does not exist, is deleted, or belongs to someone else."""
        async with self._pool.session(caller=owner) as connection:
            row = await (await connection.execute(_GET, {"owner": owner, "id": schedule_id})).fetchone()
        return _schedule(row) if row else None

    async def page(
        self,
        owner: str,
        *,
        limit: int,
        after: cursors.Cursor | None = None,
        enabled: bool | None = None,
        workflows: Sequence[str] | None = None,
    ) -> tuple[tuple[executions.UserSchedule, ...], cursors.Cursor | None]:
        """Return a page of an owner's rows, newest first, and the cursor of the next page; None if this is the last.

        `enabled` and `workflows` filter the rows unless they are None.
        """
        at, id_ = (after.at, after.id) if after else (None, None)
        only = None if workflows is None else list(workflows)
        given = {"owner": owner, "enabled": enabled, "workflows": only, "at": at, "id": id_, "limit": limit + 1}
        async with self._pool.session(caller=owner) as connection:
            found = tuple(map(_schedule, await (await connection.execute(_PAGE, given)).fetchall()))
        page = found[:limit]
        more = page and len(found) > limit
        return page, cursors.Cursor(at=page[-1].created_at, id=page[-1].id) if more else None

    async def update(
        self, owner: str, schedule_id: uuid.UUID, changes: Changes, *, expected_revision: int | None = None
    ) -> executions.UserSchedule:
        """Change a row, increment its revision, and return it.

        Raises `errors.RevisionError` if it is not at the expected revision, and `errors.MissingError` if `get` would
        return None.
        """
        given = {each.name: getattr(changes, each.name) for each in dataclasses.fields(changes)}
        given["input"] = None if changes.input is None else json.Jsonb(changes.input)
        given["moved"] = (changes.cron, changes.timezone, changes.enabled) != (None, None, None)
        return await self._write(_UPDATE, owner, schedule_id, expected_revision, given)

    async def delete(
        self, owner: str, schedule_id: uuid.UUID, *, expected_revision: int | None = None
    ) -> executions.UserSchedule:
        """Mark a row as deleted, increment its revision, and return it; raises the same errors as `update`."""
        return await self._write(_DELETE, owner, schedule_id, expected_revision, {})

    async def _write(
        self, statement: str, owner: str, schedule_id: uuid.UUID, expected: int | None, values: Mapping[str, Any]
    ) -> executions.UserSchedule:
        given = {**values, "owner": owner, "id": schedule_id, "expected": expected}
        async with self._pool.session(caller=owner, row=schedule_id) as connection:
            row = await (await connection.execute(statement.encode(), given)).fetchone()
            if row is None:
                raise _unwritten(await (await connection.execute(_GET, given)).fetchone(), schedule_id, expected)
        return _schedule(row)


async def _check_quota(connection: database.Connection, owner: str, quota: int | None) -> None:
    """Raise an error, which rolls back the new row, if that row exceeds the quota."""
    if quota is None:
        return
    row = await (await connection.execute(_COUNT, {"owner": owner, "quota": quota})).fetchone()
    if row is None or row["count"] > quota:
        raise errors.QuotaError(
            f"you already have {quota} schedules, which is the maximum", hint="delete one that you do not need"
        )


def _unwritten(row: database.Row | None, schedule_id: uuid.UUID, expected: int | None) -> errors.ReconcilerError:
    """Return why a row was not written."""
    if row is None:
        return errors.MissingError(f"schedule {schedule_id} does not exist", hint="list the existing schedules")
    return errors.RevisionError(
        f"schedule {schedule_id} is at revision {row['revision']}, not {expected}", hint="read it again, then retry"
    )


_COLUMNS = tuple(each.name for each in dataclasses.fields(New))
_FIELDS = tuple(each.name for each in dataclasses.fields(executions.UserSchedule))
_TIMES = ("next_run_at", "created_at", "updated_at", "deleted_at")


def _schedule(row: database.Row) -> executions.UserSchedule:
    values = {name: row[name] for name in _FIELDS}
    return executions.UserSchedule(**values | {name: database.moment(row[name]) for name in _TIMES})
