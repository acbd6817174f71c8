"""What was reviewed is applied, or nothing is."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest
import temporalio.client

from tests.support import program, proxy, remote
from tools import devserver

SPEC = """\
governance:
  schedules:
    - {charter: COMMUNITY, cron: "0 */6 * * *", entrypoint: COMMUNITY, input: {api_key: sk-hunter2}}
    - {charter: ENGINEERING, cron: "30 7 * * 1-5", entrypoint: ENGINEERING}
  environments:
    staging: {defaults: {timezone: Europe/Berlin}}
"""
CHANGED = SPEC.replace("30 7 * * 1-5", "30 8 * * 1-5")


@pytest.fixture
def planned(reconciler: program.Program) -> program.Program:
    """The program, both charters applied, one of them changed since, and the plan of that saved."""
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare(CHANGED)
    assert reconciler.run("plan", "--out", "plan.json").returncode == 0
    return reconciler


def document(run: program.Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run.folder / "plan.json").read_text(encoding="utf-8"))
    return found


def rewrite(run: program.Program, edit: Callable[[dict[str, Any]], object]) -> None:
    found = document(run)
    edit(found)
    (run.folder / "plan.json").write_text(json.dumps(found), encoding="utf-8")


def pending(run: program.Program) -> list[str]:
    """Return what a plan of now would do."""
    found = json.loads(run.run("plan", "--format", "json").stdout)
    return [f"{change['verb']} {change['id']}" for change in found["changes"] if change["verb"] != "keep"]


def refused(run: program.Program, *arguments: str, says: str) -> None:
    """Apply, and see that it is refused as stale with these words, and that nothing is written."""
    before = pending(run)
    done = run.run("apply", "plan.json", "--yes", *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (5, False)
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2  # what, and what to do
    assert pending(run) == before


def test_a_saved_plan_is_applied_as_it_was_reviewed(planned: program.Program) -> None:
    assert pending(planned) == ["update governance:engineering"]
    done = planned.run("apply", "plan.json", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "~ governance:engineering updated" in done.stdout
    assert pending(planned) == []


def test_a_saved_plan_holds_no_secret_and_shows_as_it_was_printed(planned: program.Program) -> None:
    assert "hunter2" not in (planned.folder / "plan.json").read_text(encoding="utf-8")
    for form in ("json", "markdown"):
        printed = planned.run("plan", "--format", form).stdout
        assert planned.run("show", "plan.json", "--format", form).stdout == printed
    shown = planned.run("show", "plan.json")
    assert (shown.returncode, "governance:engineering" in shown.stdout) == (0, True)


def test_a_changed_secret_shows_as_another_digest_in_each_run_and_still_as_what_was_reviewed(
    planned: program.Program,
) -> None:
    planned.declare(CHANGED.replace("hunter2", "hunter3"))
    printed = [planned.run("plan", *options).stdout for options in ((), (), ("--out", "plan.json"))]
    shown = [set(re.findall(r"hmac:[0-9a-f]{12}", each)) for each in printed]
    assert all(shown)
    assert (shown[0] & shown[1], shown[1] & shown[2]) == (set(), set())
    assert len({each[each.index("Digest sha256:") :].split()[1] for each in printed}) == 1
    assert planned.run("show", "plan.json").stdout.count("hmac:") == printed[2].count("hmac:")
    assert planned.run("apply", "plan.json", "--yes").returncode == 0
    assert pending(planned) == []


def test_show_needs_no_server(planned: program.Program) -> None:
    shown = planned.run("show", "plan.json", "--verbose", TEMPORAL_ADDRESS="127.0.0.1:1")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "= governance:community  matches the spec" in shown.stdout


def test_a_plan_is_applied_once(planned: program.Program) -> None:
    shutil.copy(planned.folder / "plan.json", planned.folder / "copy.json")
    assert planned.run("apply", "plan.json", "--yes").returncode == 0
    refused(planned, says="plan.json was already applied on ")
    shutil.copy(planned.folder / "copy.json", planned.folder / "plan.json")
    refused(planned, says="governance:engineering changed on ")


def since(run: program.Program) -> tuple[str, datetime.datetime, datetime.datetime]:
    """Apply, see that it is refused, and return what moved, when that was, and when the plan was made."""
    done = run.run("apply", "plan.json", "--yes")
    found = re.search(r"stale: (\S+ .*?) (on|since the plan was made on) (\S+ \S+) UTC", done.stderr)
    assert done.returncode == 5
    assert found, done.stderr
    made = datetime.datetime.fromisoformat(document(run)["saved"]["planned_at"])
    return found[1], datetime.datetime.fromisoformat(f"{found[3]}+00:00"), made.replace(microsecond=0)


async def test_a_stale_plan_is_never_said_to_be_stale_since_before_it_was_made(planned: program.Program) -> None:
    client = await temporalio.client.Client.connect(planned.address, namespace=planned.namespace)
    handle = client.get_schedule_handle("governance:engineering")
    for change, moved in (
        (handle.pause, "governance:engineering changed"),
        (handle.unpause, "governance:engineering changed"),
        (handle.delete, "governance:engineering no longer exists; it was deleted after the plan was made"),
    ):
        assert planned.run("plan", "--out", "plan.json").returncode == 0
        await change()
        what, at, made = since(planned)
        assert what == moved
        assert made <= at <= datetime.datetime.now(datetime.UTC)


async def test_what_would_be_done_now_is_not_shown_when_a_saved_plan_is_refused(planned: program.Program) -> None:
    shutil.copy(planned.folder / "plan.json", planned.folder / "copy.json")
    assert planned.run("apply", "--yes").returncode == 0
    done = planned.run("apply", "copy.json", "--yes")
    assert (done.returncode, done.stdout) == (5, "")


async def test_a_live_schedule_that_changed_since_is_named_with_its_fields_and_when(planned: program.Program) -> None:
    raw = await remote.raw(planned.address, planned.namespace)
    described = await raw.describe("governance:engineering")
    described.schedule.spec.jitter.FromSeconds(60)
    await raw.update("governance:engineering", described.schedule)
    refused(planned, says="governance:engineering changed on ")
    done = planned.run("apply", "plan.json", "--yes")
    assert ": jitter" in done.stderr


async def test_what_the_plan_does_not_touch_may_change(planned: program.Program) -> None:
    raw = await remote.raw(planned.address, planned.namespace)
    described = await raw.describe("governance:community")
    await raw.update("governance:community", described.schedule)
    assert planned.run("apply", "plan.json", "--yes").returncode == 0


@pytest.mark.parametrize("moved", ["only its token", "what it asks for"])
def test_a_step_of_a_saved_plan_that_is_stale_is_done_again_only_if_it_is_the_same(
    planned: program.Program, dev_server: devserver.DevServer, moved: str
) -> None:
    """Somebody writes between the apply's look and its write; a pause waits behind that write."""
    planned.declare(CHANGED.replace('"0 */6 * * *",', '"0 */6 * * *", paused: true,'))
    assert planned.run("plan", "--out", "plan.json").returncode == 0
    assert pending(planned) == ["update governance:engineering", "pause governance:community"]
    done = threading.Event()

    async def move() -> None:
        raw = await remote.raw(dev_server.address, planned.namespace)
        described = await raw.describe("governance:engineering")
        if moved == "what it asks for":
            described.schedule.spec.jitter.FromSeconds(60)
        await raw.update("governance:engineering", described.schedule)
        await raw.describe("governance:engineering")  # of two updates at once V1 forgets the first

    def boundary(_: int, name: str) -> None:
        if name == "UpdateSchedule" and not done.is_set():
            done.set()
            asyncio.run(move())

    with proxy.running(dev_server.address) as before:
        through = dataclasses.replace(planned, address=before.address)
        assert through.run("plan", "--out", "plan.json").returncode == 0
        before.restart(boundary)
        ended = through.run("apply", "plan.json", "--yes", "--allow-mass-pause")
    if moved == "only its token":
        assert (ended.returncode, ended.stderr) == (0, "")
        assert pending(planned) == []
    else:
        assert ended.returncode == 1
        assert "governance:engineering STALE: the live schedule changed since it was planned" in ended.stdout
        assert "governance:community SKIPPED: not paused because an earlier step did not succeed" in ended.stdout
        assert pending(planned) == ["update governance:engineering", "pause governance:community"]


