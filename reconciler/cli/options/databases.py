"""Options for the database, the lock, and the audit trail."""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Callable
from typing import Any

import click

from reconciler import settings, wiring
from reconciler.cli.options import parameters

_WRITING = (
    click.option(
        "--lock",
        type=click.Choice(["auto", "postgres", "temporal", "none"]),
        default="auto",
        help="The lock that prevents concurrent writes.  [postgres with a database, otherwise temporal]",
    ),
    click.option(
        "--lock-timeout",
        type=parameters.NOT_NEGATIVE,
        default="0s",
        metavar="TIME",
        help="How long to wait for the lock.  [0s]",
    ),
    click.option(
        "--lock-lease",
        type=parameters.POSITIVE,
        default="10m",
        metavar="TIME",
        help="How long a lock in Temporal is valid.  [10m]",
    ),
)


def _database(ctx: click.Context, _: click.Parameter, given: str | None) -> str | None:
    """Return the URL to connect to; start an embedded database and keep it running until the command ends."""
    if not given:  # a missing secret arrives as an empty string
        return None
    return ctx.with_resource(wiring.database(given, os.environ)) if given.startswith(settings.EMBEDDED) else given


def _embedded(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    return _database(ctx, param, given or settings.EMBEDDED)


def _kept(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """Return the URL as `_database` does; the default is the embedded database, if it already exists."""
    return _database(ctx, param, given or (settings.EMBEDDED if wiring.has_embedded(os.environ) else None))


def _read(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    """With --refresh=changed, return the URL as `_database` does; other plans do not read a database."""
    return _database(ctx, param, given) if ctx.params.get("amount") == "changed" else None


_database_schema = click.option(
    "--database-schema",
    type=parameters.SCHEMA,
    default=settings.DATABASE_SCHEMA,
    metavar="NAME",
    envvar="RECONCILER_DATABASE_SCHEMA",
    help=f"The PostgreSQL schema for reconciler's tables; created if missing.  [{settings.DATABASE_SCHEMA}]",
)


def _database_options(callback: Callable[..., str | None], text: str) -> Callable[[Any], Any]:
    """Return a decorator that adds the database options and passes them as `database`, which is None without a URL."""
    url = click.option(
        "--database-url", type=parameters.LINE, metavar="URL", envvar="DATABASE_URL", callback=callback, help=text
    )

    def give(command: parameters.Command) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathered(*, database_url: str | None, database_schema: str, **options: Any) -> Any:
            chosen = settings.Database(url=database_url, schema=database_schema) if database_url else None
            return command(database=chosen, **options)

        return url(_database_schema(gathered))

    return give


database = _database_options(_database, "The PostgreSQL database for the lock and the audit trail.")
database_for_refresh = _database_options(
    _read, "The PostgreSQL database that records earlier reads, for --refresh=changed."
)
database_or_kept = _database_options(_kept, "The PostgreSQL database.  [the embedded database, if there is one]")
database_or_embedded = _database_options(
    _embedded,
    "The PostgreSQL database; embedded:/path runs an embedded server with its data in that directory.  [embedded:]",
)
no_audit = click.option("--no-audit", is_flag=True, help="Use the database only for the lock, which needs no tables.")


def writing(command: parameters.Command) -> Callable[..., Any]:
    """Add the lock and audit options to a command, and pass them as `writing`."""
    return _writing(command, database)


def writing_or_lock_only(command: parameters.Command) -> Callable[..., Any]:
    """Add the `writing` options and --no-audit to a command."""
    return writing(no_audit(command))


def writing_or_embedded(command: parameters.Command) -> Callable[..., Any]:
    """Add the `writing` options; without a database, an embedded one runs for as long as the command does."""
    return _writing(command, database_or_embedded)


def _writing(command: parameters.Command, database_option: Callable[[Any], Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def gathered(
        *,
        lock: settings.LockKind,
        lock_timeout: datetime.timedelta,
        lock_lease: datetime.timedelta,
        database: settings.Database | None,
        no_audit: bool = False,
        **options: Any,
    ) -> Any:
        chosen = settings.Writing(
            lock=lock, lock_timeout=lock_timeout, lock_lease=lock_lease, database=database, audit=not no_audit
        )
        return command(writing=chosen, **options)

    return parameters.with_options(gathered, (*_WRITING, database_option))
