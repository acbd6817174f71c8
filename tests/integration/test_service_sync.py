"""The sync of charters over HTTP: every answer that it may give."""

from __future__ import annotations

import dataclasses
import http.client
import json
import threading
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import psycopg
import pytest
from psycopg import sql

from tests.support import fake_temporal, postgres, program, proxy, service
from tools import devserver

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA, input: {api_key: sk-hunter2}}
    - {charter: BETA, cron: "15 * * * *", entrypoint: BETA}
    - {charter: GAMMA, cron: "30 * * * *", entrypoint: GAMMA}
"""
COUNTS = ("created", "updated", "resumed", "paused", "skipped", "failed", "stale", "not_begun")


@pytest.fixture
def before_server(dev_server: devserver.DevServer) -> Iterator[proxy.Proxy]:
    with proxy.running(dev_server.address) as found:
        yield found


@pytest.fixture
def served(reconciler: program.Program, before_server: proxy.Proxy, database_url: str) -> Iterator[service.Service]:
    """A service whose calls to Temporal are seen."""
    reconciler.declare(SPEC)
    run = dataclasses.replace(reconciler, address=before_server.address)
    with service.running(run, database_url, "--repair-every", "0s") as found:
        yield found


def synced(served: service.Service, status: int = 200, **wanted: Any) -> dict[str, Any]:
    """Sync, and return the answer's body."""
    with served.ops() as client:
        answer = client.post(service.SYNC, json=wanted)
    assert answer.status_code == status, answer.text
    assert (answer.headers["content-type"] == service.PROBLEM) is (status != 200)
    body: dict[str, Any] = answer.json()
    return body


def asked(served: service.Service) -> http.client.HTTPConnection:
    """Send the request of a sync, and return the connection on which it will be answered."""
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=service.TIMEOUT)
    headers = {**service.bearer(service.OPS_TOKEN), "Content-Type": "application/json"}
    connection.request("POST", service.SYNC, body="{}", headers=headers)
    return connection


def counts(body: dict[str, Any]) -> dict[str, int]:
    """Return the counts that are not 0."""
    return {name: body[name] for name in COUNTS if body[name]}


def test_a_sync_answers_with_what_it_did_and_refuses_what_may_not_be_meant(served: service.Service) -> None:
    planned = synced(served, dry_run=True)
    assert (planned["status"], counts(planned)) == ("planned", {"created": 3})
    stale = synced(served, 409, expect_digest="sha256:" + "0" * 64)
    assert (stale["type"], stale["exit_code"]) == ("/problems/stale", 5)
    first = synced(served, expect_digest=planned["digest"])
    assert (first["status"], counts(first), first["exit_code"]) == ("applied", {"created": 3}, 0)
    assert [(step["id"], step["verb"], step["status"]) for step in first["steps"]] == [
        ("governance:alpha", "create", "done"),
        ("governance:beta", "create", "done"),
        ("governance:gamma", "create", "done"),
    ]
    assert "hunter2" not in str(first)
    assert counts(synced(served)) == {"skipped": 3}
    served.run.declare(SPEC.replace("0 *", "5 *", 1).replace("    - {charter: GAMMA", "    # {charter: GAMMA"))
    assert counts(synced(served)) == {"updated": 1, "paused": 1, "skipped": 1}
    served.run.declare(SPEC)
    assert counts(synced(served)) == {"updated": 1, "resumed": 1, "skipped": 1}
    served.run.declare("governance: {schedules: []}\n")
    refused = synced(served, 409)
    assert (refused["type"], refused["exit_code"]) == ("/problems/refused", 4)
    assert "--allow-mass-pause" in refused["hint"]
    assert counts(synced(served, allow_mass_pause=True)) == {"paused": 3}
    shown = served.run.run("history", DATABASE_URL=served.database_url).stdout
    assert shown.count("  apply by ") == 7  # a dry run is none


def test_an_invalid_spec_is_told_with_every_place(served: service.Service) -> None:
    served.run.declare(SPEC.replace("15 *", "75 *").replace("entrypoint: GAMMA", "entrypoint: 7"))
    body = synced(served, 422)
    assert (body["type"], body["exit_code"]) == ("/problems/invalid-spec", 3)
    assert [(each["path"], each["line"]) for each in body["problems"]] == [
        (str(program.SPEC), 4),
        (str(program.SPEC), 5),
    ]
    assert all(each["message"] and each["column"] for each in body["problems"])
    (served.run.folder / program.SPEC).unlink()
    missing = synced(served, 500)  # which is no fault of who calls
    assert (missing["type"], missing["exit_code"], "repo-spec" in missing["detail"]) == (
        "/problems/spec-missing",
        3,
        True,
    )