def test_a_changed_spec_is_refused(planned: program.Program) -> None:
    planned.declare(CHANGED.replace("0 */6", "0 */8"))
    refused(planned, says="repo-spec.yaml changed since the plan was made on ")


def test_another_namespace_or_address_is_refused(planned: program.Program) -> None:
    named = planned.run("apply", "plan.json", "--yes", "--namespace", "default")
    assert (named.returncode, f"in namespace {planned.namespace} on" in named.stderr) == (5, True)
    port = planned.address.rpartition(":")[2]
    elsewhere = planned.run("apply", "plan.json", "--yes", "--address", f"localhost:{port}")
    assert (elsewhere.returncode, f"on localhost:{port}" in elsewhere.stderr) == (5, True)
    assert pending(planned) == ["update governance:engineering"]


def test_another_environment_or_prefix_is_refused(planned: program.Program) -> None:
    refused(planned, "--environment", "staging", says="--environment staging was passed, but the plan was made without")
    refused(planned, "--prefix", "team:", says="--prefix team: was passed")
    refused(planned, "--adopt", says="--adopt was passed")


def test_a_plan_keeps_the_environment_that_it_was_made_for(planned: program.Program) -> None:
    assert planned.run("plan", "--environment", "staging", "--out", "plan.json").returncode == 0
    done = planned.run("apply", "plan.json", "--yes")
    assert (done.returncode, "2 updated" in done.stdout, "environment staging" in done.stdout) == (0, True, True)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda found: found.update(format_version="2.0"), "in format 2.0"),
        (lambda found: found.pop("format_version"), "it has no 'format_version'"),
        (lambda found: found.update(digest="sha256:" + "0" * 64), "its checksum does not match"),
        (lambda found: found["saved"]["schedules"][0].update(created_at=1), "its checksum does not match"),
        (lambda found: found.pop("saved"), "its checksum does not match"),
        (lambda found: found.update(applied_at="2026-01-01T00:00:00+00:00"), "its checksum does not match"),
    ],
)
def test_an_edited_plan_is_refused(
    planned: program.Program, edit: Callable[[dict[str, Any]], object], says: str
) -> None:
    rewrite(planned, edit)
    refused(planned, says=says)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_cut_plan_is_refused(planned: program.Program, kept: float) -> None:
    path = planned.folder / "plan.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: int(len(text) * kept)], encoding="utf-8")
    refused(planned, says="it is not valid JSON, or it is truncated")


