"""Grants: who may call the service, and which workflows users' schedules may run."""

from __future__ import annotations

import asyncio
import datetime
import uuid
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import click

from reconciler import errors, settings
from reconciler.cli import console, reporter
from reconciler.cli.options import databases, flags, parameters
from reconciler.platform import documents as grants_document
from reconciler.platform import executions, wiring
from reconciler.platform import report as grants_report

if TYPE_CHECKING:
    from reconciler.platform.postgres import tables

Form = reporter.Form
Answer = TypeVar("Answer")


@click.group()
def grant() -> None:
    """Manage who may call the service, and which workflows they may run."""


@grant.command()
@click.argument("subject", type=parameters.LINE)
@click.option(
    "--scope",
    "scopes",
    type=parameters.LINE,
    multiple=True,
    required=True,
    metavar="WORKFLOW",
    help="A workflow that the subject can run, or * for all; may be repeated.",
)
@click.option(
    "--expires-in",
    type=parameters.POSITIVE,
    metavar="TIME",
    help="How long the grant is valid, such as 90d.  [no expiry]",
)
@databases.database_or_embedded
@flags.outcome_format
@click.pass_obj
def create(
    out: console.Console,
    subject: str,
    scopes: tuple[str, ...],
    expires_in: datetime.timedelta | None,
    database: settings.Database,
    form: Form,
) -> errors.ExitCode:
    """Allow SUBJECT, an owner of schedules, to run workflows; print the token, which is shown only once."""
    if not subject or "" in scopes:
        raise errors.UsageError(
            "a grant requires a subject and a workflow", hint="specify both; use * for every workflow"
        )
    found, token = _asked(database, lambda store: store.grants.create(subject, scopes, expires_in))
    out.say(grants_document.created(found, token) if form == "json" else grants_report.created(found, token))
    return errors.ExitCode.OK


@grant.command(name="list")
@click.option("--subject", type=parameters.LINE, metavar="NAME", help="List only this subject's grants.")
@databases.database_or_embedded
@flags.outcome_format
@click.pass_obj
def list_(out: console.Console, subject: str | None, database: settings.Database, form: Form) -> errors.ExitCode:
    """List all grants, newest first, including expired and revoked ones; tokens are never shown."""
    found: tuple[executions.Grant, ...] = _asked(database, lambda store: store.grants.list(subject))
    out.say(grants_document.dumps(found) if form == "json" else grants_report.text(found))
    return errors.ExitCode.OK


@grant.command()
@click.argument("grant_id", type=click.UUID, metavar="ID")
@databases.database_or_embedded
@flags.outcome_format
@click.pass_obj
def revoke(out: console.Console, grant_id: uuid.UUID, database: settings.Database, form: Form) -> errors.ExitCode:
    """Revoke the grant with this ID immediately."""
    found = _asked(database, lambda store: store.grants.revoke(grant_id))
    out.say(grants_document.one(found) if form == "json" else grants_report.revoked(found))
    return errors.ExitCode.OK


def _asked(database: settings.Database, ask: Callable[[tables.Store], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run a single query against the store and return its result."""

    async def answer() -> Answer:
        async with wiring.store(database, size=1) as store:
            return await ask(store)

    return asyncio.run(answer())
