"""The audit of applies in PostgreSQL: records an attempt before anything is written, and its outcomes at the end."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from reconciler import errors, settings
from reconciler.plan import ports
from reconciler.postgres import database, migrator, scripts
from reconciler.schedule import observed, ownership

_BEGIN = """
WITH dropped AS (
    DELETE FROM readings
    USING applies
    WHERE applies.number = readings.apply
        AND readings.address = %(address)s AND readings.namespace = %(namespace)s
        AND (
            schedule_id = ANY (%(doubtful)s::text[])
            OR (prefix = %(prefix)s AND owner = %(owner)s AND schedule_id <> ALL (%(declared)s::text[]))
        )
)
INSERT INTO applies (who, run, commit, command, address, namespace, prefix, owner, environment, spec_path, digest,
    started_at)
VALUES (%(who)s, %(run)s, %(commit)s, %(command)s, %(address)s, %(namespace)s, %(prefix)s, %(owner)s, %(environment)s,
    %(spec_path)s, %(digest)s, %(started_at)s)
RETURNING number
"""
_END = """
UPDATE applies SET ended_at = greatest(%(now)s, started_at), managed = %(managed)s, present = %(present)s,
    error = %(error)s
WHERE number = %(number)s AND ended_at IS NULL
"""
# finds an end that was recorded although the response was lost: no other attempt ends at exactly this time
_ENDED_SO = "SELECT 1 FROM applies WHERE number = %(number)s AND ended_at = greatest(%(now)s, started_at)"
_STEP = "INSERT INTO apply_steps (apply, position, schedule_id, verb, status, detail) VALUES (%s, %s, %s, %s, %s, %s)"
_READ = """
INSERT INTO readings (address, namespace, schedule_id, apply, salt, charter, read_at)
SELECT address, namespace, id, number, salt, charter, read_at
FROM applies, unnest(%(ids)s::text[], %(salts)s::bytea[], %(charters)s::text[], %(times)s::timestamptz[])
    AS found (id, salt, charter, read_at)
WHERE number = %(number)s
ORDER BY id
ON CONFLICT (address, namespace, schedule_id) DO UPDATE
    SET apply = excluded.apply, salt = excluded.salt, charter = excluded.charter, read_at = excluded.read_at
"""  # in order, so that concurrent statements do not deadlock
_READINGS = """
SELECT schedule_id, salt, charter, read_at FROM readings WHERE address = %(address)s AND namespace = %(namespace)s
"""
_LATEST = """
SELECT applies.*, (
    SELECT coalesce(jsonb_agg(jsonb_build_object('id', schedule_id, 'verb', verb, 'status', status, 'detail', detail)
        ORDER BY position), '[]')
    FROM apply_steps WHERE apply = applies.number
) AS steps
FROM applies ORDER BY number DESC LIMIT %s
"""
_PRESENT = """
SELECT CASE WHEN regexp_split_to_array(prefix, E'\\n') <@ %(prefixes)s::text[] THEN present ELSE 0 END AS present
FROM applies
WHERE namespace = %(namespace)s AND regexp_split_to_array(prefix, E'\\n') && %(prefixes)s::text[]
    AND present IS NOT NULL AND (owner = %(owner)s OR '' <> ALL (%(prefixes)s::text[]))
ORDER BY number DESC LIMIT 1
"""  # by number, because one machine's clock may be wrong
_COMMIT = """
SELECT commit FROM applies
WHERE namespace = %(namespace)s AND regexp_split_to_array(prefix, E'\\n') && %(prefixes)s::text[]
    AND owner = %(owner)s AND command = 'apply' AND present IS NOT NULL AND commit <> ''
ORDER BY number DESC LIMIT 1
"""


@contextlib.asynccontextmanager
async def opened(chosen: settings.Database) -> AsyncIterator[Audit]:
    """Bring the audit's tables up to date and return the audit; raises `errors.StoreError` on failure."""
    migrated = await migrator.migrate(chosen, (scripts.AUDIT,))
    yield Audit(chosen.url, migrated.location.path)


async def readings(chosen: settings.Database, target: observed.Target) -> Mapping[str, ports.Reading]:
    """Return the readings of a server's schedules, by ID; empty if migrations are pending, which are not applied here.

    Raises `errors.StoreError` if the database does not respond, or is newer than this release.
    """
    status = await migrator.status(chosen)
    if any(each.applied_at is None for each in status.migrations if each.group == scripts.AUDIT):
        return {}
    where = {"address": database.text(target.address), "namespace": database.text(target.namespace)}
    async with database.opened(chosen.url, path=status.location.path) as connection:
        found = await (await connection.execute(_READINGS, where)).fetchall()
    return {
        row["schedule_id"]: ports.Reading(
            charter=row["charter"], salt=bytes(row["salt"]), read_at=row["read_at"].astimezone(datetime.UTC)
        )
        for row in found
    }


