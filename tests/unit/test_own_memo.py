"""The memo and the search attributes of a schedule itself."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest

from reconciler import errors
from reconciler.documents import plan_json, saved, snapshots
from reconciler.plan import build, guards, plans
from reconciler.report import comment, markdown, text
from reconciler.repospec import importer, loader, problems
from reconciler.schedule import declarations, model, observed
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
KEYWORD = model.AttributeType.KEYWORD


def team(name: str) -> dict[str, model.Attribute]:
    return {"Team": model.Attribute(type=KEYWORD, value=name)}


def live(*, fixed: bool = False, **fields: Any) -> dict[str, observed.Live]:
    found = dataclasses.replace(builders.schedule(), **{"memo": {}, "search_attributes": {}, **fields})
    return {found.id: observed.Live(schedule=found, token=b"1", memo_is_fixed=fixed)}


def planned(found: dict[str, observed.Live], **fields: Any) -> plans.Plan:
    desired = dataclasses.replace(builders.schedule(), **fields)
    return build.plan(builders.declaration(desired), found, builders.TARGET)


def test_what_a_charter_does_not_declare_stays_and_is_no_difference() -> None:
    plan = planned(live(memo={"team": "a"}, search_attributes=team("a")))
    (change,) = plan.changes
    assert (plan.steps, change.after.memo, change.after.search_attributes) == ((), {"team": "a"}, team("a"))
    assert plan.digest == planned(live()).digest


def test_declared_ones_are_compared_and_others_removed() -> None:
    plan = planned(
        live(memo={"team": "a", "old": 1}, search_attributes=team("a")),
        memo={"team": "b"},
        search_attributes=team("b"),
    )
    (change,) = plan.changes
    assert [(field.path, field.old, field.new) for field in change.fields] == [
        ("schedule_memo.old", 1, plans.ABSENT),
        ("schedule_memo.team", "a", "b"),
        ("schedule_search_attributes.Team", "a", "b"),
    ]


def test_an_empty_object_removes_them() -> None:
    (change,) = planned(live(memo={"team": "a"}), memo={}).changes
    assert (change.verb, change.after.memo) == (plans.Verb.UPDATE, {})


def test_a_memo_that_the_server_cannot_change_is_a_note_and_no_difference() -> None:
    plan = planned(live(fixed=True, memo={"team": "a"}), memo={"team": "b"})
    assert plan.steps == ()
    (change,) = plan.changes
    assert [(field.path, field.old, field.new) for field in change.unchangeable] == [("schedule_memo.team", "a", "b")]
    note = "Note: this server sets a schedule's own memo only when it creates the schedule; schedule_memo differs for "
    assert text.Text(now=NOW).plan(plan).count(f"{note}governance:community.\n") == 1
    assert f"{note}`governance:community`." in markdown.plan(plan)
    assert f"{note}`governance:community`." in comment.plan(plan, comment.About(now=NOW))
    (document,) = plan_json.encode(plan)["changes"]
    assert document["unchangeable"] == [{"path": "schedule_memo.team", "old": "a", "new": "b"}]


def test_with_another_change_the_fixed_memo_is_left_as_it_is() -> None:
    plan = planned(live(fixed=True, memo={"team": "a"}, search_attributes=team("a")), memo={}, search_attributes={})
    (change,) = plan.steps
    assert [field.path for field in change.fields] == ["schedule_search_attributes"]
    assert change.after.memo == {"team": "a"}
    given = saved.Saved(plan=plan, planned_at=NOW, spec_sha256="0" * 64, choice=declarations.Choice())
    (loaded,) = saved.loads(saved.dumps(given), "plan.json").plan.changes
    assert loaded.unchangeable == change.unchangeable != ()


def test_an_equal_memo_that_is_fixed_is_no_note() -> None:
    plan = planned(live(fixed=True, memo={"team": "a"}), memo={"team": "a"})
    assert plan.changes[0].unchangeable == ()
    assert "Note:" not in text.Text(now=NOW).plan(plan)


def test_a_renamed_schedule_gets_the_declared_memo_and_inherits_what_is_not_declared() -> None:
    charter = dataclasses.replace(
        builders.charter(dataclasses.replace(builders.schedule("new"), memo={"team": "b"})),
        was=("governance:community",),
    )
    declaration = declarations.Declaration(path=builders.PATH, charters=(charter,))
    found = live(fixed=True, memo={"team": "a"}, search_attributes=team("a"))
    (change,) = build.plan(declaration, found, builders.TARGET).changes
    assert (change.verb, change.after.memo) == (plans.Verb.RENAME, {"team": "b"})
    assert (change.after.search_attributes, change.unchangeable) == (team("a"), ())


def test_a_snapshot_knows_that_a_memo_is_fixed() -> None:
    taken = snapshots.Snapshot(target=builders.TARGET, taken_at=NOW, live=live(fixed=True, memo={"team": "a"}))
    loaded = snapshots.loads(snapshots.dumps(taken), "live.json").live["governance:community"]
    assert (loaded.memo_is_fixed, loaded.schedule.memo) == (True, {"team": "a"})


def test_secrets_in_them_are_not_shown() -> None:
    plan = planned(live(memo={"password": "hunter2"}), memo={"password": "hunter3"})
    shown = text.Text(now=NOW).plan(plan)
    assert ("hunter" in shown, "schedule_memo.password" in shown) == (False, True)


def test_encrypted_entries_are_not_overwritten_with_plaintext() -> None:
    sealed = model.Opaque(encoding="binary/encrypted", sha256="0" * 64)
    plan = planned(live(memo={"team": sealed}), memo={"team": "b"})
    with pytest.raises(errors.GuardError, match=r"overwrite binary/encrypted payloads"):
        guards.check(plan, now=NOW)


def test_import_writes_them_and_ignores_what_only_a_codec_can_read() -> None:
    sealed = model.Opaque(encoding="binary/encrypted", sha256="0" * 64)
    found = live(memo={"team": "a", "sealed": sealed}, search_attributes=team("a"))
    imported = importer.add(None, "spec.yaml", [each.schedule for each in found.values()])
    declaration = loader.parse(imported.text, "spec.yaml")
    (charter,) = declaration.charters
    assert charter.schedule.memo == {"sealed": None, "team": "a"}
    assert charter.schedule.search_attributes == team("a")
    assert charter.schedule.ignore == ("schedule_memo.sealed",)
    assert build.plan(declaration, found, builders.TARGET).steps == ()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("schedule_memo: {reconciler.owner: x}", "begins with 'reconciler.'; such names are reserved for this tool"),
        (
            "schedule_search_attributes: {TemporalSchedulePaused: true}",
            "begins with 'Temporal'; such names are reserved for the server",
        ),
        (
            "schedule_search_attributes: {TemporalScheduledById: {type: Int, value: x}}",
            "begins with 'Temporal'; such names are reserved for the server",
        ),
        ("schedule_search_attributes: {Since: {type: Datetime, value: noon}}", "'Since': 'noon' is not"),
    ],
)
def test_names_that_are_not_for_charters_and_values_of_other_types_are_refused(value: str, problem: str) -> None:
    spec = f"governance:\n  schedules:\n    - {{charter: A, cron: '@hourly', entrypoint: A, {value}}}\n"
    with pytest.raises(problems.InvalidSpecError) as caught:
        loader.parse(spec, "spec.yaml")
    (found,) = caught.value.problems
    assert problem in str(found)


@pytest.mark.parametrize(("order", "is_of_v1"), [("big", True), ("little", False)])
def test_the_backend_is_known_by_the_order_of_bytes_in_a_token(order: Any, *, is_of_v1: bool) -> None:
    assert observed.is_of_v1((258).to_bytes(8, order)) is is_of_v1
    assert not observed.is_of_v1(b"another format")
