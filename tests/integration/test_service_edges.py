"""What the service refuses, and how it says so: tokens, sizes, rates, and the executor's keys."""

from __future__ import annotations

import datetime
import re
import socket
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from reconciler import settings
from reconciler.platform import executions, remote
from reconciler.runtime import clock
from tests.support import postgres, program, service, workers
from tools import devserver

EXECUTOR_TOKEN = f"executor-{program.SECRET}2-with-32-characters"
LIMIT = 4096


@pytest.fixture(scope="module")
def served(shared_program: program.Program, database_server: str) -> Iterator[service.Service]:
    shared_program.declare("governance: {schedules: []}\n")
    given = ("--max-body", f"{LIMIT}B", "--rate-limit", "40/minute")
    with service.shared(shared_program, database_server, *given, RECONCILER_EXECUTOR_TOKEN=EXECUTOR_TOKEN) as found:
        yield found


@pytest.mark.parametrize("where", [service.SYNC, "/api/internal/graphs/G/runs", service.SCHEDULES])
def test_every_wrong_token_has_the_same_answer(served: service.Service, where: str) -> None:
    right = service.OPS_TOKEN if where != service.SYNC else EXECUTOR_TOKEN  # of somebody else
    nearly = service.OPS_TOKEN[:-1]
    wrong = ["Bearer", "Bearer x", f"Bearer {right}", f"Bearer {nearly}", f"Bearer {nearly}x", f"Bearer {'x' * 9000}"]
    bodies = set()
    with served.client() as client:
        for header in [*wrong, "Basic eDp4", ""]:
            headers = {"Authorization": header} if header else {}
            body = {"Idempotency-Key": "k"} | headers
            answer = client.post(where, headers=body, json={})
            service.problem(answer, 401)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="reconciler"'
            bodies.add(answer.text)
    assert len(bodies) == 1


