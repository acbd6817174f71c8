"""The schema that contains our tables: their own, or the one in which an earlier release created them.

Earlier releases created them in the first schema of the role's search path, usually `public`. Those tables stay in
use there until `reconciler db move` moves them.
"""

from __future__ import annotations

import dataclasses

from psycopg import sql

from reconciler.postgres import database

RECORDS = "reconciler_migrations"  # the table of applied migrations; its schema contains our tables
# the comment on the records table; a table in an earlier release's schema does not have it
MARK = "Records of reconciler, whose tables have a schema of their own."
_COLUMNS = ("number", "name", "sha256", "applied_at")
_FIND = """
SELECT namespace.nspname AS name
FROM pg_catalog.pg_class AS class JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relname = %(records)s AND class.relkind = 'r' AND (
    namespace.nspname = %(schema)s OR (
        namespace.nspname = ANY(pg_catalog.current_schemas(false))
        AND pg_catalog.obj_description(class.oid, 'pg_class') IS DISTINCT FROM %(mark)s
        AND 4 = (  -- another application may have a table with this name
            SELECT count(*) FROM pg_catalog.pg_attribute AS attribute
            WHERE attribute.attrelid = class.oid AND attribute.attname = ANY(%(columns)s) AND NOT attribute.attisdropped
        )
    )
)
ORDER BY namespace.nspname = %(schema)s DESC,
    pg_catalog.array_position(pg_catalog.current_schemas(false), namespace.nspname)
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """Where our tables are: in `earlier` if set, or else in `schema`; `exists` is False before the first migration."""

    schema: str
    earlier: str | None = None
    exists: bool = True

    @property
    def current(self) -> str:
        """Return the schema in which the tables are now, or will be created."""
        return self.earlier or self.schema

    @property
    def path(self) -> tuple[str, ...]:
        """Return the search path with which a session finds the tables even if they are moved later."""
        return (self.earlier, self.schema) if self.earlier else (self.schema,)


async def find(connection: database.Connection, schema: str) -> tuple[Location, ...]:
    """Return every location of our tables, the one in use first, or else the one where they will be created.

    The session must have the role's own search path.
    """
    given = {"schema": schema, "records": RECORDS, "mark": MARK, "columns": list(_COLUMNS)}
    names = [row["name"] for row in await (await connection.execute(_FIND, given)).fetchall()]
    places = tuple(Location(schema=schema, earlier=None if name == schema else name) for name in names)
    return places or (Location(schema=schema, exists=False),)


def name(schema: str, relation: str) -> sql.Identifier:
    """Return a relation's name, qualified and quoted."""
    return sql.Identifier(schema, relation)
