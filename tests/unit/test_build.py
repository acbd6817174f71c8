from __future__ import annotations

import dataclasses
from typing import Literal

import pytest

from reconciler.plan import build, diff, plans
from reconciler.schedule import declarations, model, observed, ownership
from tests.unit import builders

REMOVED = f"paused by reconciler: charter is not in {builders.PATH}"
DECLARED = f"paused by reconciler: declared paused in {builders.PATH}"
MANAGED = f"managed by reconciler: declared in {builders.PATH}"


def only(plan: plans.Plan) -> plans.Change:
    (change,) = plan.changes
    return change


def test_a_charter_that_is_not_on_the_server_is_created_with_a_note_that_names_its_spec() -> None:
    change = only(builders.plan([builders.schedule()], []))
    assert (change.verb, change.reason) == (plans.Verb.CREATE, plans.Reason.NEW)
    assert (change.after, change.live) == (builders.schedule(note=MANAGED), None)
    assert (change.charter, str(change.place)) == ("COMMUNITY", f"{builders.PATH}:3:7")
    assert change.fields == diff.everything(builders.schedule())


def test_a_charter_that_is_declared_paused_is_created_paused() -> None:
    change = only(builders.plan([builders.schedule(paused=True)], []))
    assert (change.verb, change.after.paused, change.after.note) == (plans.Verb.CREATE, True, DECLARED)


def test_a_schedule_as_declared_is_kept() -> None:
    plan = builders.plan([builders.schedule()], [builders.schedule(note="by hand")])
    change = only(plan)
    assert (change.verb, change.reason, change.fields) == (plans.Verb.KEEP, plans.Reason.SAME, ())
    assert plan.steps == ()


def test_a_schedule_that_differs_is_updated_and_keeps_its_note() -> None:
    change = only(builders.plan([builders.schedule()], [builders.schedule(task_queue="other", note="by hand")]))
    assert (change.verb, change.reason) == (plans.Verb.UPDATE, plans.Reason.DIFFERENT)
    assert change.after == builders.schedule(note="by hand")
    assert [field.path for field in change.fields] == ["task_queue"]


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (REMOVED, plans.Reason.RETURNED),
        ("paused by reconciler: charter is not in another/spec.yaml", plans.Reason.RETURNED),
        (DECLARED, plans.Reason.UNDECLARED_PAUSED),
        ("maintenance until Monday", plans.Reason.PAUSED_OUTSIDE),
        ("", plans.Reason.PAUSED_OUTSIDE),
    ],
)
def test_a_paused_schedule_is_resumed_with_the_reason_from_its_note(note: str, reason: plans.Reason) -> None:
    change = only(builders.plan([builders.schedule()], [builders.schedule(paused=True, note=note)]))
    assert (change.verb, change.reason) == (plans.Verb.RESUME, reason)
    assert (change.after.paused, change.after.note) == (False, MANAGED)


def test_a_charter_that_comes_back_different_is_resumed_and_updated_in_one_step() -> None:
    live = builders.schedule(paused=True, note=REMOVED, task_queue="other")
    change = only(builders.plan([builders.schedule()], [live]))
    assert change.verb is plans.Verb.RESUME
    assert [field.path for field in change.fields] == ["task_queue", "paused"]


def test_a_charter_that_is_declared_paused_is_paused_with_a_note() -> None:
    change = only(builders.plan([builders.schedule(paused=True)], [builders.schedule(note=MANAGED)]))
    assert (change.verb, change.reason) == (plans.Verb.PAUSE, plans.Reason.DECLARED_PAUSED)
    assert (change.after.paused, change.after.note) == (True, DECLARED)


def test_a_charter_that_is_declared_paused_and_is_paused_is_kept() -> None:
    live = builders.schedule(paused=True, note="by hand")
    change = only(builders.plan([builders.schedule(paused=True)], [live]))
    assert (change.verb, change.after.note) == (plans.Verb.KEEP, "by hand")


def test_a_schedule_without_a_charter_is_paused_as_it_is_and_never_deleted() -> None:
    orphan = builders.schedule(task_queue="their own", input={"a": 1})
    change = only(builders.plan([], [orphan]))
    assert (change.verb, change.reason) == (plans.Verb.PAUSE, plans.Reason.REMOVED)
    assert change.after == dataclasses.replace(orphan, paused=True, note=REMOVED)
    assert [field.path for field in change.fields] == ["paused"]
    assert (change.charter, change.place) == (None, None)


def test_a_schedule_without_a_charter_that_is_paused_already_is_kept_whoever_paused_it() -> None:
    change = only(builders.plan([], [builders.schedule(paused=True, note="by hand")]))
    assert (change.verb, change.reason) == (plans.Verb.KEEP, plans.Reason.ALREADY_PAUSED)
    assert change.after.note == "by hand"


def mixed(*, backwards: bool = False) -> plans.Plan:
    """Return a plan with every verb, two of most."""
    step = -1 if backwards else 1
    desired = [builders.schedule(name) for name in ("b-new", "a-new", "returned", "different", "same", "a-returned")]
    found = [
        builders.schedule("removed"),
        builders.schedule("same"),
        builders.schedule("different", task_queue="other"),
        builders.schedule("returned", paused=True, note=REMOVED),
        builders.schedule("a-removed"),
        builders.schedule("a-returned", paused=True, note=REMOVED),
        builders.schedule("gone", paused=True),
    ]
    return builders.plan(desired[::step], found[::step])


