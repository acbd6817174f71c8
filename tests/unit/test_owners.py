from __future__ import annotations

import dataclasses

import pytest

from reconciler import errors, guarding, model, planning
from tests.unit import builders


def plan(desired: list[model.Schedule], live: list[model.Schedule], **choices: object) -> model.Plan:
    """Return the plan of acme/app, unless another owner is chosen."""
    declaration = dataclasses.replace(builders.declaration(*desired), **{"owner": "acme/app", **choices})  # type: ignore[arg-type]
    target = dataclasses.replace(builders.TARGET, owner=declaration.owner)
    return planning.plan(declaration, builders.live(*live), target)


def told(found: model.Plan) -> list[tuple[str, model.Verb, model.Reason]]:
    return [(change.id.removeprefix("governance:"), change.verb, change.reason) for change in found.changes]


def test_what_is_created_carries_the_owners_mark() -> None:
    (change,) = plan([builders.schedule("a")], []).changes
    assert change.after.owner == "acme/app"
    assert change.fields[-1] == model.FieldChange(path="owner", old=model.ABSENT, new="acme/app")


def test_what_has_no_mark_is_ours_and_gets_it() -> None:
    (change,) = plan([builders.schedule("a")], [builders.schedule("a")]).changes
    assert (change.verb, [field.path for field in change.fields]) == (model.Verb.UPDATE, ["owner"])


def test_what_belongs_to_another_owner_is_neither_paused_nor_counted() -> None:
    others = [builders.schedule(name, owner="acme/other") for name in ("x", "y", "z")]
    found = plan([builders.schedule("a")], [builders.schedule("a", owner="acme/app"), *others])
    assert told(found) == [("a", model.Verb.KEEP, model.Reason.SAME)]


def test_an_id_that_belongs_to_another_owner_is_refused_by_name() -> None:
    found = plan([builders.schedule("a", paused=True)], [builders.schedule("a", owner="acme/other")])
    assert told(found) == [("a", model.Verb.KEEP, model.Reason.OWNED)]
    with pytest.raises(errors.GuardError, match="governance:a belongs to acme/other") as caught:
        guarding.check(found, guarding.Allowed(mass_pause=True, plaintext=True))
    assert "--adopt" in caught.value.hint


def test_without_an_owner_of_our_own_a_mark_is_another_owners() -> None:
    found = plan([], [builders.schedule("a", owner="acme/other"), builders.schedule("b")], owner="")
    assert told(found) == [("b", model.Verb.PAUSE, model.Reason.REMOVED)]


def test_adopting_takes_over_only_what_is_wanted() -> None:
    live = [builders.schedule("a", owner="acme/other"), builders.schedule("b", owner="acme/other")]
    found = plan([builders.schedule("a")], live, adopt=True)
    assert told(found) == [("a", model.Verb.UPDATE, model.Reason.DIFFERENT)]
    assert found.changes[0].fields == (model.FieldChange(path="owner", old="acme/other", new="acme/app"),)


@pytest.mark.parametrize("note", ["too noisy", "paused due to workflow failure: x: boom", ""])
def test_a_manual_pause_can_be_kept(note: str) -> None:
    live = builders.schedule("a", paused=True, note=note, owner="acme/app")
    found = plan([builders.schedule("a")], [live], keep_manual_pauses=True)
    assert told(found) == [("a", model.Verb.KEEP, model.Reason.MANUAL_PAUSE)]


def test_what_else_differs_is_updated_while_a_manual_pause_and_its_note_are_kept() -> None:
    live = builders.schedule("a", paused=True, note="too noisy", owner="acme/app", task_queue="old")
    (change,) = plan([builders.schedule("a", note="ours")], [live], keep_manual_pauses=True).changes
    assert (change.verb, [field.path for field in change.fields]) == (model.Verb.UPDATE, ["task_queue"])
    assert (change.after.paused, change.after.note) == (True, "too noisy")


def test_our_own_pause_is_ended_all_the_same() -> None:
    live = builders.schedule("a", paused=True, note=f"{planning.REMOVED}spec.yaml", owner="acme/app")
    (change,) = plan([builders.schedule("a")], [live], keep_manual_pauses=True).changes
    assert (change.verb, change.reason) == (model.Verb.RESUME, model.Reason.RETURNED)


@pytest.mark.parametrize(
    ("old", "new", "renamed"),
    [("gov", "govern", True), ("nightly-report", "nightly-reports", True), ("gov", "billing", False)],
)
def test_a_renamed_charter_is_pointed_out(old: str, new: str, renamed: bool) -> None:
    found = plan([builders.schedule(new)], [builders.schedule(old, owner="acme/app")])
    created = found.changes[0]
    assert created.verb is model.Verb.CREATE
    assert created.renamed_from == (f"governance:{old}" if renamed else None)


def test_another_timing_is_no_renaming() -> None:
    live = builders.schedule("gov", owner="acme/app", calendars=(builders.calendar("5 * * * *"),))
    assert plan([builders.schedule("govern")], [live]).changes[0].renamed_from is None