@pytest.mark.parametrize("where", [service.SYNC, "/api/internal/graphs/G/runs", service.SCHEDULES])
def test_who_calls_is_known_before_a_body_is_read(served: service.Service, where: str) -> None:
    """A body that is never sent, after headers that announce it."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=service.TIMEOUT) as connection:
        head = (
            f"POST {where} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {LIMIT}\r\n\r\n{{"
        )
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 401 ")


def test_what_is_not_there_is_a_problem_too(served: service.Service) -> None:
    with served.client() as client:
        service.problem(client.get("/nothing"), 404)
        assert service.problem(client.get(f"{service.SCHEDULES}/"), 404)["hint"]
        answer = client.get(service.SYNC)
        service.problem(answer, 405)
        assert answer.headers["Allow"] == "POST"


def test_rows_that_temporal_does_not_have_are_reported(served: service.Service) -> None:
    insert = """
        INSERT INTO schedules (id, owner, cron, timezone, workflow) VALUES (%s, 'me', '0 3 1 1 *', 'UTC', 'R')
    """
    id_ = uuid.uuid4()
    with served.client() as client:
        postgres.execute(served.database_url, insert, id_)  # nothing repairs it here
        until_unsynced(client, 1)
        answer = client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "\nreconciler_unsynced_schedules 1\n" in answer.text
        assert 'reconciler_up{part="temporal"} 1\n' in answer.text
        postgres.execute(served.database_url, "UPDATE schedules SET synced_revision = revision WHERE id = %s", id_)
        until_unsynced(client, 0)


def until_unsynced(client: httpx.Client, count: int) -> None:
    """Wait until readiness, whose answer is repeated for a second, reports this many rows."""
    deadline = time.monotonic() + service.TIMEOUT
    while client.get("/readyz").json() != {"status": "ok", "unsynced": count}:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_refused_method_is_told_all_methods_of_the_path(served: service.Service) -> None:
    one = f"{service.SCHEDULES}/{uuid.uuid4()}"
    expected = {
        service.SCHEDULES: "GET, HEAD, POST",
        one: "GET, HEAD, PATCH, DELETE",
        f"{one}/run": "POST",
        "/healthz": "GET, HEAD",
    }
    with served.user() as user:
        answers = {path: user.put(path) for path in expected}
    assert {path: answer.headers["Allow"] for path, answer in answers.items()} == expected
    assert {service.problem(answer, 405)["status"] for answer in answers.values()} == {405}


def test_head_is_what_get_is_without_its_body(served: service.Service) -> None:
    with served.user() as user:
        made = user.post(service.SCHEDULES, json=service.wanted()).json()
        for path in ("/healthz", "/readyz", "/openapi.json", service.SCHEDULES, f"{service.SCHEDULES}/{made['id']}"):
            head, get = user.head(path), user.get(path)
            assert (head.status_code, head.content) == (200, b"")
            varying = {"date", "x-request-id"}
            assert {k: v for k, v in head.headers.items() if k not in varying} == {
                k: v for k, v in get.headers.items() if k not in varying
            }
        assert user.head(f"{service.SCHEDULES}/{uuid.uuid4()}").status_code == 404
        assert user.head(service.SYNC).status_code == 405


def test_a_request_keeps_its_ids_and_an_invalid_one_is_replaced(served: service.Service) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with served.client() as client:
        answer = client.get("/healthz", headers={"X-Request-Id": "deploy-7", "traceparent": trace})
        assert (answer.headers["X-Request-Id"], answer.headers["traceparent"]) == ("deploy-7", trace)
        for wrong in ("", "a b", "x" * 129):
            answer = client.get("/healthz", headers={"X-Request-Id": wrong, "traceparent": trace.replace("0af", "0AF")})
            assert len(answer.headers["X-Request-Id"]) == 32
            assert "traceparent" not in answer.headers


def test_a_key_that_would_have_no_effect_is_refused(served: service.Service) -> None:
    with served.user() as user:
        made = user.post(service.SCHEDULES, json=service.wanted()).json()
        one, headers = f"{service.SCHEDULES}/{made['id']}", {"Idempotency-Key": "k", "If-Match": "*"}
        answers = [
            user.patch(one, json={"enabled": False}, headers=headers),
            user.post(f"{one}/pause", headers=headers),
            user.post(f"{one}/resume", headers=headers),
            user.delete(one, headers=headers),
        ]
        for answer in answers:
            assert service.problem(answer, 422)["errors"][0]["parameter"] == "Idempotency-Key"
        assert user.get(one).headers["ETag"] == '"1"'


def test_health_asks_nobody_and_readiness_asks_all(served: service.Service) -> None:
    with served.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        while (ready := client.get("/readyz")).status_code == 503:  # a namespace of a new server answers after a while
            assert service.problem(ready, 503)["away"] == ["temporal"]
        assert ready.json() == {"status": "ok", "unsynced": 0}


def test_a_body_over_the_limit_is_refused_however_it_comes(served: service.Service) -> None:
    with served.user() as user:
        large = service.wanted(input={"text": "x" * LIMIT})
        service.problem(user.post(service.SCHEDULES, json=large), 413)

        def chunks() -> Iterator[bytes]:
            yield b'{"cron": "'
            for _ in range(8):
                yield b"x" * (LIMIT // 4)
            yield b'"}'

        answer = user.post(service.SCHEDULES, content=chunks(), headers={"Content-Type": "application/json"})
        service.problem(answer, 413)
        assert user.post(service.SCHEDULES, json=service.wanted(input={"text": "x" * 2000})).status_code == 201


def test_a_body_that_is_no_json_is_told_so(served: service.Service) -> None:
    with served.user() as user:
        json = {"Content-Type": "application/json"}
        contents = [b"{", b"[" * 3000, b"\xff", b'"\xc3']
        bodies = [user.post(service.SCHEDULES, content=content, headers=json) for content in contents]
        assert {service.problem(answer, 400)["detail"] for answer in bodies} == {"the body is not valid JSON"}
        assert service.problem(user.post(service.SCHEDULES, json=[]), 422)["errors"][0]["pointer"] == "#"


def test_one_caller_who_calls_too_often_waits_and_the_others_do_not(served: service.Service) -> None:
    with served.user() as user, served.user() as other:
        answers = [user.get(service.SCHEDULES) for _ in range(41)]
        assert [answer.status_code for answer in answers] == [200] * 40 + [429]
        service.problem(answers[-1], 429)
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert other.get(service.SCHEDULES).status_code == 200


def firing(**changes: Any) -> dict[str, Any]:
    """Return what a worker sends for a firing."""
    execution = executions.Execution(
        temporal_schedule_id="governance:alpha",
        db_schedule_id=None,
        charter="ALPHA",
        entrypoint="graph/ALPHA",
        input={"to": "me"},
        scheduled_for=datetime.datetime(2026, 11, 25, 9, tzinfo=datetime.UTC),
    )
    return {**execution.request, **changes}


def test_the_default_executor_does_a_firing_once(served: service.Service) -> None:
    key = {"Idempotency-Key": "governance:alpha:2026-11-25T09:00:00Z"}
    where = "/api/internal/graphs/graph/ALPHA/runs"
    with served.client(EXECUTOR_TOKEN) as worker:
        first = worker.post(where, json=firing(), headers=key)
        assert (first.status_code, first.json()["status"]) == (200, "done")
        assert first.json()["runId"] == first.json()["run_id"]
        assert worker.post(where, json=firing(), headers=key).json() == first.json()
        other = worker.post(where, json=firing(input={"to": "you"}), headers=key)
        assert service.problem(other, 422)["type"] == "/problems/execution-refused"
        service.problem(worker.post(where, json=firing()), 422)
        service.problem(worker.post(where, json=firing(), headers={"Idempotency-Key": "mine"}), 422)
        wrong = worker.post(where.replace("ALPHA", "BETA"), json=firing(), headers=key)
        assert service.problem(wrong, 422)["errors"][0]["pointer"] == "#/entrypoint"
        late = worker.post(where, json=firing(scheduledFor="soon"), headers=key)
        assert service.problem(late, 422)["errors"][0]["pointer"] == "#/scheduledFor"
    counted = postgres.execute(
        served.database_url, "SELECT count(*) FROM execution_requests WHERE workflow = 'graph/ALPHA'"
    )
    assert counted == [(1,)]


async def test_what_fires_is_executed_by_the_services_own_route_once_and_under_one_run_id(
    dev_server: devserver.DevServer, namespace: str, served: service.Service
) -> None:
    url = f"{served.url}/api/internal/graphs/{{workflow}}/runs"
    chosen = settings.Executor(url=url, token=EXECUTOR_TOKEN)
    async with (
        workers.stage(dev_server.address, namespace, served.database_url) as stage,
        remote.opened(chosen, url, clock.now) as executor,
    ):
        await stage.declare()
        odd = {"charter:CAFÉ": "menü/du jour", "charter:a%b": "a%2Fb"}
        async with workers.working(stage, executor=executor):
            handles = [
                await stage.trigger("governance:alpha"),
                *[await stage.fire(firing(temporalScheduleId=id_, entrypoint=odd[id_])) for id_ in odd],
            ]
            results = [await each.result() for each in handles]
    asked = "SELECT idempotency_key, run_id::text FROM execution_requests WHERE workflow <> 'graph/ALPHA'"
    found = postgres.execute(served.database_url, asked)
    assert sorted(found) == sorted((each["idempotencyKey"], each["runId"]) for each in results)
    assert {re.sub(r":\d{4}-.*", "", each["idempotencyKey"]) for each in results} == {"governance:alpha", *odd}


def test_as_much_may_be_executed_as_fires(served: service.Service) -> None:
    key = {"Idempotency-Key": "governance:alpha:2026-11-25T09:00:00Z"}
    with served.client(EXECUTOR_TOKEN) as worker:
        statuses = {worker.post("/api/internal/graphs/x/runs", json={}, headers=key).status_code for _ in range(41)}
    assert statuses == {422}


def test_whoever_tries_many_tokens_is_slowed_down(served: service.Service) -> None:
    """The last test here: it uses up what this address may try. What they send is not read for it."""
    json = {"Content-Type": "application/json"}
    with served.client("x") as client:
        body = b"[" * (LIMIT - 1)
        answers = [
            client.post(service.SCHEDULES, content=body, headers={**json, "X-Forwarded-For": f"192.0.2.{number}"})
            for number in range(41)
        ]
    assert {answer.status_code for answer in answers} == {401, 429}
