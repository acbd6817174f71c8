from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import pytest

from reconciler import errors
from reconciler.documents import plan_json, saved, saved_rollouts, snapshots
from reconciler.plan import build
from reconciler.report import text
from reconciler.schedule import declarations, model, observed
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
PAUSE = observed.Pause(by="ada@laptop", at=NOW - HOUR)


def dumps(taken_at: datetime.datetime = NOW, **schedule: Any) -> str:
    live = {builders.ID: observed.Live(schedule=builders.schedule(**schedule), token=b"1", pause=PAUSE)}
    return snapshots.dumps(snapshots.Snapshot(target=builders.TARGET, taken_at=taken_at, live=live))


def planned(snapshot: str) -> str:
    found = snapshots.loads(snapshot, "live.json")
    declaration = builders.declaration(builders.schedule())
    plan = build.plan_from_snapshot(declaration, found.live, found.target, found.taken_at)
    return text.Text(now=NOW).plan(plan)


def test_a_snapshot_keeps_who_paused_a_schedule_and_when() -> None:
    assert "paused by ada@laptop on Mon 23 Nov 2026 19:00 UTC (60 min ago)" in planned(dumps(paused=True))


def test_a_snapshot_of_an_earlier_release_can_still_be_used() -> None:
    document = json.loads(dumps(paused=True))
    document["format_version"] = "1.0"
    for schedule in document["schedules"]:
        del schedule["pause"], schedule["coded"], schedule["not_secret"]
    found = snapshots.loads(json.dumps(document), "live.json").live[builders.ID]
    assert (found.schedule.paused, found.pause, found.coded) == (True, None, False)


def test_a_snapshot_with_a_time_in_the_future_is_reported() -> None:
    assert "2026 21:00 UTC, which is in the future; check both machines' clocks." in planned(dumps(NOW + HOUR))


@pytest.mark.parametrize("version", ["9.0", "2.0", 9.0])
def test_a_document_of_a_newer_version_is_reported_as_one(version: str | float) -> None:
    document = json.loads(dumps())
    document["format_version"] = version
    newer = f"in format {version}; this version supports up to"
    with pytest.raises(errors.DocumentError, match=f"live.json is a snapshot {newer} 1.4"):
        snapshots.loads(json.dumps(document), "live.json")
    with pytest.raises(errors.DocumentError, match=f"plan.json is a plan {newer} 1.5"):
        saved.loads(json.dumps({"format_version": version}), "plan.json")


STATUS: dict[str, Any] = {
    "format_version": "1.3",
    "taken_at": "",
    "target": {},
    "spec": "",
    "environment": None,
    "schedules": [],
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "live.json is not a usable snapshot: it is not a JSON object"),
        ("{}", "live.json is not a usable snapshot: it has no 'format_version'"),
        ('{"changes": []}', "live.json is a plan, not a snapshot"),
        (json.dumps(STATUS), "live.json is a status, not a snapshot"),
        (json.dumps({**json.loads(dumps()), "target": {}}), "snapshot: target has no 'address'"),
    ],
)
def test_a_document_that_is_not_a_snapshot_is_reported_as_what_it_is(text: str, message: str) -> None:
    with pytest.raises(errors.DocumentError, match=message) as caught:
        snapshots.loads(text, "live.json")
    assert caught.value.hint.endswith("create one with reconciler snapshot --out FILE")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (dumps(), "plan.json is a snapshot, not a plan; use it with plan --live, or plan again with --out"),
        ('{"command": "apply", "exit_code": 0, "environments": []}', "plan.json is the outcome of a command, not"),
        ("{}", "plan.json is not a usable plan: it has no 'format_version'"),
        (
            plan_json.dumps(builders.plan([builders.schedule()], [])),
            "plan.json is not a usable plan: it has no 'checksum', which only plan --out writes",
        ),
    ],
)
def test_a_document_that_is_not_a_plan_is_reported_as_what_it_is(text: str, message: str) -> None:
    with pytest.raises(errors.DocumentError) as caught:
        saved_rollouts.loads(text, "plan.json")
    assert caught.value.sentence.startswith(message)


SCOPE: dict[str, Any] = {"scopeKey": "region-1", "other_key": "hidden-value"}


@pytest.mark.parametrize("then", [(), ("input.scopeKey",)])
@pytest.mark.parametrize("now", [(), ("input.scopeKey",)])
def test_a_path_that_became_or_stopped_being_exempt_since_the_snapshot_is_not_a_difference(
    then: tuple[str, ...], now: tuple[str, ...]
) -> None:
    taken = dumps(input=SCOPE, not_secret=then)
    assert ("region-1" in taken, "hidden-value" in taken) == (bool(then), False)
    found = snapshots.loads(taken, "live.json")
    declaration = builders.declaration(builders.schedule(input=SCOPE, not_secret=now))
    plan = build.plan_from_snapshot(declaration, found.live, found.target, found.taken_at)
    assert plan.steps == ()


@pytest.mark.parametrize("now", [(), ("input.scopeKey",)])
def test_a_plan_from_a_snapshot_shows_of_both_sides_what_the_spec_exempts(now: tuple[str, ...]) -> None:
    found = snapshots.loads(dumps(input=SCOPE, not_secret=("input.scopeKey",)), "live.json")
    declaration = builders.declaration(builders.schedule(input={**SCOPE, "scopeKey": "tenant"}, not_secret=now))
    plan = build.plan_from_snapshot(declaration, found.live, found.target, found.taken_at)
    shown = text.Text(now=NOW).plan(plan)
    assert ('"region-1" → "tenant"' in shown) == bool(now)
    assert ("region-1" in shown, "tenant" in shown) == (bool(now), bool(now))


def test_maps_stand_in_the_order_of_their_names() -> None:
    attribute = model.Attribute(type=model.AttributeType.KEYWORD, value="a")
    given: dict[str, Any] = {
        "memo": {"b": 1, "a": 2},
        "search_attributes": {"B": attribute, "A": attribute},
    }
    turned: dict[str, Any] = {key: dict(reversed(value.items())) for key, value in given.items()}
    assert dumps(**given) == dumps(**turned)


def test_a_saved_plan_holds_nothing_of_encrypted_payloads_but_what_the_plan_shows() -> None:
    live = observed.Live(schedule=builders.schedule(input={"model": "small", "about": "confidential"}), token=b"1")
    desired = builders.schedule(input={"model": "large", "about": "confidential"})
    found = {builders.ID: dataclasses.replace(live, coded=True)}
    plan = build.plan(builders.declaration(desired), found, builders.TARGET)
    document = saved.dumps(saved.Saved(plan=plan, planned_at=NOW, spec_sha256="0" * 64, choice=declarations.Choice()))
    assert ("small" in document, "large" in document, "confidential" in document) == (True, True, False)
    read = saved.loads(document, "plan.json").plan.changes[0].live
    assert read is not None
    assert read.coded
