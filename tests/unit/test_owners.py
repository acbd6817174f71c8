from __future__ import annotations

import dataclasses
import datetime
import json

import pytest

from reconciler import errors
from reconciler.documents import statuses
from reconciler.plan import build, guards, notes, plans
from reconciler.report import forecast, state, words
from reconciler.schedule import model, observed
from tests.unit import builders

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)


def plan(desired: list[model.Schedule], live: list[model.Schedule], **choices: object) -> plans.Plan:
    """Return the plan of acme/app, unless another owner is chosen."""
    declaration = dataclasses.replace(builders.declaration(*desired), **{"owner": "acme/app", **choices})  # type: ignore[arg-type]
    target = dataclasses.replace(builders.TARGET, owner=declaration.owner)
    return build.plan(declaration, builders.live(*live), target)


def reported(found: plans.Plan) -> list[tuple[str, plans.Verb, plans.Reason]]:
    return [(change.id.removeprefix("governance:"), change.verb, change.reason) for change in found.changes]


def test_what_is_created_carries_the_owners_mark() -> None:
    (change,) = plan([builders.schedule("a")], []).changes
    assert change.after.owner == "acme/app"
    assert change.fields[-1] == plans.FieldChange(path="owner", old=plans.ABSENT, new="acme/app")


def test_what_has_no_mark_is_ours_and_gets_it() -> None:
    (change,) = plan([builders.schedule("a")], [builders.schedule("a")]).changes
    assert (change.verb, [field.path for field in change.fields]) == (plans.Verb.UPDATE, ["owner"])


def test_what_belongs_to_another_owner_is_neither_paused_nor_counted() -> None:
    others = [builders.schedule(name, owner="acme/other") for name in ("x", "y", "z")]
    found = plan([builders.schedule("a")], [builders.schedule("a", owner="acme/app"), *others])
    assert reported(found) == [("a", plans.Verb.KEEP, plans.Reason.SAME)]


def test_an_id_that_belongs_to_another_owner_is_refused_by_name() -> None:
    found = plan([builders.schedule("a", paused=True)], [builders.schedule("a", owner="acme/other")])
    assert reported(found) == [("a", plans.Verb.KEEP, plans.Reason.OWNED)]
    with pytest.raises(errors.GuardError, match="governance:a belongs to acme/other") as caught:
        guards.check(found, guards.Allowed(mass_pause=True, plaintext=True), now=NOW)
    assert "--adopt" in caught.value.hint


def test_a_blocked_change_is_not_a_success_and_is_not_counted() -> None:
    others = builders.schedule("a", owner="acme/other")
    ours = builders.schedule("b", owner="acme/app")
    found = plan([builders.schedule("a"), builders.schedule("b")], [others, ours])
    assert (found.steps, found.differs, [each.id for each in found.blocked]) == ((), True, ["governance:a"])
    assert (found.count(plans.Verb.KEEP), found.found) == (1, observed.Left(managed=1, present=2))
    messages = "Nothing can be applied: 1 declared schedule belongs to another owner (1 unchanged)."
    assert words.summary(found) == messages
    assert forecast.total(found, NOW) == "Total firing rate: 24/day."
    assert "drift    blocked: it belongs to acme/other, but the spec declares it" in state.text(found, NOW)
    assert state.text(found, NOW).splitlines()[-1] == (
        "1 schedule: 1 active; 0 differ from the spec; 1 declared schedule belongs to another owner."
    )
    drift = {each["id"]: each["drift"] for each in json.loads(statuses.dumps(found, NOW))["schedules"]}
    assert drift == {"governance:a": True, "governance:b": False}


def test_next_to_steps_the_summary_names_what_is_blocked() -> None:
    found = plan([builders.schedule("a"), builders.schedule("c")], [builders.schedule("a", owner="acme/other")])
    assert words.summary(found) == (
        "Plan: 1 to create, 0 to update, 0 to resume, 0 to pause, 0 unchanged; "
        "nothing can be applied because 1 declared schedule belongs to another owner."
    )


def test_what_is_blocked_does_not_count_as_running_for_a_guard() -> None:
    live = [builders.schedule("a", owner="acme/app"), builders.schedule("b", owner="acme/app")]
    others = [builders.schedule(name, owner="acme/other") for name in ("x", "y")]
    found = plan([builders.schedule("a"), builders.schedule("x"), builders.schedule("y")], [*live, *others])
    guards.check(
        dataclasses.replace(found, changes=tuple(each for each in found.changes if not each.is_blocked)), now=NOW
    )
    both = plan([builders.schedule("x"), builders.schedule("y")], [*live, *others])
    with pytest.raises(errors.GuardError, match="stops all 2 running managed schedules"):
        guards.check(both, now=NOW)


def test_without_an_owner_of_our_own_a_mark_is_another_owners() -> None:
    found = plan([], [builders.schedule("a", owner="acme/other"), builders.schedule("b")], owner="")
    assert reported(found) == [("b", plans.Verb.PAUSE, plans.Reason.REMOVED)]


