"""The main job through the command line, on the real server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2

from reconciler import published
from reconciler.schedule import model
from tests.support import program, remote

pytestmark = pytest.mark.usefixtures("polled")
SPEC = """\
schema_version: "0.1.4"
gates:
  review_limits: {max_changed_files: 20}
governance:
  schedules:
    - charter: COMMUNITY
      cron: "0 * * * *"
      timezone: UTC
      entrypoint: COMMUNITY
    - charter: ENGINEERING
      cron: "15 * * * *"
      entrypoint: ENGINEERING
      input: {model: small}
    - charter: GOVERN
      cron: "45 6 1 * *"
      timezone: Europe/Berlin
      entrypoint: GOVERN
"""
IDS = ["governance:community", "governance:engineering", "governance:govern"]
WITHOUT_GOVERN = SPEC[: SPEC.index("    - charter: GOVERN")]


@pytest.fixture
def applied(reconciler: program.Program) -> program.Program:
    """The program with its spec applied."""
    reconciler.declare(SPEC)
    done = reconciler.run("apply", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    return reconciler


def plan_of(reconciler: program.Program) -> dict[str, Any]:
    """Return the plan's document."""
    done = reconciler.run("plan", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def steps_of(reconciler: program.Program) -> list[tuple[str, str, list[str]]]:
    """Return verb, id and field paths of each change that writes."""
    return [
        (change["verb"], change["id"], [field["path"] for field in change["fields"]])
        for change in plan_of(reconciler)["changes"]
        if change["verb"] != "keep"
    ]


def described(reconciler: program.Program, schedule_id: str) -> rpc_pb2.DescribeScheduleResponse:
    """Return what the server says, by Temporal's own call."""

    async def describe() -> rpc_pb2.DescribeScheduleResponse:
        return await (await remote.raw(reconciler.address, reconciler.namespace)).describe(schedule_id)

    return asyncio.run(describe())


def change_behind_our_back(
    reconciler: program.Program, schedule_id: str, change: Callable[[schedule_pb2.Schedule], None]
) -> None:
    """Edit a schedule as another tool would: describe, edit, update without a token."""

    async def edit() -> None:
        raw = await remote.raw(reconciler.address, reconciler.namespace)
        proto = (await raw.describe(schedule_id)).schedule
        change(proto)
        await raw.update(schedule_id, proto)

    asyncio.run(edit())


def create_behind_our_back(reconciler: program.Program, schedule_id: str, proto: schedule_pb2.Schedule) -> None:
    async def create() -> None:
        await (await remote.raw(reconciler.address, reconciler.namespace)).create(schedule_id, proto)

    asyncio.run(create())


def test_a_plan_shows_what_apply_then_does_and_a_second_plan_is_empty(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    first = reconciler.run("plan", "--detailed-exitcode")
    assert first.returncode == 2
    assert "\nPlan: 3 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged.\n" in first.stdout
    apply = reconciler.run("apply", "--yes")
    assert apply.returncode == 0
    assert without_times(apply.stdout).startswith(without_times(first.stdout))
    assert sorted(line.strip() for line in apply.stdout.splitlines() if line.endswith(" created")) == [
        f"+ {id_} created" for id_ in IDS
    ]
    where = f"governance:* in namespace {reconciler.namespace} on {reconciler.address}"
    assert apply.stdout.endswith(f"Applied to {where}: 3 created, 0 updated, 0 resumed, 0 paused.\n")
    second = reconciler.run("plan", "--detailed-exitcode")
    assert second.returncode == 0
    assert second.stdout.endswith("No changes. The server matches .cogni/repo-spec.yaml (3 unchanged).\n")


def without_times(text: str) -> str:
    """Leave out what depends on the moment."""
    return re.sub(r"^      next .*\n", "", text, flags=re.MULTILINE)


def test_a_plan_changes_nothing(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    plans = [plan_of(reconciler) for _ in range(2)]
    assert plans[0] == plans[1]
    assert plans[0]["counts"]["create"] == 3


def test_a_second_apply_does_nothing_by_the_servers_own_account(applied: program.Program) -> None:
    change_behind_our_back(applied, IDS[0], lambda proto: setattr(proto.state, "notes", "touched"))
    before = [described(applied, id_) for id_ in IDS]
    assert before[0].info.update_time.seconds > 0
    again = applied.run("apply", "--yes")
    assert again.returncode == 0
    assert again.stdout.endswith("No changes. The server matches .cogni/repo-spec.yaml (3 unchanged).\n")
    after = [described(applied, id_) for id_ in IDS]
    assert [each.info.update_time for each in after] == [each.info.update_time for each in before]
    assert [each.conflict_token for each in after] == [each.conflict_token for each in before]


def set_minute(proto: schedule_pb2.Schedule) -> None:
    del proto.spec.structured_calendar[:]
    proto.spec.cron_string.append("5 * * * *")


def set_input(proto: schedule_pb2.Schedule) -> None:
    payload = proto.action.start_workflow.input.payloads[0]
    argument = json.loads(payload.data)
    argument["input"]["model"] = "large"
    payload.data = json.dumps(argument).encode()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (set_minute, ("update", IDS[1], ["cron"])),
        (lambda proto: setattr(proto.spec, "timezone_name", "Asia/Tokyo"), ("update", IDS[1], ["timezone"])),
        (set_input, ("update", IDS[1], ["input.model"])),
        (lambda proto: setattr(proto.policies, "overlap_policy", 6), ("update", IDS[1], ["overlap"])),
        (lambda proto: setattr(proto.state, "paused", True), ("resume", IDS[1], ["paused"])),
    ],
    ids=["cron", "timezone", "input", "overlap", "paused"],
)
def test_a_change_behind_our_back_is_named_exactly_and_mended(
    applied: program.Program,
    change: Callable[[schedule_pb2.Schedule], None],
    expected: tuple[str, str, list[str]],
) -> None:
    before = described(applied, IDS[1]).schedule
    change_behind_our_back(applied, IDS[1], change)
    assert steps_of(applied) == [expected]
    assert applied.run("apply", "--yes").returncode == 0
    assert steps_of(applied) == []
    after = described(applied, IDS[1]).schedule
    before.state.notes = after.state.notes
    assert json_format.MessageToDict(after) == json_format.MessageToDict(before)


def test_a_schedule_of_the_older_sync_is_brought_into_line_field_by_field(reconciler: program.Program) -> None:
    proto = remote.proto_of(remote.schedule("community"))
    proto.spec.Clear()
    proto.spec.cron_string.append("0 * * * *")
    proto.policies.catchup_window.FromSeconds(365 * 24 * 3600)
    payload = proto.action.start_workflow.input.payloads[0]
    payload.data = b'{"charter":"COMMUNITY","entrypoint":"COMMUNITY","scheduleId":"governance:community"}'
    create_behind_our_back(reconciler, "governance:community", proto)
    reconciler.declare(SPEC[: SPEC.index("    - charter: ENGINEERING")])
    shown = reconciler.run("plan").stdout
    assert (
        """\
  ~ governance:community  will be updated (differs from the spec)  .cogni/repo-spec.yaml:6:7
      catchup_window      "365d" → "10s"
      input               (none) → {}
      temporalScheduleId  (none) → "governance:community"
      dbScheduleId        (none) → null
      args[0].scheduleId  "governance:community" → (none)
"""
        in shown
    )
    assert reconciler.run("apply", "--yes").returncode == 0
    assert steps_of(reconciler) == []


def test_a_removed_charter_is_paused_with_a_note_and_a_returned_one_is_resumed(applied: program.Program) -> None:
    applied.declare(WITHOUT_GOVERN)
    assert steps_of(applied) == [("pause", "governance:govern", ["paused"])]
    assert applied.run("apply", "--yes").returncode == 0
    state = described(applied, "governance:govern").schedule.state
    assert (state.paused, state.notes) == (True, "paused by reconciler: charter is not in .cogni/repo-spec.yaml")
    assert steps_of(applied) == []
    applied.declare(SPEC)
    assert steps_of(applied) == [("resume", "governance:govern", ["paused"])]
    assert applied.run("apply", "--yes").returncode == 0
    assert not described(applied, "governance:govern").schedule.state.paused
    assert steps_of(applied) == []


def test_resume_and_update_are_one_write(applied: program.Program) -> None:
    applied.declare(WITHOUT_GOVERN)
    assert applied.run("apply", "--yes").returncode == 0
    applied.declare(SPEC.replace("45 6 1 * *", "50 6 1 * *"))
    assert steps_of(applied) == [("resume", "governance:govern", ["cron", "paused"])]
    assert applied.run("apply", "--yes").returncode == 0
    assert steps_of(applied) == []


def test_a_pause_by_a_person_is_shown_with_its_note_before_it_is_undone(applied: program.Program) -> None:
    def pause(proto: schedule_pb2.Schedule) -> None:
        proto.state.paused = True
        proto.state.notes = "too noisy during the incident"

    change_behind_our_back(applied, IDS[0], pause)
    shown = applied.run("plan").stdout
    assert "▶ governance:community  will be resumed (paused outside the spec)" in shown
    assert 'note: "too noisy during the incident"' in shown


def test_what_is_not_ours_is_never_touched(reconciler: program.Program) -> None:
    theirs = ["nightly-backup", "4b0c3d0e-7a0f-4b52-8d6a-0f6f6d1d8a11", "governance-like"]
    for schedule_id in theirs:
        create_behind_our_back(reconciler, schedule_id, remote.proto_of(remote.schedule()))
    before = [described(reconciler, id_).SerializeToString(deterministic=True) for id_ in theirs]
    reconciler.declare(SPEC)
    assert reconciler.run("apply", "--yes").returncode == 0
    reconciler.declare(WITHOUT_GOVERN)
    shown = reconciler.run("apply", "--yes", "--verbose")
    assert shown.returncode == 0
    assert [id_ for id_ in theirs if id_ in shown.stdout] == []
    assert [described(reconciler, id_).SerializeToString(deterministic=True) for id_ in theirs] == before


def test_pausing_everything_is_shown_then_refused_until_it_is_meant(applied: program.Program) -> None:
    applied.declare("governance:\n  schedules: []\n")
    plan = applied.run("plan")
    assert plan.returncode == 0
    assert "apply will refuse this" in plan.stderr
    refused = applied.run("apply", "--yes")
    assert refused.returncode == 4
    assert "Plan: 0 to create, 0 to update, 0 to resume, 3 to pause, 0 unchanged." in refused.stdout
    assert "--allow-mass-pause" in refused.stderr
    assert [described(applied, id_).schedule.state.paused for id_ in IDS] == [False] * 3
    assert applied.run("apply", "--yes", "--allow-mass-pause").returncode == 0
    assert [described(applied, id_).schedule.state.paused for id_ in IDS] == [True] * 3


def test_a_spec_without_a_governance_section_is_refused_while_something_is_live(applied: program.Program) -> None:
    applied.declare('schema_version: "0.1.4"\ngates: {}\n')
    refused = applied.run("apply", "--yes")
    assert refused.returncode == 4
    assert "no governance or temporal section" in refused.stderr


def test_preview_environments_are_left_alone(reconciler: program.Program) -> None:
    reconciler.declare(SPEC)
    done = reconciler.run("apply", "--yes", GOVERNANCE_SCHEDULES_ENABLED="false")
    assert done.returncode == 0
    assert "GOVERNANCE_SCHEDULES_ENABLED" in done.stdout
    assert plan_of(reconciler)["counts"]["create"] == 3


def test_an_environment_that_is_switched_off_is_left_alone(reconciler: program.Program) -> None:
    reconciler.declare(
        SPEC + "  environments:\n    preview: {enabled: false}\n    staging: {defaults: {paused: true}}\n"
    )
    for command in (["plan"], ["apply", "--yes"]):
        done = reconciler.run(*command, "--environment", "preview")
        assert (done.returncode, done.stdout) == (
            0,
            "Nothing to do: environment 'preview' is disabled in .cogni/repo-spec.yaml.\n",
        )
    assert reconciler.run("apply", "--yes", GOVERNANCE_ENVIRONMENT="staging").returncode == 0
    assert [described(reconciler, id_).schedule.state.paused for id_ in IDS] == [True] * 3
    assert reconciler.run("plan", "--environment", "prod").returncode == 64


def test_the_plan_document_is_as_its_schema_says_and_can_be_saved(applied: program.Program) -> None:
    applied.declare(SPEC.replace("45 6 1 * *", "50 6 1 * *"))
    shown = applied.run("plan", "--format", "markdown", "--out", "plan.json")
    assert shown.returncode == 0
    assert shown.stdout.startswith("### Plan: 0 to create, 1 to update")
    saved = json.loads((applied.folder / "plan.json").read_bytes())
    assert list(published.violations("plan", saved)) == []
    assert {key: value for key, value in saved.items() if key not in ("saved", "checksum", "applied_at")} == plan_of(
        applied
    )


def test_a_new_schedule_fires_as_declared(applied: program.Program) -> None:
    """The server's own next times: 06:45 on the first of a month, in Berlin."""
    import zoneinfo

    times = [stamp.ToDatetime(tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")) for stamp in next_times(applied)]
    assert {(time.day, time.hour, time.minute) for time in times} == {(1, 6, 45)}
    assert len(times) == 10


def next_times(applied: program.Program) -> list[Any]:
    return list(described(applied, "governance:govern").info.future_action_times)


def test_the_workflow_gets_one_object_with_both_identities(applied: program.Program) -> None:
    start = described(applied, "governance:engineering").schedule.action.start_workflow
    assert [json.loads(payload.data) for payload in start.input.payloads] == [
        {
            "temporalScheduleId": "governance:engineering",
            "dbScheduleId": None,
            "charter": "ENGINEERING",
            "entrypoint": "ENGINEERING",
            "input": {"model": "small"},
        }
    ]
    assert model.LEAST_CATCHUP.total_seconds() == 10
    policies = described(applied, "governance:engineering").schedule.policies
    assert (policies.catchup_window.seconds, policies.overlap_policy) == (10, 1)


def test_after_an_import_of_what_is_live_the_plan_is_empty(applied: program.Program) -> None:
    create_behind_our_back(applied, "governance:foreign", remote.proto_of(remote.schedule("foreign", input={"a": 1})))
    (applied.folder / program.SPEC).unlink()
    printed = applied.run("import")
    assert printed.returncode == 0
    assert "    - charter: ENGINEERING\n" in printed.stdout
    assert not (applied.folder / program.SPEC).exists()
    done = applied.run("import", *(f"--id={id_}" for id_ in IDS), "--write")
    assert (done.returncode, done.stdout, done.stderr) == (0, ".cogni/repo-spec.yaml: 3 charters added\n", "")
    assert steps_of(applied) == [("pause", "governance:foreign", ["paused"])]
    more = applied.run("import", "--write")
    assert more.stdout == ".cogni/repo-spec.yaml: 1 charter added\n"
    assert "Warning: 3 schedules (" in more.stderr
    assert ") are already declared\n" in more.stderr
    assert "      args:\n" in (applied.folder / program.SPEC).read_text()
    assert steps_of(applied) == []


def test_an_import_never_declares_another_schedule_than_the_one_that_is_there(applied: program.Program) -> None:
    for schedule_id in ("cap-00A1-poc", "governance:Capitals"):
        create_behind_our_back(applied, schedule_id, remote.proto_of(remote.schedule(schedule_id)))
    done = applied.run("import", "--write", "--id=cap-00A1-poc", "--id=governance:Capitals")
    assert (done.returncode, done.stdout) == (0, ".cogni/repo-spec.yaml: 2 charters added\n")
    assert [each.strip() for each in (applied.folder / program.SPEC).read_text().splitlines() if " id:" in each] == [
        "id: cap-00A1-poc",
        "id: governance:Capitals",
    ]
    assert steps_of(applied) == []


def test_an_import_of_what_is_not_there_is_refused(applied: program.Program) -> None:
    done = applied.run("import", "--id", "governance:nothing")
    assert (done.returncode, "schedule 'governance:nothing' does not exist" in done.stderr) == (64, True)


def test_an_import_of_an_id_that_cannot_have_a_charter_is_an_error_and_writes_nothing(applied: program.Program) -> None:
    timeless = remote.proto_of(remote.schedule("timeless"))
    timeless.spec.Clear()
    create_behind_our_back(applied, "governance:timeless", timeless)
    done = applied.run("import", "--id", "governance:timeless", "--id", "governance:engineering", "--spec", "new.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert "governance:timeless: this schedule cannot be expressed as a charter: it has no times" in done.stderr
    assert "Nothing was written; leave out its --id to import the others." in done.stderr
    assert applied.run("import", "--spec", "new.yaml").returncode == 0


def test_an_import_leaves_the_file_as_it_is_but_for_its_charters(applied: program.Program) -> None:
    path = applied.folder / program.SPEC
    before = b"\xef\xbb\xbf# ours\r\ntwice: 1\r\ntwice: 2026-02-31\r\ngovernance:\r\n"
    path.write_bytes(before)
    path.chmod(0o640)
    done = applied.run("import", "--write", "--id", "governance:engineering")
    assert (done.returncode, done.stdout) == (0, ".cogni/repo-spec.yaml: 1 charter added\n")
    after = path.read_bytes()
    assert after.startswith(before + b"  schedules:\r\n    - charter: ENGINEERING\r\n")
    assert path.stat().st_mode & 0o777 == 0o640
    again = applied.run("import", "--write", "--id", "governance:engineering")
    assert again.stdout == ".cogni/repo-spec.yaml: 0 charters added\n"
    assert (again.returncode, again.stderr) == (0, "Warning: governance:engineering is already declared\n")
    path.chmod(0o440)
    refused = applied.run("import", "--write")
    assert (refused.returncode, "cannot be written: it is read-only" in refused.stderr) == (1, True)
    assert path.read_bytes() == after


def test_an_import_of_nothing_writes_no_file_and_only_the_folder_of_the_default_path_is_created(
    applied: program.Program,
) -> None:
    path = applied.folder / program.SPEC
    path.unlink()
    done = applied.run("import", "--write", "--prefix", "absent:")
    assert (done.returncode, done.stdout) == (0, ".cogni/repo-spec.yaml: 0 charters added\n")
    assert "Warning: no schedules match absent:*;" in done.stderr
    assert not path.exists()
    path.parent.rmdir()
    created = applied.run("import", "--write", "--id", "governance:engineering")
    assert (created.stdout, path.exists()) == (".cogni/repo-spec.yaml: 1 charter added\n", True)
    lost = applied.run("import", "--write", "--spec", "absent/spec.yaml")
    assert lost.returncode == 1
    assert "Create its directory if it is missing" in lost.stderr


def test_an_import_tells_of_other_owners_and_of_what_no_charter_can_say(applied: program.Program) -> None:
    theirs = remote.proto_of(remote.schedule("theirs", owner="acme/other"))
    theirs.action.start_workflow.header.fields["trace"].data = b"1"
    create_behind_our_back(applied, "governance:theirs", theirs)
    (applied.folder / program.SPEC).unlink()
    left = applied.run("import", "--prefix", "governance:theirs", "--owner", "acme/app")
    assert "THEIRS" not in left.stdout
    assert "Warning: governance:theirs is skipped because it belongs to acme/other" in left.stderr
    named = applied.run("import", "--id", "governance:theirs", "--owner", "acme/app")
    assert "- charter: THEIRS\n" in named.stdout
    assert "Warning: governance:theirs: belongs to acme/other: apply refuses this charter" in named.stderr
    assert "Warning: governance:theirs: header has no charter key; it is kept on this schedule" in named.stderr


def test_a_plan_from_a_snapshot_is_the_plan_without_a_server(applied: program.Program) -> None:
    secret = SPEC.replace("{model: small}", "{model: small, api_key: hunter2}")
    applied.declare(secret)
    assert applied.run("apply", "--yes").returncode == 0
    done = applied.run("snapshot", "--out", "live.json")
    assert (done.returncode, done.stdout) == (0, "live.json: 3 schedules\n")
    taken = (applied.folder / "live.json").read_text(encoding="utf-8")
    assert "hunter2" not in taken
    assert list(published.violations("snapshot", json.loads(taken))) == []

    offline = program.Program(folder=applied.folder, address="127.0.0.1:1")
    assert offline.run("plan", "--live", "live.json", "--detailed-exitcode").returncode == 0
    applied.declare(secret.replace("hunter2", "hunter3").replace("45 6 1 * *", "50 6 1 * *"))
    shown = offline.run("plan", "--live", "live.json")
    assert "From a snapshot taken on " in shown.stdout
    assert "hunter" not in shown.stdout
    document = json.loads(offline.run("plan", "--live", "live.json", "--format", "json").stdout)
    assert document.pop("as_of")
    online = plan_of(applied)
    assert online.pop("as_of") is None
    assert _with_any_key(document) == _with_any_key(online)


def _with_any_key(document: dict[str, Any]) -> str:
    """Return a plan without the digests of its secrets, whose key is that of the snapshot or of the run."""
    return re.sub(r"\(secret, hmac:[0-9a-f]{12}\)", "(secret)", json.dumps(document))


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format_version": "1.0"}', "\x00"])
def test_what_is_no_snapshot_is_a_clear_error(reconciler: program.Program, content: str) -> None:
    reconciler.declare(SPEC)
    (reconciler.folder / "live.json").write_text(content, encoding="utf-8")
    done = reconciler.run("plan", "--live", "live.json")
    assert (done.returncode, "live.json is not a usable snapshot" in done.stderr, "Traceback" in done.stderr) == (
        5,
        True,
        False,
    )