def test_a_plan_from_a_snapshot_is_refused(planned: program.Program) -> None:
    assert planned.run("snapshot", "--out", "live.json").returncode == 0
    assert planned.run("plan", "--live", "live.json", "--out", "plan.json").returncode == 0
    refused(planned, says="a plan made from a snapshot cannot be applied")


def test_the_spec_may_stand_elsewhere_but_must_be_the_same(planned: program.Program) -> None:
    shutil.move(planned.folder / ".cogni" / "repo-spec.yaml", planned.folder / "moved.yaml")
    gone = planned.run("apply", "plan.json", "--yes")
    assert (gone.returncode, "cannot be read" in gone.stderr) == (64, True)
    assert planned.run("apply", "plan.json", "--yes", "--spec", "moved.yaml").returncode == 0


def test_an_expected_digest_lets_only_that_plan_through(planned: program.Program) -> None:
    digest = document(planned)["digest"]
    for other in ("sha256:" + "0" * 64, "", digest[:-1], digest.upper()):
        done = planned.run("apply", "--yes", "--expect-digest", other)
        assert (done.returncode, "not the one that was reviewed" in done.stderr) == (5, True)
        assert "~ governance:engineering" in done.stdout  # the plan is shown first
    assert pending(planned) == ["update governance:engineering"]
    assert planned.run("apply", "--yes", "--expect-digest", digest).returncode == 0


def test_an_expected_digest_counts_also_when_there_is_nothing_to_do(planned: program.Program) -> None:
    digest = document(planned)["digest"]
    assert planned.run("apply", "--yes").returncode == 0
    assert planned.run("apply", "--yes", "--expect-digest", digest).returncode == 5


