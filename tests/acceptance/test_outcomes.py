"""The outcome as a document: on success, on every failure, and always as its schema says."""

from __future__ import annotations

import json
import signal
from typing import Any

import grpc
import pytest

from reconciler import published
from tests.support import fake_temporal, program

SPEC = """\
governance:
  schedules:
    - {charter: ALPHA, cron: "0 * * * *", entrypoint: ALPHA}
    - {charter: BETA, cron: "15 * * * *", entrypoint: BETA}
"""


def outcome(run: program.Program, *arguments: str, code: int, **environment: str) -> dict[str, Any]:
    """Apply with JSON wanted, and return the document, which must be valid and know its exit code."""
    done = run.run("apply", "--format", "json", *arguments, **environment)
    assert done.returncode == code
    return checked(done.stdout, code)


def checked(text: str, code: int) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    assert list(published.violations("outcome", document)) == []
    assert document["exit_code"] == code
    return document


@pytest.fixture
def on_fake(fake: fake_temporal.FakeTemporal, reconciler: program.Program) -> program.Program:
    """The program on the fake, with its spec."""
    found = program.Program(folder=reconciler.folder, address=fake.address)
    found.declare(SPEC)
    return found


def test_done(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    document = outcome(reconciler, "--yes", code=0)
    assert (document["counts"]["create"], document["counts"]["done"], document["error"]) == (2, 2, None)
    assert [(each["id"], each["verb"], each["status"]) for each in document["outcomes"]] == [
        ("governance:alpha", "create", "done"),
        ("governance:beta", "create", "done"),
    ]
    again = outcome(reconciler, "--yes", code=0)
    assert (again["outcomes"], again["digest"].startswith("sha256:")) == ([], True)


def test_a_step_that_fails(fake: fake_temporal.FakeTemporal, on_fake: program.Program) -> None:
    def refuse() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.INVALID_ARGUMENT, "not like this")

    fake.before["CreateSchedule"] = [refuse]
    document = outcome(on_fake, "--yes", code=1)
    assert (document["counts"]["done"], document["counts"]["failed"]) == (1, 1)
    failed = next(each for each in document["outcomes"] if each["status"] == "failed")
    assert "not like this" in failed["detail"]


def test_an_invalid_spec(on_fake: program.Program) -> None:
    on_fake.declare(SPEC.replace("0 * * * *", "99 * * * *"))
    document = outcome(on_fake, "--yes", code=3)
    assert "repo-spec.yaml:3:" in document["error"]["message"]
    assert document["target"] == {"address": on_fake.address, "namespace": "default", "prefix": None, "owner": None}
    chosen = ("--prefix", "acme:", "--owner", "acme/app", "--environment", "staging")
    known = outcome(on_fake, "--yes", *chosen, code=3)
    assert (known["target"]["prefix"], known["target"]["owner"], known["environment"]) == chosen[1::2]


def test_an_address_that_may_hold_a_password_is_not_told(on_fake: program.Program) -> None:
    document = outcome(on_fake, "--yes", "--address", "me:hunter2@127.0.0.1:1", code=64)
    assert (document["target"]["address"], document["target"]["namespace"]) == (None, "default")


def test_a_guard(on_fake: program.Program) -> None:
    assert on_fake.run("apply", "--yes").returncode == 0
    on_fake.declare("governance: {schedules: []}\n")
    document = outcome(on_fake, "--yes", code=4)
    assert "--allow-mass-pause" in document["error"]["hint"]
    assert document["outcomes"] == []


def test_a_stale_plan(on_fake: program.Program) -> None:
    document = outcome(on_fake, "--yes", "--expect-digest", "sha256:" + "0" * 64, code=5)
    assert "not the one that was reviewed" in document["error"]["message"]
    (on_fake.folder / "plan.json").write_text("{", encoding="utf-8")
    cut = outcome(on_fake, "plan.json", "--yes", code=5)
    assert "is not a usable plan" in cut["error"]["message"]


def test_a_busy_lock(fake: fake_temporal.FakeTemporal, on_fake: program.Program) -> None:
    def taken() -> None:
        raise fake_temporal.Refusal(grpc.StatusCode.ALREADY_EXISTS, "Workflow execution already started")

    fake.before["StartWorkflowExecution"] = [taken]
    on_fake.declare(SPEC.replace("governance:\n", "governance:\n  owner: acme/app\n"))
    document = outcome(on_fake, "--yes", code=6)
    assert "locked by" in document["error"]["message"]
    assert (document["target"]["address"], document["target"]["owner"]) == (on_fake.address, "acme/app")


def test_a_server_that_is_away(on_fake: program.Program) -> None:
    document = outcome(on_fake, "--yes", "--address", "127.0.0.1:1", code=1)
    assert "127.0.0.1:1" in document["error"]["message"]
    assert document["target"] == {
        "address": "127.0.0.1:1",
        "namespace": "default",
        "prefix": "governance:",
        "owner": None,
    }
    assert document["spec"] == ".cogni/repo-spec.yaml"


def test_usage(on_fake: program.Program) -> None:
    document = outcome(on_fake, code=64)
    assert "--yes" in document["error"]["hint"]


def test_switched_off(on_fake: program.Program) -> None:
    document = outcome(on_fake, "--yes", code=0, GOVERNANCE_SCHEDULES_ENABLED="false")
    assert document["skipped"] == "schedules are disabled here by GOVERNANCE_SCHEDULES_ENABLED"
    unclear = outcome(on_fake, "--yes", code=64, GOVERNANCE_SCHEDULES_ENABLED="flase")
    assert "GOVERNANCE_SCHEDULES_ENABLED=flase is not valid" in unclear["error"]["message"]


def test_interrupted(fake: fake_temporal.FakeTemporal, on_fake: program.Program) -> None:
    """The server holds an answer back until the apply was told to end: that call still ends, the others never begin."""
    on_fake.declare(SPEC + "".join(f"    - {{charter: C{n}, cron: '0 * * * *', entrypoint: C}}\n" for n in range(40)))
    process = on_fake.start("apply", "--yes", "--format", "json")
    fake.after["CreateSchedule"] = [lambda: process.send_signal(signal.SIGTERM)]
    out, _ = process.communicate(timeout=program.TIMEOUT)
    document = checked(out, 143)
    assert document["interrupted"] is True
    assert document["counts"]["done"] >= 1
    assert document["counts"]["done"] + document["counts"]["skipped"] == 42
    assert fake.runs == {}  # the lock is let go