def test_of_two_syncs_at_once_one_works_and_the_other_is_told_who(
    served: service.Service, before_server: proxy.Proxy
) -> None:
    writes, answered = threading.Event(), threading.Event()

    def wait(_: int, name: str) -> None:
        if name == "CreateSchedule":
            writes.set()
            answered.wait(program.TIMEOUT)

    before_server.restart(wait)
    with futures.ThreadPoolExecutor(1) as pool:
        first = pool.submit(synced, served)
        assert writes.wait(program.TIMEOUT)
        try:
            second = synced(served, 409)
        finally:
            answered.set()
        assert counts(first.result()) == {"created": 3}
    assert (second["type"], second["exit_code"]) == ("/problems/locked", 6)
    assert "@" in second["holder"]["who"]
    assert second["holder"]["since"]
    assert second["holder"]["who"] in second["detail"]


def test_an_earlier_sync_program_holds_the_same_lock_and_a_repair_does_not(served: service.Service) -> None:
    with psycopg.connect(served.database_url, application_name="governance-sync", autocommit=True) as held:
        held.execute("SELECT pg_advisory_lock(hashtext('governance_sync'))")
        assert "governance-sync" in synced(served, 409)["holder"]["who"]
        held.execute("SELECT pg_advisory_unlock_all()")
        held.execute("SELECT pg_advisory_lock(hashtext('schedules_repair'))")
        assert counts(synced(served)) == {"created": 3}
        busy = served.run.run("repair", "--yes", DATABASE_URL=served.database_url)
        assert (busy.returncode, "governance-sync" in busy.stderr) == (6, True)


def test_syncs_that_wait_hold_up_neither_the_repair_nor_the_end(reconciler: program.Program, database_url: str) -> None:
    reconciler.declare(SPEC)
    given = ("--repair-every", "1s", "--lock-timeout", "10m")
    with (
        service.running(reconciler, database_url, *given) as served,
        psycopg.connect(database_url, autocommit=True, options=postgres.PATH) as held,
        futures.ThreadPoolExecutor(12) as pool,
    ):
        held.execute("SELECT pg_advisory_lock(hashtext('governance_sync'))")
        waiting = [pool.submit(synced, served) for _ in range(8)]
        assert synced(served, dry_run=True)["status"] == "planned"
        held.execute(
            "INSERT INTO schedules (id, owner, cron, timezone, workflow)"
            "VALUES (gen_random_uuid(), 'me', '0 3 1 1 *', 'UTC', 'R')"
        )
        while held.execute("SELECT count(*) FROM schedules WHERE synced_revision = revision").fetchone() != (1,):
            assert not any(each.done() for each in waiting)
        held.execute("SELECT pg_advisory_unlock_all()")
        assert sorted(str(counts(each.result())) for each in waiting) == ["{'created': 3}"] + ["{'skipped': 3}"] * 7
        held.execute("SELECT pg_advisory_lock(hashtext('governance_sync'))")
        sent = [asked(served) for _ in range(3)]
        assert synced(served, dry_run=True)["status"] == "planned"
        assert served.end()[0] == 0
        answers = [each.getresponse() for each in sent]
        assert {(answer.status, json.load(answer)["type"]) for answer in answers} == {(409, "/problems/locked")}
        for each in sent:
            each.close()


@pytest.mark.parametrize(("every", "expected"), [("1h", [True, False, False]), ("0.1s", [True, True, True])])
def test_the_first_repair_of_a_service_is_full_and_then_as_often_as_is_chosen(
    reconciler: program.Program, database_url: str, every: str, expected: list[bool]
) -> None:
    reconciler.declare(SPEC)
    given = ("--repair-every", "0.1s", "--full-repair-every", every, "--log-level", "info", "--log-format", "json")
    with service.running(reconciler, database_url, *given) as served:
        assert served.process.stderr is not None
        records = map(json.loads, served.process.stderr)
        repairs = (each for each in records if each["message"] == "repaired")
        found = [next(repairs) for _ in expected]
    assert [(each["full"], each["exit_code"]) for each in found] == [(full, 0) for full in expected]


def test_where_schedules_are_switched_off_a_sync_says_so(reconciler: program.Program, database_url: str) -> None:
    reconciler.declare(SPEC)
    off = {"GOVERNANCE_SCHEDULES_ENABLED": "false"}
    with service.running(reconciler, database_url, "--repair-every", "0s", **off) as served:
        body = synced(served)
        assert (body["status"], counts(body)) == ("skipped", {})
        assert "GOVERNANCE_SCHEDULES_ENABLED" in body["reason"]
        with served.ops() as client:
            for preference in ("return=minimal", 'respond-async, Return="minimal"; x=1', "return=minimal, return=full"):
                answer = client.post(service.SYNC, headers={"Prefer": preference})
                assert (answer.status_code, answer.content) == (204, b"")
                assert answer.headers["preference-applied"] == "return=minimal"
            for preference in ("return=representation", "return=full, return=minimal", "minimal", ""):
                answer = client.post(service.SYNC, headers={"Prefer": preference})
                assert (answer.status_code, answer.json()["status"]) == (200, "skipped")
                assert "preference-applied" not in answer.headers


