"""Grants: who may run which workflows and call the service. Only the SHA-256 of a grant's token is stored.

All times are set by the database's clock, so a machine whose clock is wrong neither accepts an expired grant nor
rejects a valid one.
"""

from __future__ import annotations

import datetime
import secrets
import uuid
from collections.abc import Iterable

from reconciler import errors
from reconciler.platform import executions
from reconciler.postgres import database, pools

PREFIX = "rcn_"  # lets secret scanners recognize a token
_CREATE = """
INSERT INTO execution_grants (subject, scopes, token_sha256, created_at, expires_at)
VALUES (%(subject)s, %(scopes)s, %(token_sha256)s, now(), now() + %(expires_in)s::interval)
RETURNING *, now() AS read_at
"""
_FIND = "SELECT *, now() AS read_at FROM execution_grants WHERE token_sha256 = %s"
_LIST = """
SELECT *, now() AS read_at FROM execution_grants WHERE %(subject)s::text IS NULL OR subject = %(subject)s
ORDER BY created_at DESC, id DESC
"""
_REVOKE = """
UPDATE execution_grants SET revoked_at = coalesce(revoked_at, greatest(created_at, now())) WHERE id = %(id)s
RETURNING *, now() AS read_at
"""


class Grants:
    """The grants of a database."""

    def __init__(self, pool: pools.Pool) -> None:
        self._pool = pool

    async def create(
        self, subject: str, scopes: Iterable[str], expires_in: datetime.timedelta | None = None
    ) -> tuple[executions.Grant, str]:
        """Create a grant, and return it and its token, which cannot be read again."""
        token = PREFIX + secrets.token_urlsafe(32)
        given = {
            "subject": subject,
            "scopes": list(dict.fromkeys(scopes)),
            "token_sha256": executions.token_sha256(token),
            "expires_in": expires_in,
        }
        async with self._pool.session() as connection:
            row = await (await connection.execute(_CREATE, given)).fetchone()
        assert row is not None  # noqa: S101  # RETURNING returns one row
        return grant(row), token

    async def by_token(self, token: str) -> executions.Grant | None:
        """Return the grant that a token belongs to, valid or not; None if there is none."""
        async with self._pool.session() as connection:
            row = await (await connection.execute(_FIND, (executions.token_sha256(token),))).fetchone()
        return grant(row) if row else None

    async def list(self, subject: str | None = None) -> tuple[executions.Grant, ...]:
        """Return the grants of one subject or of all, including invalid ones, newest first."""
        async with self._pool.session() as connection:
            return await of(connection, subject)

    async def revoke(self, grant_id: uuid.UUID) -> executions.Grant:
        """Revoke a grant and return it; if it was already revoked, the original time is kept.

        Raises `errors.MissingError` for an unknown grant.
        """
        async with self._pool.session() as connection:
            row = await (await connection.execute(_REVOKE, {"id": grant_id})).fetchone()
        if row is None:
            raise errors.MissingError(f"there is no grant {grant_id}", hint="see reconciler grant list")
        return grant(row)


async def of(connection: database.Connection, subject: str | None) -> tuple[executions.Grant, ...]:
    """Return the grants of a subject, or of all."""
    return tuple(map(grant, await (await connection.execute(_LIST, {"subject": subject})).fetchall()))


def why_refused(found: Iterable[executions.Grant], subject: str, workflow: str) -> str:
    """Return why no grant allows the subject to run a workflow; empty if one does.

    If several invalid grants cover the workflow, the reason is that of the newest.
    """
    reasons = [each.why_void for each in found if each.covers(workflow)]
    if not reasons:
        return f"no grant for {subject} covers workflow {workflow!r}"
    return "" if "" in reasons else reasons[0]


def grant(row: database.Row) -> executions.Grant:
    """Return the grant in a row, which must also have `read_at`."""
    created_at = row["created_at"].astimezone(datetime.UTC)
    return executions.Grant(
        id=row["id"],
        subject=row["subject"],
        scopes=tuple(row["scopes"]),
        created_at=created_at,
        read_at=row["read_at"].astimezone(datetime.UTC),
        expires_at=database.moment(row["expires_at"]),
        revoked_at=database.moment(row["revoked_at"]),
    )
