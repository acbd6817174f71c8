"""A database as an earlier release left it: its tables in the schema public, with its record of the migrations."""

from __future__ import annotations

import hashlib
import pathlib

import psycopg

import reconciler

FOLDER = pathlib.Path(reconciler.__file__).parent / "postgres" / "migrations"
RECORDS = """
CREATE TABLE IF NOT EXISTS reconciler_migrations (
    number     integer PRIMARY KEY CHECK (number > 0),
    name       text NOT NULL UNIQUE,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""
RECORD = "INSERT INTO reconciler_migrations (number, name, sha256) VALUES (%s, %s, %s)"


def files() -> list[pathlib.Path]:
    """Return the migrations, by number."""
    return sorted(FOLDER.glob("*/*.sql"), key=lambda path: path.name)


def migrate(url: str, *, last: int | None = None, schema: str = "public") -> list[str]:
    """Create the tables of the migrations up to a number, or of all, as that release did; return the names."""
    names = []
    with psycopg.connect(url, autocommit=True, options=f"-csearch_path={schema}") as connection:
        connection.execute(RECORDS)
        for path in files()[:last]:
            text = path.read_bytes()
            connection.execute(text)
            connection.execute(RECORD, (int(path.name[:4]), path.stem, hashlib.sha256(text).hexdigest()))
            names.append(path.stem)
    return names
