"""The migrations of this release: numbered SQL files, in one directory for each group of tables.

The audit's tables and those of users' schedules are created independently, when they are first needed. Numbers are
unique across the groups, so that one table can record all of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.resources
import re
from importlib.resources.abc import Traversable

FOLDER = importlib.resources.files("reconciler") / "postgres" / "migrations"
AUDIT = "audit"
SCHEDULES = "schedules"
GROUPS = (AUDIT, SCHEDULES)
_CREATED = re.compile(rb"^CREATE (TABLE|TYPE|DOMAIN|SEQUENCE|VIEW|FUNCTION) (\w+)", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A migration: `0001_audit.sql` in the `audit` directory has number 1, name 0001_audit, and group audit."""

    number: int
    name: str
    group: str
    sql: bytes

    @property
    def sha256(self) -> str:
        """Return the digest that reveals a changed file."""
        return hashlib.sha256(self.sql).hexdigest()

    @property
    def created(self) -> tuple[tuple[str, str], ...]:
        """Return the kind and name of each object that the migration creates, except indexes (part of their tables)."""
        return tuple((kind.decode(), name.decode()) for kind, name in _CREATED.findall(self.sql))


def read(folder: Traversable = FOLDER) -> tuple[Script, ...]:
    """Return the migrations, ordered by number."""
    found = [
        _script(file.name.removesuffix(".sql"), group.name, file.read_bytes())
        for group in folder.iterdir()
        if group.name in GROUPS
        for file in group.iterdir()
        if file.name.endswith(".sql")
    ]
    return tuple(sorted(found, key=lambda script: script.number))


def _script(name: str, group: str, text: bytes) -> Script:
    return Script(number=int(name.partition("_")[0]), name=name, group=group, sql=text)
