"""The whole system on this machine, without containers: Temporal, PostgreSQL, the service, and a worker.

Walks through what they do together, showing what the programs themselves print, and then leaves them running until
Ctrl-C. With --once, it exits after the walkthrough.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import psycopg

from reconciler import settings
from tools import devserver, ports, programs

ROOT = pathlib.Path(__file__).parent.parent
PATIENCE = 240.0  # seconds for a part to be ready, or for a run to end
WIDTH = 92


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The running parts: their addresses, and the environment in which a command uses them."""

    server: devserver.DevServer
    database_url: str
    service: str
    worker: str
    metrics: str
    environment: Mapping[str, str]

    def reconciler(self, *arguments: str, show: bool = True) -> str:
        """Run a command of the program and return what it prints, which is shown unless it is a secret."""
        say(f"$ reconciler {' '.join(arguments)}\n")
        done = subprocess.run(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=ROOT,
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        say(done.stdout if show else "")
        if done.returncode:
            sys.exit(f"stack: exit code {done.returncode}")
        return done.stdout

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        with psycopg.connect(self.database_url, options=f"-csearch_path={settings.DATABASE_SCHEMA}") as connection:
            return connection.execute(query.encode(), values).fetchall()


def say(text: str) -> None:
    """Print immediately."""
    sys.stdout.write(text)
    sys.stdout.flush()


def without_password(url: str) -> str:
    """Return a database's URL in a form that may be shown; programs read the whole URL from their environment."""
    known = psycopg.conninfo.conninfo_to_dict(url)
    return " ".join(f"{name}={known[name]}" for name in ("host", "port", "dbname", "user") if known.get(name))


def title(text: str) -> None:
    """Announce a step."""
    say(f"\n── {text} {'─' * (WIDTH - len(text))}\n\n")


def until(what: str, found: Callable[[], Any]) -> Any:
    """Return the first true result of `found`; exit if it does not appear in time."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = found()
        if answer:
            return answer
        time.sleep(0.1)
    sys.exit(f"stack: {what} did not appear within {PATIENCE:.0f} s")


@contextlib.contextmanager
def running() -> Iterator[Stack]:
    """Run all parts for a while; at the end, each one is asked to drain, and must exit cleanly."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="reconciler-stack-")))
        server = stack.enter_context(devserver.running(ui=True))
        database_url = stack.enter_context(_database(folder))
        service, worker, metrics = (f"127.0.0.1:{ports.reserve()}" for _ in range(3))
        environment = _environment(server, database_url)
        made = Stack(
            server=server,
            database_url=database_url,
            service=f"http://{service}",
            worker=f"http://{worker}",
            metrics=f"http://{metrics}/metrics",
            environment=environment,
        )
        stack.enter_context(_part(environment, "serve", "--listen", service))
        stack.enter_context(_part(environment, "worker", "--health", worker, "--metrics", metrics))
        for url in (made.service, made.worker):
            until(f"{url}/readyz", functools.partial(_is_ready, url))
        yield made


@contextlib.contextmanager
def _database(folder: pathlib.Path) -> Iterator[str]:
    """Run PostgreSQL, unless DATABASE_URL specifies a database."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    from reconciler.postgres import embedded

    with embedded.running(f"embedded:{folder}/postgres", os.environ) as url:
        yield url


def _environment(server: devserver.DevServer, database_url: str) -> dict[str, str]:
    ours = ("TEMPORAL_", "GOVERNANCE_", "RECONCILER_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "TEMPORAL_ADDRESS": server.address,
        "TEMPORAL_CONFIG_FILE": os.devnull,
        "DATABASE_URL": database_url,
        "INTERNAL_OPS_TOKEN": os.environ.get("INTERNAL_OPS_TOKEN") or secrets.token_hex(16),
        "GOVERNANCE_OWNER": "reconciler-stack",
    }


@contextlib.contextmanager
def _part(environment: Mapping[str, str], *arguments: str) -> Iterator[None]:
    """Run a part of the program, and check that it exits cleanly when asked to."""
    command = [sys.executable, "-m", "reconciler", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=dict(environment), start_new_session=True) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    if code:
        sys.exit(f"stack: {arguments[0]} exited with {code}")


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz").is_success
    except httpx.TransportError:
        return False


def walk(stack: Stack) -> None:
    """Sync, fire a charter, and do the same with a user's schedule."""
    title("a deploy: the service syncs the charters")
    stack.reconciler("sync", "--via-service", stack.service)
    stack.reconciler("preflight")

    title("a charter fires: the worker has it executed once, without a row for the run")
    _trigger(stack, "governance:community")
    for request in until("the execution", lambda: _requests(stack, "governance:community:%")):
        say(f"execution_requests: {request}\n")
    (count,) = stack.rows("SELECT count(*) FROM schedule_runs")[0]
    say(f"schedule_runs: {count} rows\n")

    title("a user's schedule: a row first, then Temporal")
    granted = stack.reconciler("grant", "create", "alice", "--scope", "daily-report", "--format", "json", show=False)
    token = json.loads(granted)["token"]
    with httpx.Client(base_url=stack.service, headers={"Authorization": f"Bearer {token}"}) as api:
        wanted = {
            "cron": "0 9 * * MON-FRI",
            "timezone": "Europe/Berlin",
            "workflow": "daily-report",
            "input": {"of": 1},
        }
        made = _call(api, "POST", "/api/v1/schedules", wanted)
        _call(api, "POST", f"/api/v1/schedules/{made['id']}/run", None)
        until("the run", lambda: _ended(stack, made["id"]))
        _call(api, "GET", f"/api/v1/schedules/{made['id']}/runs", None)
    for request in _requests(stack, f"{made['id']}:%"):
        say(f"execution_requests: {request}\n")


def _trigger(stack: Stack, schedule_id: str) -> None:
    say(f"$ temporal schedule trigger --schedule-id {schedule_id}\n")
    say(stack.server.cli("schedule", "trigger", "--schedule-id", schedule_id))


def _requests(stack: Stack, like: str) -> list[str]:
    query = "SELECT idempotency_key, status FROM execution_requests WHERE idempotency_key LIKE %s AND status = 'done'"
    return [f"{key} {status}" for key, status in stack.rows(query, like)]


def _ended(stack: Stack, schedule_id: str) -> bool:
    query = "SELECT 1 FROM schedule_runs WHERE schedule_id = %s AND status = 'done'"
    return bool(stack.rows(query, schedule_id))


def _call(api: httpx.Client, method: str, path: str, body: Any) -> Any:
    """Call the service as a user would, and show both sides."""
    key = {"Idempotency-Key": secrets.token_hex(8)} if method == "POST" else {}
    answer = api.request(method, path, json=body, headers=key)
    shown = "" if body is None else f" {json.dumps(body)}"
    say(f"{method} {path}{shown}\n→ {answer.status_code} {json.dumps(answer.json(), indent=2)}\n\n")
    if answer.is_error:
        sys.exit("stack: the service refused the request")
    return answer.json()


def main() -> None:
    """Run the stack; with --once, only for the walkthrough."""
    once = "--once" in sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with running() as stack:
        walk(stack)
        title("everything is running")
        say(
            f"Temporal    {stack.server.address}  "
            f"http://127.0.0.1:{stack.server.ui_port}/namespaces/default/schedules\n"
            f"PostgreSQL  {without_password(stack.database_url)}\n"
            f"service     {stack.service}/docs\n"
            f"worker      {stack.worker}/readyz  {stack.metrics}\n"
        )
        if not once:
            say("\nPress Ctrl-C to stop it.\n")
            with contextlib.suppress(KeyboardInterrupt):
                signal.pause()
    say("\nThe stack has stopped.\n")


if __name__ == "__main__":
    try:
        main()
    except programs.MissingProgramError as error:
        sys.exit(f"stack: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