def test_changes_come_in_the_order_of_execution_and_pauses_last_of_all_that_writes() -> None:
    assert [(change.verb.word, change.id.removeprefix("governance:")) for change in mixed().changes] == [
        ("create", "a-new"),
        ("create", "b-new"),
        ("update", "different"),
        ("resume", "a-returned"),
        ("resume", "returned"),
        ("pause", "a-removed"),
        ("pause", "removed"),
        ("keep", "gone"),
        ("keep", "same"),
    ]
    assert [mixed().count(verb) for verb in plans.Verb] == [2, 0, 1, 2, 2, 0, 2]
    assert len(mixed().steps) == 7


def test_the_order_of_the_file_and_of_the_listing_does_not_count() -> None:
    assert mixed(backwards=True) == mixed()


def digest(desired: list[model.Schedule], found: list[model.Schedule]) -> str:
    return builders.plan(desired, found).digest


def test_the_digest_does_not_cover_where_and_when_it_was_planned() -> None:
    declared = builders.declaration(builders.schedule())
    moved = declarations.Declaration(path="other.yaml", charters=(builders.charter(builders.schedule(), line=99),))
    found = builders.live(builders.schedule(task_queue="other"))
    later = {id_: dataclasses.replace(each, token=b"2", described=b"2") for id_, each in found.items()}
    elsewhere = dataclasses.replace(builders.TARGET, address="temporal.example:7233")
    assert build.plan(moved, later, elsewhere).digest == build.plan(declared, found, builders.TARGET).digest


def test_the_digest_does_not_cover_what_is_kept() -> None:
    step, kept = builders.schedule("step"), builders.schedule("kept")
    assert digest([step, kept], [kept]) == digest([step], [])


@pytest.mark.parametrize(
    ("desired", "found"),
    [
        (builders.schedule(), builders.schedule(task_queue="a third")),
        (builders.schedule(task_queue="a third"), builders.schedule(task_queue="other")),
        (builders.schedule(input={"token": "new"}), builders.schedule(task_queue="other")),
        (builders.schedule(), builders.schedule(task_queue="other", paused=True)),
        (builders.schedule(), None),
        (builders.schedule("another"), builders.schedule("another", task_queue="other")),
    ],
)
def test_the_digest_changes_with_every_step_and_field(desired: model.Schedule, found: model.Schedule | None) -> None:
    first = digest([builders.schedule()], [builders.schedule(task_queue="other")])
    assert digest([desired], [found] if found else []) != first


@pytest.mark.parametrize(
    "other",
    [
        dataclasses.replace(builders.TARGET, namespace="other"),
        dataclasses.replace(builders.TARGET, prefixes=("gov:",)),
        dataclasses.replace(builders.TARGET, prefixes=("governance:", "gov:")),
    ],
)
def test_the_digest_changes_with_the_namespace_and_the_prefixes(other: observed.Target) -> None:
    declared = builders.declaration(builders.schedule())
    assert build.plan(declared, {}, other).digest != build.plan(declared, {}, builders.TARGET).digest


def test_a_field_that_goes_away_and_one_that_becomes_null_have_different_digests() -> None:
    live = [builders.schedule(input={"a": 1})]
    assert digest([builders.schedule(input={"a": None})], live) != digest([builders.schedule()], live)


@pytest.mark.parametrize(
    ("schedule_id", "ours"),
    [("governance:a", True), ("governance:", True), ("governance", False), ("Governance:a", False), ("x:a", False)],
)
def test_what_is_ours_begins_with_the_prefix(schedule_id: str, ours: bool) -> None:
    prefixes = builders.TARGET.prefixes
    assert ownership.is_ours(prefixes, "acme/app", schedule_id, None) is ours
    assert ownership.is_ours(prefixes, "acme/app", schedule_id, "acme/app") is ours
    assert not ownership.is_ours(prefixes, "acme/app", schedule_id, "acme/site")


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        ("paused due to workflow failure: governance:a-2026: boom", plans.Reason.PAUSED_ON_FAILURE),
        ("paused due to workflow timeout: governance:a-2026", plans.Reason.PAUSED_ON_FAILURE),
        ("paused, workflow failed: governance:a-2026", plans.Reason.PAUSED_ON_FAILURE),
        ("too noisy", plans.Reason.PAUSED_OUTSIDE),
        ("", plans.Reason.PAUSED_OUTSIDE),
    ],
)
def test_a_pause_after_a_failed_run_is_distinguished_from_a_persons(note: str, reason: plans.Reason) -> None:
    (change,) = builders.plan([builders.schedule("a")], [builders.schedule("a", paused=True, note=note)]).changes
    assert (change.verb, change.reason) == (plans.Verb.RESUME, reason)


@pytest.mark.parametrize("token", [b"", b"opaque", bytes(7), bytes(9)])
def test_a_token_that_is_not_a_counter_proves_nothing(token: bytes) -> None:
    live = observed.Live(schedule=builders.schedule(), token=token)
    assert (live.next_seal, live.is_sealed) == (None, False)


@pytest.mark.parametrize("order", ["big", "little"])
def test_the_seal_of_the_next_version_fits_only_that_one(order: Literal["big", "little"]) -> None:
    before = observed.Live(schedule=builders.schedule(), token=(7).to_bytes(8, order), created_at=5)
    sealed = dataclasses.replace(before, schedule=builders.schedule(seal=before.next_seal))
    fitting = [number for number in range(20) if dataclasses.replace(sealed, token=number.to_bytes(8, order)).is_sealed]
    assert (fitting, dataclasses.replace(sealed, token=(8).to_bytes(8, order), created_at=6).is_sealed) == ([8], False)