def test_the_digest_is_the_same_anywhere(planned: program.Program, tmp_path: pathlib.Path) -> None:
    """Another folder, another order of charters, another locale and time zone, another hash seed."""
    other = program.Program(folder=tmp_path / "elsewhere", address=planned.address, namespace=planned.namespace)
    lines = CHANGED.splitlines(keepends=True)
    other.declare("# moved\n" + "".join([*lines[:2], lines[3], lines[2], *lines[4:]]))
    strange = {"LC_ALL": "C", "LANG": "tr_TR.UTF-8", "TZ": "Asia/Kathmandu", "PYTHONHASHSEED": "77", "PYTHONUTF8": "0"}
    found = json.loads(other.run("plan", "--format", "json", **strange).stdout)
    assert found["digest"] == document(planned)["digest"]


def test_that_a_plan_was_applied_cannot_be_taken_out_of_the_file(planned: program.Program) -> None:
    assert planned.run("apply", "plan.json", "--yes").returncode == 0
    rewrite(planned, lambda found: found.update(applied_at=None))
    refused(planned, says="its checksum does not match")


def test_a_plan_that_is_no_regular_file_is_refused(planned: program.Program) -> None:
    os.mkfifo(planned.folder / "pipe")
    for path in ("pipe", "/dev/stdin", "/dev/zero", "."):
        done = planned.run("apply", path, "--yes")
        assert (done.returncode, "is not a regular file" in done.stderr) == (64, True)


def test_a_file_that_is_too_large_is_refused_in_bounded_memory(planned: program.Program) -> None:
    with (planned.folder / "large.json").open("wb") as file:
        file.truncate(10 * 1024**3)
    for arguments in (["show", "large.json"], ["plan", "--live", "large.json"]):
        done = subprocess.run(
            ["/bin/sh", "-c", 'ulimit -v 4000000; exec "$@"', "sh", *planned.command(*arguments)],
            cwd=planned.folder,
            env=planned.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=program.TIMEOUT,
        )
        assert (done.returncode, "is over 64 MiB" in done.stderr) == (5, True)
    refusal = planned.run("apply", "plan.json", "--yes", "--spec", "large.json")
    assert (refusal.returncode, "is over 64 MiB" in refusal.stderr) == (5, True)
    (planned.folder / "large.json").unlink()  # nobody wants to look for secrets in it


def test_an_applied_plan_keeps_its_mode(planned: program.Program) -> None:
    (planned.folder / "plan.json").chmod(0o600)
    assert planned.run("apply", "plan.json", "--yes").returncode == 0
    assert (planned.folder / "plan.json").stat().st_mode & 0o777 == 0o600


def test_from_another_folder_the_hint_names_spec(planned: program.Program, tmp_path: pathlib.Path) -> None:
    elsewhere = program.Program(folder=tmp_path / "other", address=planned.address, namespace=planned.namespace)
    elsewhere.folder.mkdir()
    done = elsewhere.run("apply", str(planned.folder / "plan.json"), "--yes")
    assert (done.returncode, "specify the repo-spec with --spec" in done.stderr) == (64, True)


def test_another_repository_is_refused(planned: program.Program) -> None:
    assert planned.run("plan", "--adopt", "--out", "plan.json", GITHUB_REPOSITORY="org/a").returncode == 0
    done = planned.run("apply", "plan.json", "--yes", GITHUB_REPOSITORY="org/b")
    assert (done.returncode, "owner org/a, but this is" in done.stderr) == (5, True)
    assert planned.run("apply", "plan.json", "--yes", GITHUB_REPOSITORY="org/a").returncode == 0


def test_a_plan_that_was_not_begun_may_be_applied(planned: program.Program) -> None:
    away = planned.run("apply", "plan.json", "--yes", "--lock", "none", DATABASE_URL="postgresql://me@127.0.0.1:1/x")
    assert (away.returncode, document(planned)["applied_at"]) == (1, None)
    assert planned.run("apply", "plan.json", "--yes").returncode == 0
