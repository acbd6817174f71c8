"""The service as a process, and `reconciler sync`, which asks it."""

from __future__ import annotations

import asyncio
import dataclasses
import http.server
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent import futures

import httpx
import pytest
import temporalio.client

from reconciler import settings
from reconciler.platform import executions
from reconciler.platform.postgres import tables
from reconciler.schedule import governed
from tests.support import conditions, postgres, program, proxy, service, stored
from tools import devserver

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA, input: {api_key: sk-hunter2}}
    - {charter: BETA, cron: "15 * * * *", entrypoint: BETA}
"""


@pytest.fixture
def before_server(dev_server: devserver.DevServer) -> Iterator[proxy.Proxy]:
    with proxy.running(dev_server.address) as found:
        yield found


def test_sigterm_ends_what_is_under_way_and_then_the_process_with_0(
    reconciler: program.Program, before_server: proxy.Proxy, database_url: str
) -> None:
    reconciler.declare(SPEC)
    run = dataclasses.replace(reconciler, address=before_server.address)
    writes, reported = threading.Event(), threading.Event()

    def wait(_: int, name: str) -> None:
        if name == "CreateSchedule":
            writes.set()
            reported.wait(program.TIMEOUT)

    with service.running(run, database_url, "--repair-every", "0s", "--log-level", "info") as served:
        before_server.restart(wait)
        with futures.ThreadPoolExecutor(1) as pool, served.ops() as client:
            answer = pool.submit(client.post, service.SYNC)
            assert writes.wait(program.TIMEOUT)
            served.process.send_signal(signal.SIGTERM)
            _until_refused(served.url)
            reported.set()
            assert (answer.result().status_code, answer.result().json()["created"]) == (200, 2)
        served.process.wait(program.TIMEOUT)
        code, messages = served.rest()
    assert code == 0
    assert f"method=POST path={service.SYNC} status=200" in messages
    assert "Traceback" not in messages


def _until_refused(url: str) -> None:
    """Wait until nobody listens there any more."""
    deadline = threading.Event()
    threading.Timer(program.TIMEOUT, deadline.set).start()
    while not deadline.is_set():
        try:
            httpx.get(f"{url}/healthz", timeout=30).close()
        except httpx.TransportError:
            return
    raise AssertionError("it still takes new requests")


def test_no_token_no_secret_and_no_url_is_logged(reconciler: program.Program, database_url: str) -> None:
    """What the commands here print is looked through for the word that every secret holds."""
    reconciler.declare(SPEC)
    with service.running(reconciler, database_url, "--log-level", "debug", "--log-format", "json") as served:
        token = served.token()
        with served.client(token) as user:
            made = user.post(service.SCHEDULES, json=service.wanted(input={"password": f"{program.SECRET}2"}))
            user.get(service.SCHEDULES, params={"cursor": program.SECRET})
            user.post(service.SCHEDULES, json={"cron": f"{program.SECRET}"})
        with served.ops() as ops:
            assert ops.post(service.SYNC).status_code == 200
        code, messages = served.end()
    assert code == 0
    assert made.status_code == 201
    assert [line for line in messages.splitlines() if token in line or program.SECRET in line] == []
    requests = [json.loads(line) for line in messages.splitlines() if json.loads(line)["message"] == "request"]
    assert {(each["method"], each["path"], each["status"]) for each in requests} == {
        ("POST", service.SCHEDULES, 201),
        ("GET", service.SCHEDULES, 422),
        ("POST", service.SCHEDULES, 422),
        ("POST", service.SYNC, 200),
    }


@pytest.mark.parametrize(("text", "problem"), [("", "no such file"), ("governance: {schedules: [{}]}\n", "charter")])
def test_a_spec_that_no_sync_could_use_is_found_at_startup(
    reconciler: program.Program, database_url: str, text: str, problem: str
) -> None:
    spec = reconciler.folder / "named.yaml"
    if text:
        spec.write_text(text)
    given = {"INTERNAL_OPS_TOKEN": service.OPS_TOKEN, "DATABASE_URL": database_url}
    done = reconciler.run("serve", "--listen", "127.0.0.1:0", "--spec", str(spec), **given)
    assert (done.returncode, done.stdout) == (3, ""), done.stderr
    assert problem in done.stderr


def test_a_request_is_logged_with_its_ids_its_subject_and_its_client(
    reconciler: program.Program, database_url: str
) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    logged = ("--log-level", "info", "--log-format", "json", "--repair-every", "0s")
    with service.running(reconciler, database_url, *logged) as served:
        with served.user(subject="alice") as user:
            user.get(service.SCHEDULES, headers={"X-Request-Id": "deploy-7", "traceparent": trace})
        _, messages = served.end()
    (entry,) = [each for each in map(json.loads, messages.splitlines()) if each["message"] == "request"]
    expected = {"request_id": "deploy-7", "traceparent": trace, "subject": "alice", "role": "grant"}
    assert {name: entry[name] for name in (*expected, "client")} == {**expected, "client": "127.0.0.1"}


def test_the_service_repairs_at_once_and_again_and_again(reconciler: program.Program, database_url: str) -> None:
    reconciler.declare(SPEC)
    assert reconciler.run("db", "migrate", DATABASE_URL=database_url).returncode == 0
    insert = """
        INSERT INTO schedules (id, owner, cron, timezone, workflow) VALUES (gen_random_uuid(), 'me', %s, 'UTC', 'R')
    """
    synced = "SELECT count(*) FROM schedules WHERE synced_revision = revision"
    postgres.execute(database_url, insert, "0 3 1 1 *")
    with service.running(reconciler, database_url, "--repair-every", "1s") as served, served.ops() as client:
        conditions.until(lambda: postgres.execute(database_url, synced) == [(1,)], seconds=program.TIMEOUT)
        postgres.execute(database_url, insert, "0 4 1 1 *")
        conditions.until(lambda: postgres.execute(database_url, synced) == [(2,)], seconds=program.TIMEOUT)
        assert client.get("/healthz").status_code == 200


async def test_the_service_closes_runs_that_ended_in_temporal_although_its_repair_is_refused(
    reconciler: program.Program, database_url: str
) -> None:
    client = await temporalio.client.Client.connect(reconciler.address, namespace=reconciler.namespace)
    handle = await client.start_workflow(governed.WORKFLOW, id="run", task_queue="no-workers")
    await handle.terminate(reason="by hand")
    workflow = executions.WorkflowRun(workflow_id=handle.id, run_id=handle.result_run_id or "")
    async with tables.opened(settings.Database(url=database_url), size=1) as store:
        rows = [(await store.schedules.create(stored.new()))[0] for _ in range(3)]
        repaired = await asyncio.to_thread(reconciler.run, "repair", "--yes", DATABASE_URL=database_url)
        assert repaired.returncode == 0
        await store.runs.begin(stored.run(rows[0].id, workflow=workflow), None)
    postgres.execute(database_url, "DELETE FROM schedules WHERE id <> %s", rows[0].id)  # too much for it to pause
    closed = [("failed", "terminated in Temporal: by hand")]

    def serve() -> None:
        with service.running(reconciler, database_url, "--repair-every", "1s"):
            conditions.until(
                lambda: postgres.execute(database_url, "SELECT status, error FROM schedule_runs") == closed,
                seconds=program.TIMEOUT,
            )

    await asyncio.to_thread(serve)


@pytest.mark.parametrize(
    ("arguments", "environment", "messages"),
    [
        ([], {"INTERNAL_OPS_TOKEN": " "}, "INTERNAL_OPS_TOKEN"),
        (["--listen", "192.0.2.1:80"], {"INTERNAL_OPS_TOKEN": service.OPS_TOKEN}, "192.0.2.1:80"),
        ([], {"INTERNAL_OPS_TOKEN": "t" * 31}, "INTERNAL_OPS_TOKEN is shorter than 32 characters"),
        ([], {"INTERNAL_OPS_TOKEN": "é" * 32}, "INTERNAL_OPS_TOKEN has characters that an HTTP header cannot contain"),
        (
            [],
            {"INTERNAL_OPS_TOKEN": "t" * 32, "RECONCILER_EXECUTOR_TOKEN": f"{'t' * 32}\n{'t' * 32}"},
            "RECONCILER_EXECUTOR_TOKEN has characters that an HTTP header cannot contain",
        ),
        (
            [],
            {"INTERNAL_OPS_TOKEN": "t" * 32, "RECONCILER_EXECUTOR_TOKEN": "t"},
            "RECONCILER_EXECUTOR_TOKEN is shorter than 32 characters",
        ),
        (["--max-body", "much"], {}, "1MiB"),
        (["--rate-limit", "often"], {"INTERNAL_OPS_TOKEN": service.OPS_TOKEN}, "600/minute"),
    ],
)
def test_a_service_that_cannot_begin_says_why(
    reconciler: program.Program, database_url: str, arguments: list[str], environment: dict[str, str], messages: str
) -> None:
    done = reconciler.run("serve", *arguments, **{"DATABASE_URL": database_url, **environment})
    assert (done.returncode, messages in done.stderr) == (64, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_at_the_start_is_an_error(reconciler: program.Program) -> None:
    given = {"DATABASE_URL": "postgresql://app@127.0.0.1:1/app", "INTERNAL_OPS_TOKEN": service.OPS_TOKEN}
    done = reconciler.run("serve", "--listen", "127.0.0.1:0", **given)
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot connect to database app at 127.0.0.1:1" in done.stderr


def test_a_deploy_syncs_by_asking_the_service(reconciler: program.Program, database_url: str) -> None:
    reconciler.declare(SPEC)
    with service.running(reconciler, database_url, "--repair-every", "0s") as served:

        def sync(*arguments: str, token: str = service.OPS_TOKEN) -> subprocess.CompletedProcess[str]:
            return reconciler.run("sync", "--via-service", served.url, *arguments, INTERNAL_OPS_TOKEN=token)

        first = sync()
        assert (first.returncode, first.stderr) == (0, "")
        assert first.stdout.splitlines()[:3] == [
            "  + governance:alpha created",
            "  + governance:beta created",
            f"Synced by {served.url}: 2 created, 0 updated, 0 resumed, 0 paused, 0 unchanged.",
        ]
        document = json.loads(sync("--format", "json").stdout)
        assert (document["status"], document["skipped"], document["exit_code"]) == ("applied", 2, 0)
        wrong = sync(token="another")  # noqa: S106
        assert (wrong.returncode, wrong.stdout) == (1, "")
        assert "a valid bearer token is required" in wrong.stderr
        reconciler.declare(SPEC.replace("15 *", "75 *"))
        invalid = sync()
        assert (invalid.returncode, invalid.stdout) == (3, "")
        assert invalid.stderr.startswith(f"{program.SPEC}:4:")
        reconciler.declare("governance: {schedules: []}\n")
        refused = sync()
        assert (refused.returncode, "--allow-mass-pause" in refused.stderr) == (4, True)
        assert "2 paused" in sync("--allow-mass-pause").stdout
    gone = sync()
    assert gone.returncode == 1
    assert f"cannot reach the service at {served.url} (Connection refused)" in gone.stderr


def test_a_sync_uses_the_variables_of_the_service(reconciler: program.Program, database_url: str) -> None:
    reconciler.declare(
        "governance:\n  vars: {region: null, queue: null}\n  schedules:\n"
        '    - {charter: ALPHA, cron: "0 * * * *", entrypoint: A, task_queue: "${queue}-${region}"}\n'
    )
    given = ("--repair-every", "0s", "--var", "queue=reports")
    with pytest.raises(AssertionError, match="variable 'region' has no value"):
        service.start(reconciler, database_url, *given)
    with service.running(reconciler, database_url, *given, RECONCILER_VAR_region="eu") as served:
        synced = reconciler.run("sync", "--via-service", served.url, INTERNAL_OPS_TOKEN=service.OPS_TOKEN)
        assert (synced.returncode, synced.stderr) == (0, "")
    variables = ("--var", "queue=reports", "--var", "region=eu")
    assert reconciler.run("plan", "--detailed-exitcode", *variables).returncode == 0


def test_what_is_no_service_is_told_so(reconciler: program.Program) -> None:
    quiet = type("Quiet", (http.server.BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), quiet) as other, socket.socket() as silent:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = {
            f"http://127.0.0.1:{other.server_port}": "did not respond like the reconciler service (HTTP 501)",
            f"http://127.0.0.1:{silent.getsockname()[1]}": "did not respond in time",
        }
        for url, messages in urls.items():
            done = reconciler.run("sync", "--via-service", url, "--timeout", "1s", INTERNAL_OPS_TOKEN="t")  # noqa: S106
            assert (done.returncode, messages in done.stderr) == (1, True), done.stderr
        other.shutdown()
    assert reconciler.run("sync", "--via-service", "nowhere", INTERNAL_OPS_TOKEN="t").returncode == 64  # noqa: S106
    without = reconciler.run("sync", "--via-service", "http://127.0.0.1:1")
    assert (without.returncode, "INTERNAL_OPS_TOKEN" in without.stderr) == (64, True)


def test_without_the_extra_serve_says_what_to_install(reconciler: program.Program, tmp_path: pathlib.Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nfound = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'fastapi' else found(name, *rest)\n"
    )
    paths = os.pathsep.join([str(hidden), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = reconciler.run("serve", INTERNAL_OPS_TOKEN="t", DATABASE_URL="x", PYTHONPATH=paths)  # noqa: S106
    assert (done.returncode, "reconciler[service]" in done.stderr) == (64, True), done.stderr
