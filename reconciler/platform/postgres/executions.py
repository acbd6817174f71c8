"""Execution requests and their outcomes: one for each idempotency key, no matter how often it is sent."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping

import psycopg
from psycopg.types import json

from reconciler import errors, json_values
from reconciler.platform import executions
from reconciler.postgres import database, pools

_SHOWN = 200  # characters of a key in a message
_BEGIN = """
INSERT INTO execution_requests (
    idempotency_key, request_hash, run_id, workflow, request, status, response, created_at, ended_at
)
VALUES (
    %(key)s, %(request_hash)s, %(run_id)s, %(workflow)s, %(request)s, %(status)s, %(response)s, now(),
    CASE WHEN %(status)s <> 'pending' THEN now() END
)
ON CONFLICT (idempotency_key) DO NOTHING
RETURNING *
"""
_FIND = "SELECT * FROM execution_requests WHERE idempotency_key = %(key)s"
_END = """
UPDATE execution_requests SET status = %(status)s, response = %(response)s, ended_at = greatest(created_at, now())
WHERE idempotency_key = %(key)s AND status = 'pending'
RETURNING *
"""


class Executor:
    """Executes by recording the request; implements `ports.Executor`.

    For an execution that runs elsewhere, the caller records the start and the end of the request here.
    """

    def __init__(self, pool: pools.Pool) -> None:
        self._pool = pool

    async def execute(self, execution: executions.Execution) -> executions.ExecutionRequest:
        """Write the request and mark it as done, atomically; if the key already exists, return the recorded outcome.

        Raises `errors.ExecutionRefusedError` for a key that another request used and for a request that cannot be
        stored, and `errors.StoreError` if the request may be retried.
        """
        key, request = execution.idempotency_key, execution.request
        async with self._pool.session(row=key) as connection:
            found, _ = await _begin(
                connection, key, executions.request_hash(request), execution.entrypoint, request, is_done=True
            )
            if found.state is not executions.RequestState.PENDING:
                return found
            return await self._end(connection, key, executions.RequestState.DONE, _done(found.run_id))

    async def begin(
        self, key: str, request_hash: str, workflow: str, request: Mapping[str, json_values.Json]
    ) -> tuple[executions.ExecutionRequest, bool]:
        """Write a pending request, and return it and whether it is new; if the key exists, return the current request.

        Raises the same errors as `execute`.
        """
        async with self._pool.session(row=key) as connection:
            return await _begin(connection, key, request_hash, workflow, request)

    async def end(
        self, key: str, state: executions.RequestState, response: Mapping[str, json_values.Json]
    ) -> executions.ExecutionRequest:
        """Record the outcome of a request, unless it already has one, and return the request.

        Raises `errors.MissingError` for an unknown key.
        """
        async with self._pool.session(row=key) as connection:
            return await self._end(connection, key, state, response)

    async def find(self, key: str) -> executions.ExecutionRequest | None:
        """Return the request with a key; None if there is none."""
        async with self._pool.session() as connection:
            row = await (await connection.execute(_FIND, {"key": key})).fetchone()
        return _request(row) if row else None

    async def _end(
        self,
        connection: database.Connection,
        key: str,
        state: executions.RequestState,
        response: Mapping[str, json_values.Json],
    ) -> executions.ExecutionRequest:
        given = {"key": key, "status": state.value, "response": json.Jsonb(response)}
        row = await (await connection.execute(_END, given)).fetchone()
        row = row or await (await connection.execute(_FIND, given)).fetchone()
        if row is None:
            raise errors.MissingError(f"execution request {key} does not exist", hint="start it first")
        return _request(row)


async def _begin(
    connection: database.Connection,
    key: str,
    request_hash: str,
    workflow: str,
    request: Mapping[str, json_values.Json],
    *,
    is_done: bool = False,
) -> tuple[executions.ExecutionRequest, bool]:
    """Write a request or read the existing one, waiting for any other session that is writing it.

    If `is_done`, one statement writes both the request and its outcome.
    """
    run_id = uuid.uuid4()
    given = {
        "key": key,
        "request_hash": request_hash,
        "run_id": run_id,
        "workflow": workflow,
        "request": json.Jsonb(request),
        "status": (executions.RequestState.DONE if is_done else executions.RequestState.PENDING).value,
        "response": json.Jsonb(_done(run_id) if is_done else {}),
    }
    try:
        made = await (await connection.execute(_BEGIN, given)).fetchone()
    except (psycopg.Error, UnicodeEncodeError) as error:
        unfit = database.unfit(error)
        if not unfit:
            raise
        raise errors.ExecutionRefusedError(
            f"request {_short(key)} cannot be stored: {unfit}",
            hint="send plain JSON without NUL characters, or use a shorter key",
        ) from None
    row = made or await (await connection.execute(_FIND, given)).fetchone()
    if row is None or row["request_hash"] != request_hash:
        raise errors.ExecutionRefusedError(
            f"idempotency key {_short(key)} was already used for another request",
            hint="send a new key for a new request",
        )
    return _request(row), made is not None


def _done(run_id: uuid.UUID) -> dict[str, json_values.Json]:
    return {"runId": str(run_id), "status": executions.RequestState.DONE.value}


def _short(key: str) -> str:
    """Return an arbitrary key in a form that is safe for messages."""
    return ascii(key)[1:-1][:_SHOWN]


def _request(row: database.Row) -> executions.ExecutionRequest:
    return executions.ExecutionRequest(
        idempotency_key=row["idempotency_key"],
        request_hash=row["request_hash"],
        run_id=row["run_id"],
        workflow=row["workflow"],
        state=executions.RequestState(row["status"]),
        response=row["response"],
        created_at=row["created_at"].astimezone(datetime.UTC),
        ended_at=database.moment(row["ended_at"]),
    )
