"""What the database itself refuses, whoever writes: each constraint, with a row that breaks only that one."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from reconciler import settings
from reconciler.postgres import migrator
from tests.support import postgres, stored

SCHEDULE = {"id": str(uuid.uuid4()), "owner": "a", "cron": "0 * * * *", "timezone": "UTC", "workflow": "W"}
GRANT = {"subject": "a", "scopes": ["W"], "token_sha256": b"\0" * 32}
REQUEST = {"idempotency_key": "k", "request_hash": stored.HASH, "workflow": "W", "request": "{}", "status": "pending"}
LATER, EARLIER = "2100-01-01", "2000-01-01"
BAD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("installation", {}, {"only_row": True}),
    ("installation", {}, {"only_row": False}),
    ("execution_grants", GRANT, {"subject": ""}),
    ("execution_grants", GRANT, {"scopes": []}),
    ("execution_grants", GRANT, {"scopes": ["W", None]}),
    ("execution_grants", GRANT, {"scopes": ["W", ""]}),
    ("execution_grants", GRANT, {"token_sha256": b"\0" * 31}),
    ("execution_grants", GRANT, {"expires_at": EARLIER}),
    ("execution_grants", GRANT, {"revoked_at": EARLIER}),
    ("schedules", SCHEDULE, {"owner": ""}),
    ("schedules", SCHEDULE, {"cron": ""}),
    ("schedules", SCHEDULE, {"timezone": ""}),
    ("schedules", SCHEDULE, {"workflow": ""}),
    ("schedules", SCHEDULE, {"input": "[]"}),
    ("schedules", SCHEDULE, {"input": "null"}),
    ("schedules", SCHEDULE, {"enabled": None}),
    ("schedules", SCHEDULE, {"revision": 0}),
    ("schedules", SCHEDULE, {"synced_revision": -1}),
    ("schedules", SCHEDULE, {"synced_revision": 2}),
    ("schedules", SCHEDULE, {"idempotency_key": "k"}),
    ("schedules", SCHEDULE, {"request_hash": stored.HASH}),
    ("schedules", SCHEDULE, {"idempotency_key": "", "request_hash": stored.HASH}),
    ("schedules", SCHEDULE, {"idempotency_key": "k", "request_hash": "sha256:ABC"}),
    ("schedules", SCHEDULE, {"updated_at": EARLIER}),
    ("schedules", SCHEDULE, {"deleted_at": EARLIER}),
    ("schedules", SCHEDULE, {"enabled": False, "next_run_at": LATER}),
    ("schedules", SCHEDULE, {"deleted_at": LATER, "next_run_at": LATER}),
    ("execution_requests", REQUEST, {"idempotency_key": ""}),
    ("execution_requests", REQUEST, {"request_hash": "0" * 64}),
    ("execution_requests", REQUEST, {"workflow": ""}),
    ("execution_requests", REQUEST, {"request": None}),
    ("execution_requests", REQUEST, {"status": "running"}),
    ("execution_requests", REQUEST, {"status": "done"}),
    ("execution_requests", REQUEST, {"ended_at": LATER}),
    ("execution_requests", REQUEST, {"status": "failed", "ended_at": EARLIER}),
    ("execution_requests", REQUEST, {"response": "[]"}),
]
RUN = {
    "schedule_id": SCHEDULE["id"],
    "scheduled_for": EARLIER,
    "started_at": EARLIER,
    "status": "running",
    "attempt": 1,
}
BAD += [
    ("schedule_runs", RUN, {"schedule_id": str(uuid.uuid4())}),
    ("schedule_runs", RUN, {"scheduled_for": None}),
    ("schedule_runs", RUN, {"status": "started"}),
    ("schedule_runs", RUN, {"status": "done"}),
    ("schedule_runs", RUN, {"ended_at": LATER}),
    ("schedule_runs", RUN, {"status": "done", "ended_at": "1999-12-31"}),
    ("schedule_runs", RUN, {"attempt": 0}),
    ("schedule_runs", RUN, {"error": "why"}),
    ("schedule_runs", RUN, {"status": "done", "ended_at": LATER, "error": "why"}),
    ("schedule_runs", RUN, {"status": "failed", "ended_at": LATER}),
    ("schedule_runs", RUN, {"status": "refused", "ended_at": LATER}),
    ("schedule_runs", RUN, {"status": "gone", "ended_at": LATER}),
    ("schedule_runs", RUN, {"status": "gone", "error": "why"}),
    ("schedule_runs", RUN, {"workflow_id": "w"}),
    ("schedule_runs", RUN, {"workflow_run_id": "r"}),
    ("schedule_runs", RUN, {"workflow_id": "", "workflow_run_id": "r"}),
    ("schedule_runs", RUN, {"workflow_id": "w", "workflow_run_id": ""}),
]
UNIQUE: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("execution_grants", GRANT, {}),
    ("schedules", SCHEDULE, {}),
    ("schedules", SCHEDULE | {"idempotency_key": "k", "request_hash": stored.HASH}, {"id": str(uuid.uuid4())}),
    ("schedule_runs", RUN, {"started_at": LATER}),
    ("execution_requests", REQUEST, {"request_hash": "sha256:" + "f" * 64}),
    ("execution_requests", REQUEST | {"run_id": SCHEDULE["id"]}, {"idempotency_key": "another"}),
]


@pytest.fixture(scope="module")
def tables(database_server: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with the tables, in which no row is ever kept."""
    with postgres.database(database_server) as url:
        asyncio.run(migrator.migrate(settings.Database(url=url)))
        with psycopg.connect(url, options=postgres.PATH) as connection:
            yield connection


def insert(connection: psycopg.Connection[Any], table: str, row: dict[str, Any]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(map(sql.Placeholder, row)),
    )
    connection.execute(statement, row)


def prepared(connection: psycopg.Connection[Any], table: str) -> None:
    """Begin anew, with the schedule that a run needs."""
    connection.rollback()
    if table == "schedule_runs":
        insert(connection, "schedules", SCHEDULE)


@pytest.mark.parametrize(("table", "good", "bad"), BAD)
def test_the_database_refuses_a_row_that_cannot_be(
    tables: psycopg.Connection[Any], table: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    prepared(tables, table)
    if good:
        insert(tables, table, good)  # nothing else is wrong with it
    prepared(tables, table)
    with pytest.raises(psycopg.IntegrityError):
        insert(tables, table, good | bad)
    tables.rollback()


@pytest.mark.parametrize(("table", "good", "other"), UNIQUE)
def test_the_database_refuses_a_row_twice(
    tables: psycopg.Connection[Any], table: str, good: dict[str, Any], other: dict[str, Any]
) -> None:
    prepared(tables, table)
    insert(tables, table, good)
    with pytest.raises(psycopg.errors.UniqueViolation):
        insert(tables, table, good | other)
    tables.rollback()