class Audit:
    """Records who applied what; implements `ports.Audit`.

    Each call has its own session, so that the end of a long apply can be recorded even if an earlier session was lost.
    """

    def __init__(self, url: str, path: Sequence[str]) -> None:
        self._url = url
        self._path = path

    async def begin(
        self, attempt: ports.Attempt, *, doubtful: Collection[str] = (), declared: Collection[str] | None = None
    ) -> int:
        """Record the start of an attempt, and delete the readings that are no longer valid; see `ports.Audit`."""
        ids = {"doubtful": _texts(doubtful), "declared": None if declared is None else _texts(declared)}
        async with database.opened(self._url, path=self._path) as connection:
            row = await (await connection.execute(_BEGIN, {**_columns(attempt), **ids})).fetchone()
        assert row is not None  # noqa: S101  # RETURNING returns one row
        return int(row["number"])

    async def end(
        self,
        number: int,
        steps: Iterable[ports.Step],
        *,
        left: observed.Left | None,
        error: str = "",
        readings: Mapping[str, ports.Reading] = MappingProxyType({}),
    ) -> None:
        """Record how an apply ended, atomically; on failure, try once more on a new connection.

        Raises `errors.StoreError` if the apply was never started or has already ended, or if both tries fail.
        """
        ending = {
            "number": number,
            "now": datetime.datetime.now(datetime.UTC),
            "managed": left.managed if left else None,
            "present": left.present if left else None,
            "error": database.text(error),
            **_readings(readings),
        }
        rows = [_step(number, *each) for each in enumerate(steps, start=1)]
        try:
            await self._end(ending, rows)
        except errors.StoreError:  # a new session may work even if the first one was lost
            await self._end(ending, rows)

    async def _end(self, ending: Mapping[str, Any], steps: Sequence[tuple[int | str, ...]]) -> None:
        where = database.place(self._url)
        async with (
            database.answering(where),
            database.opened(self._url, path=self._path) as connection,
            connection.transaction(),
        ):
            ended = await connection.execute(_END, ending)
            if ended.rowcount == 1:
                await connection.cursor().executemany(_STEP, steps)
                await connection.execute(_READ, ending)
            elif not await (await connection.execute(_ENDED_SO, ending)).fetchone():
                raise errors.StoreError(
                    f"{where} has no apply {ending['number']} in progress",
                    hint="check that nothing else writes to the applies table",
                )

    async def latest(self, count: int) -> tuple[ports.Record, ...]:
        """Return the latest attempts, newest first."""
        async with database.opened(self._url, path=self._path) as connection:
            found = await (await connection.execute(_LATEST, (max(count, 0),))).fetchall()
        return tuple(map(_record, found))

    async def present(self, target: observed.Target) -> int:
        """Return the number of schedules after the last apply or prune with any of the prefixes; see `ports.Audit`."""
        where = {"namespace": target.namespace, "prefixes": list(target.prefixes), "owner": target.owner}
        async with database.opened(self._url, path=self._path) as connection:
            row = await (await connection.execute(_PRESENT, where)).fetchone()
        return int(row["present"]) if row else 0

    async def commit(self, target: observed.Target) -> str:
        """Return the commit of the owner's last apply that was not refused; empty if none is recorded."""
        where = {"namespace": target.namespace, "prefixes": list(target.prefixes), "owner": target.owner}
        async with database.opened(self._url, path=self._path) as connection:
            row = await (await connection.execute(_COMMIT, where)).fetchone()
        return str(row["commit"]) if row else ""


def _columns(attempt: ports.Attempt) -> dict[str, Any]:
    target = attempt.target
    texts = {
        "who": attempt.who,
        "run": attempt.run,
        "commit": attempt.commit,
        "command": attempt.command,
        "address": target.address,
        "namespace": target.namespace,
        "prefix": ownership.key(target.prefixes),
        "owner": target.owner,
        "spec_path": attempt.spec_path,
        "digest": attempt.digest,
    }
    environment = None if attempt.environment is None else database.text(attempt.environment)
    kept = {name: database.text(value) for name, value in texts.items()}
    return {**kept, "environment": environment, "started_at": attempt.started_at}


def _texts(values: Iterable[str]) -> list[str]:
    return list(map(database.text, values))


def _readings(readings: Mapping[str, ports.Reading]) -> dict[str, list[Any]]:
    """Return the readings as columns, except those whose IDs the database cannot store unchanged."""
    kept = {id_: reading for id_, reading in readings.items() if database.text(id_) == id_}
    return {
        "ids": list(kept),
        "salts": [reading.salt for reading in kept.values()],
        "charters": [reading.charter for reading in kept.values()],
        "times": [reading.read_at for reading in kept.values()],
    }


def _step(number: int, position: int, step: ports.Step) -> tuple[int | str, ...]:
    return (number, position, *map(database.text, (step.id, step.verb, step.status, step.detail)))


def _record(row: dict[str, Any]) -> ports.Record:
    target = observed.Target(
        address=row["address"],
        namespace=row["namespace"],
        prefixes=ownership.from_key(row["prefix"]),
        owner=row["owner"],
        of_users=row["command"] == "repair",
    )
    attempt = ports.Attempt(
        command=row["command"],
        who=row["who"],
        run=row["run"],
        commit=row["commit"],
        started_at=row["started_at"].astimezone(datetime.UTC),
        target=target,
        spec_path=row["spec_path"],
        environment=row["environment"],
        digest=row["digest"],
    )
    return ports.Record(
        number=row["number"],
        attempt=attempt,
        ended_at=row["ended_at"].astimezone(datetime.UTC) if row["ended_at"] else None,
        steps=tuple(ports.Step(**step) for step in row["steps"]),
        managed=row["managed"],
        error=row["error"],
    )
