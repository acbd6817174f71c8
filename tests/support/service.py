"""The HTTP service as its users run it: a process of its own, on a port of its own."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import signal
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from reconciler import settings
from reconciler.platform import executions
from reconciler.platform.postgres import tables
from tests.support import postgres, program

OPS_TOKEN = f"ops-{program.SECRET}2-with-32-characters-and-more"
SYNC = "/api/internal/ops/governance/schedules/sync"
SCHEDULES = "/api/v1/schedules"
PROBLEM = "application/problem+json"
TIMEOUT = 180.0  # seconds, for one request on a busy machine


class Service:
    """A running service: where it is, its process, and the program that runs beside it."""

    def __init__(self, process: program.Process, url: str, run: program.Program, database_url: str) -> None:
        self.process = process
        self.url = url
        self.run = run
        self.database_url = database_url

    def client(self, token: str = "") -> httpx.Client:
        """Return a client that sends a token."""
        return httpx.Client(base_url=self.url, headers=bearer(token), timeout=TIMEOUT)

    def ops(self) -> httpx.Client:
        """Return a client with the token of those who operate."""
        return self.client(OPS_TOKEN)

    def user(self, *scopes: str, subject: str = "") -> httpx.Client:
        """Return a client with a grant of its own, for all workflows unless some are named."""
        return self.client(self.token(*scopes, subject=subject))

    def token(self, *scopes: str, subject: str = "", expires_in: datetime.timedelta | None = None) -> str:
        """Make a grant and return its token."""
        return self.granted(*scopes, subject=subject, expires_in=expires_in)[1]

    def granted(
        self, *scopes: str, subject: str = "", expires_in: datetime.timedelta | None = None
    ) -> tuple[executions.Grant, str]:
        """Make a grant and return it and its token."""
        named = subject or f"user-{uuid.uuid4()}"
        return asyncio.run(_granted(self.database_url, named, scopes or (executions.EVERYTHING,), expires_in))

    def end(self) -> tuple[int, str]:
        """End it as a system does; return its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        return self.rest()

    def rest(self) -> tuple[int, str]:
        """Return its exit code and what else it says, once it has ended; nothing is said twice."""
        messages = "" if self.process.stderr is None or self.process.stderr.closed else program.rest(self.process)[1]
        program.printed.append(messages)
        return self.process.wait(), messages


def bearer(token: str) -> dict[str, str]:
    """Return the headers that carry a token."""
    return {"Authorization": f"Bearer {token}"} if token else {}


async def _granted(
    url: str, subject: str, scopes: Sequence[str], expires_in: datetime.timedelta | None
) -> tuple[executions.Grant, str]:
    async with tables.opened(settings.Database(url=url), size=1) as store:
        return await store.grants.create(subject, scopes, expires_in)


def start(run: program.Program, database_url: str, *arguments: str, **environment: str) -> Service:
    """Start a service and wait until it listens."""
    given = {"INTERNAL_OPS_TOKEN": OPS_TOKEN, "DATABASE_URL": database_url, **environment}
    process = run.start("serve", "--listen", "127.0.0.1:0", *arguments, **given)
    line = process.stdout.readline() if process.stdout else ""
    if not line.startswith("Listening on "):
        raise AssertionError(f"it does not listen: {line}{program.rest(process)[1]}")
    return Service(process, line.removeprefix("Listening on ").strip(), run, database_url)


@contextlib.contextmanager
def running(run: program.Program, database_url: str, *arguments: str, **environment: str) -> Iterator[Service]:
    """Run a service for a while."""
    served = start(run, database_url, *arguments, **environment)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
        served.rest()


@contextlib.contextmanager
def shared(run: program.Program, database_server: str, *arguments: str, **environment: str) -> Iterator[Service]:
    """Run a service with a database of its own, whose users' schedules nothing repairs meanwhile."""
    with (
        postgres.database(database_server) as url,
        running(run, url, "--repair-every", "0s", *arguments, **environment) as found,
    ):
        yield found


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """Return the problem that an answer is."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), answer.text
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["title"]
    return body


def wanted(**changes: Any) -> dict[str, Any]:
    """Return what a user asks for: a schedule that seldom fires."""
    return {"cron": "0 3 1 1 *", "timezone": "Europe/Paris", "workflow": "REPORT", "input": {"to": "me"}, **changes}