def test_where_anything_else_prevents_a_sync_the_response_is_whole_whatever_is_preferred(
    reconciler: program.Program, database_url: str
) -> None:
    minimal = {"Prefer": "return=minimal"}
    reconciler.declare(SPEC)
    with service.running(reconciler, database_url, "--repair-every", "0s") as served, served.ops() as client:
        assert counts(client.post(service.SYNC, headers=minimal).json()) == {"created": 3}
        environments = "  environments: {preview: {enabled: false}}\n"
        served.run.declare(SPEC + environments)
        assert client.post(service.SYNC, headers=minimal).status_code == 200


def test_steps_that_fail_are_told_with_all_that_was_done(
    fake: fake_temporal.FakeTemporal, reconciler: program.Program, database_url: str
) -> None:
    def refuse() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.INVALID_ARGUMENT, "injected")

    reconciler.declare(SPEC)
    run = program.Program(folder=reconciler.folder, address=fake.address)
    with service.running(run, database_url, "--repair-every", "0s") as served:
        fake.before["CreateSchedule"] = [refuse]
        body = synced(served, 502)
        assert (counts(body), body["exit_code"]) == ({"created": 2, "failed": 1}, 1)
        assert sorted(step["status"] for step in body["steps"]) == ["done", "done", "failed"]
        assert counts(synced(served)) == {"created": 1, "skipped": 2}
        fake.before["CreateSchedule"] = [refuse]
        served.run.declare(SPEC + '    - {charter: DELTA, cron: "45 * * * *", entrypoint: DELTA}\n')
        reported = run.run("sync", "--via-service", served.url, INTERNAL_OPS_TOKEN=service.OPS_TOKEN)
        assert (reported.returncode, "+ governance:delta FAILED: " in reported.stdout) == (1, True)
        assert "Synced in part by " in reported.stdout


def test_without_temporal_a_sync_is_to_be_tried_again_and_a_row_stands(
    reconciler: program.Program, database_url: str
) -> None:
    reconciler.declare(SPEC)
    run = dataclasses.replace(reconciler, address="127.0.0.1:1")
    with service.running(run, database_url) as served, served.user() as user, served.ops() as ops:
        answer = ops.post(service.SYNC)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert (answer.json()["type"], answer.json()["exit_code"]) == ("/problems/temporal-away", 1)
        assert run.address not in answer.text
        ready = ops.get("/readyz")
        assert (ready.status_code, ready.json()["away"]) == (503, ["temporal"])
        assert ops.get("/healthz").status_code == 200
        made = user.post(service.SCHEDULES, json=service.wanted())
        assert (made.status_code, made.json()["synced"]) == (201, False)
        where = made.headers["Location"]
        assert user.get(where).json()["synced"] is False
        triggered = user.post(f"{where}/run")
        assert (triggered.status_code, triggered.headers["Retry-After"]) == (503, "5")
        assert postgres.execute(database_url, "SELECT count(*) FROM execution_requests") == [(0,)]
        deleted = user.post(service.SCHEDULES, json=service.wanted()).headers["Location"]
        assert (user.delete(deleted).status_code, user.get(deleted).status_code) == (202, 404)
        assert f"path={service.SYNC} error=cannot reach Temporal at {run.address}" in served.end()[1]
    done = reconciler.run("repair", "--yes", DATABASE_URL=database_url)
    assert (done.returncode, "1 created" in done.stdout) == (0, True)


def test_without_the_database_everything_is_to_be_tried_again(
    reconciler: program.Program, database_server: str, database_url: str
) -> None:
    reconciler.declare(SPEC)
    name = sql.Identifier(name_of := str(psycopg.conninfo.conninfo_to_dict(database_url)["dbname"]))
    with service.running(reconciler, database_url, "--repair-every", "0s") as served, served.ops() as ops:
        postgres.execute(database_server, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        postgres.execute(database_server, end, name_of)
        ready = ops.get("/readyz")
        assert (ready.status_code, ready.json()["away"]) == (503, ["database"])
        assert synced(served, 503)["type"] == "/problems/database-away"
        with served.client("unknown") as unknown:
            answer = unknown.get(service.SCHEDULES)
        assert service.problem(answer, 503)["type"] == "/problems/database-away"
        assert [known for known in (name_of, "127.0.0.1", "localhost", "port") if known in answer.text] == []
        postgres.execute(database_server, sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        assert counts(synced(served)) == {"created": 3}
        assert ops.get("/readyz").status_code == 200