def test_adopting_takes_over_only_what_is_wanted() -> None:
    live = [builders.schedule("a", owner="acme/other"), builders.schedule("b", owner="acme/other")]
    found = plan([builders.schedule("a")], live, adopt=True)
    assert reported(found) == [("a", plans.Verb.UPDATE, plans.Reason.DIFFERENT)]
    assert found.changes[0].fields == (plans.FieldChange(path="owner", old="acme/other", new="acme/app"),)


@pytest.mark.parametrize("note", ["too noisy", "paused due to workflow failure: x: boom", ""])
def test_a_manual_pause_can_be_kept(note: str) -> None:
    live = builders.schedule("a", paused=True, note=note, owner="acme/app")
    found = plan([builders.schedule("a")], [live], keep_manual_pauses=True)
    assert reported(found) == [("a", plans.Verb.KEEP, plans.Reason.MANUAL_PAUSE)]


def test_what_else_differs_is_updated_while_a_manual_pause_and_its_note_are_kept() -> None:
    live = builders.schedule("a", paused=True, note="too noisy", owner="acme/app", task_queue="old")
    (change,) = plan([builders.schedule("a", note="ours")], [live], keep_manual_pauses=True).changes
    assert (change.verb, [field.path for field in change.fields]) == (plans.Verb.UPDATE, ["task_queue"])
    assert (change.after.paused, change.after.note) == (True, "too noisy")


@pytest.mark.parametrize(
    ("by", "ours"),
    [("reconciler:ci@host", True), ("alice@laptop", False), ("reconcilers-friend", False), ("", False), (None, False)],
)
def test_a_pause_under_the_charters_own_note_is_a_persons_unless_we_are_known_to_have_made_it(
    by: str | None, ours: bool
) -> None:
    schedule = builders.schedule("a", paused=True, note="see the runbook", owner="acme/app")
    pause = None if by is None else observed.Pause(by=by)
    live = {schedule.id: observed.Live(schedule=schedule, token=b"1", pause=pause)}
    declared = builders.declaration(builders.schedule("a", note="see the runbook"))
    declared = dataclasses.replace(declared, owner="acme/app", keep_manual_pauses=True)
    (kept,) = build.plan(declared, live, builders.TARGET).changes
    expected = (plans.Verb.RESUME, plans.Reason.UNDECLARED_PAUSED)
    assert (kept.verb, kept.reason) == (expected if ours else (plans.Verb.KEEP, plans.Reason.MANUAL_PAUSE))
    (resumed,) = build.plan(dataclasses.replace(declared, keep_manual_pauses=False), live, builders.TARGET).changes
    assert (resumed.verb, resumed.reason) == (expected if ours else (plans.Verb.RESUME, plans.Reason.PAUSED_OUTSIDE))


def test_our_own_pause_is_ended_anyway() -> None:
    live = builders.schedule("a", paused=True, note=f"{notes.REMOVED}spec.yaml", owner="acme/app")
    (change,) = plan([builders.schedule("a")], [live], keep_manual_pauses=True).changes
    assert (change.verb, change.reason) == (plans.Verb.RESUME, plans.Reason.RETURNED)


@pytest.mark.parametrize(
    ("old", "new", "renamed"),
    [("gov", "govern", True), ("nightly-report", "nightly-reports", True), ("gov", "billing", False)],
)
def test_a_renamed_charter_is_pointed_out(old: str, new: str, renamed: bool) -> None:
    found = plan([builders.schedule(new)], [builders.schedule(old, owner="acme/app")])
    created = found.changes[0]
    assert created.verb is plans.Verb.CREATE
    assert created.renamed_from == (f"governance:{old}" if renamed else None)


@pytest.mark.parametrize("keep", [True, False])
def test_a_rename_that_would_bypass_a_pause_is_reported(keep: bool) -> None:
    paused = builders.schedule("gov", owner="acme/app", paused=True, note="too noisy")
    alice = observed.Pause(by="alice@laptop", at=NOW - datetime.timedelta(hours=3))
    found = {paused.id: observed.Live(schedule=paused, token=b"1", pause=alice)}
    declared = dataclasses.replace(
        builders.declaration(builders.schedule("govern")), owner="acme/app", keep_manual_pauses=keep
    )
    created = build.plan(declared, found, builders.TARGET).changes[0]
    assert (created.verb, created.after.paused) == (plans.Verb.CREATE, False)
    assert list(words.remarks(created, NOW)) == [
        "looks like a rename of governance:gov, which was paused by alice@laptop on Mon 23 Nov 2026 17:00 UTC (3 h ago)"
        "; the new schedule will run unless you declare paused: true; if this is a rename, add was: governance:gov"
    ]


def test_what_was_paused_as_removed_long_ago_is_not_renamed_now() -> None:
    live = builders.schedule("gov", owner="acme/app", paused=True, note=f"{notes.REMOVED}spec.yaml")
    assert plan([builders.schedule("govern")], [live]).changes[0].renamed_from is None


def test_another_timing_is_not_a_rename() -> None:
    live = builders.schedule("gov", owner="acme/app", calendars=(builders.calendar("5 * * * *"),))
    assert plan([builders.schedule("govern")], [live]).changes[0].renamed_from is None
