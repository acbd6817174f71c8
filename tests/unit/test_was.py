"""A charter with `was`: its schedule takes the place of the one with the former name."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import textwrap
from typing import Any

import pytest

from reconciler import errors
from reconciler.documents import outcomes as outcome_document
from reconciler.documents import plan_json, saved
from reconciler.plan import apply, build, guards, plans, predecessors, prefixes, pruning, staleness, stops
from reconciler.report import annotation, text
from reconciler.repospec import loader, problems
from reconciler.schedule import declarations, model, observed
from reconciler.usecases import live as live_usecase
from reconciler.usecases.apply import apply_plan
from tests.unit import builders
from tests.unit.test_apply_plan import Server

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
RENAMED = f"paused by reconciler: renamed to governance:new in {builders.PATH}"
MANAGED = f"managed by reconciler: declared in {builders.PATH}"


def declaration(
    *others: model.Schedule, was: tuple[str, ...] = ("governance:old", "OLD"), owner: str = "", **fields: Any
) -> declarations.Declaration:
    """Return a spec in which charter NEW replaces another schedule, next to other charters."""
    adopt = fields.pop("adopt", False)
    new = dataclasses.replace(builders.charter(builders.schedule("new", **fields)), was=was)
    return declarations.Declaration(
        path=builders.PATH, charters=(new, *map(builders.charter, others)), owner=owner, adopt=adopt
    )


def plan(declared: declarations.Declaration, *found: model.Schedule) -> plans.Plan:
    return build.plan(declared, builders.live(*found), dataclasses.replace(builders.TARGET, owner=declared.owner))


def old(**fields: Any) -> model.Schedule:
    return builders.schedule("old", **{"note": MANAGED, **fields})


def outside(schedule_id: str, **fields: Any) -> model.Schedule:
    """Return a schedule whose id has no prefix of ours."""
    return dataclasses.replace(old(**fields), id=schedule_id)


def test_a_renamed_charter_is_one_change_that_creates_the_new_schedule_and_pauses_the_old_one() -> None:
    (change,) = plan(declaration(), old(note="watched")).changes
    assert (change.verb, change.reason, change.id) == (plans.Verb.RENAME, plans.Reason.RENAMED, "governance:new")
    assert (change.live, change.renamed_from, change.after.note) == (None, "governance:old", "watched")
    assert [field.path for field in change.fields] == ["workflow_id"]
    origin = change.origin
    assert origin is not None
    assert (origin.verb, origin.id, origin.after.paused, origin.after.note) == (
        *(plans.Verb.PAUSE, "governance:old", True, RENAMED),
    )


def test_a_renamed_schedule_keeps_the_count_of_its_remaining_actions() -> None:
    (change,) = plan(declaration(remaining_actions=10), old(remaining_actions=7, counted_from=10)).changes
    assert (change.after.remaining_actions, change.after.counted_from) == (7, 10)


@pytest.mark.parametrize(
    ("declared_note", "live_note", "kept"),
    [
        (None, "too noisy", "too noisy"),
        (None, None, "paused outside the spec, under its former ID governance:old"),
        ("ours", "ours", "paused outside the spec, under its former ID governance:old"),
        ("ours", "too noisy", "too noisy"),
    ],
)
def test_a_pause_by_hand_that_is_kept_moves_to_the_new_schedule(
    declared_note: str | None, live_note: str | None, kept: str
) -> None:
    declared = declaration(manual_pauses="keep", note=declared_note)
    (change,) = plan(declared, old(paused=True, note=live_note)).changes
    assert (change.after.paused, change.after.note) == (True, kept)
    assert change.origin is not None
    assert (change.origin.verb, change.origin.after.note) == (plans.Verb.PAUSE, RENAMED)
    ours = {"governance:new": observed.Pause(by="reconciler:abc")}
    live = {
        id_: dataclasses.replace(each, pause=ours.get(id_))
        for id_, each in builders.live(change.after, change.origin.after).items()
    }
    again = build.plan(declared, live, builders.TARGET)
    assert again.steps == ()


@pytest.mark.parametrize(
    ("note", "pause", "kept"),
    [
        (
            "noisy",
            observed.Pause(by="ann", at=NOW),
            "noisy (paused by ann on 2026-11-23 20:00:00 UTC, under its former ID governance:old)",
        ),
        (
            "noisy",
            observed.Pause(at=NOW),
            "noisy (paused on 2026-11-23 20:00:00 UTC, under its former ID governance:old)",
        ),
        (None, observed.Pause(by="7@host, as x"), "paused by 7@host, as x, under its former ID governance:old"),
        (
            "x (paused by bo, as governance:older)",
            observed.Pause(by="reconciler:1"),
            "x (paused by bo, as governance:older)",
        ),
    ],
)
def test_a_kept_pause_is_still_that_of_the_person_after_any_number_of_renames(
    note: str | None, pause: observed.Pause, kept: str
) -> None:
    declared = declaration(manual_pauses="keep")
    live = {
        id_: dataclasses.replace(each, pause=pause) for id_, each in builders.live(old(paused=True, note=note)).items()
    }
    (change,) = build.plan(declared, live, builders.TARGET).changes
    assert change.after.note == kept
    ours = observed.Pause(by="reconciler:abc", at=NOW + datetime.timedelta(hours=1))
    renamed = dataclasses.replace(builders.live(change.after)["governance:new"], pause=ours)
    (again,) = build.plan(declared, {"governance:new": renamed}, builders.TARGET).changes
    assert again.verb is plans.Verb.KEEP
    assert again.live is not None
    assert again.live.pause == (observed.Pause(by="bo") if "older" in kept else pause)
    assert "paused by reconciler" not in text.Text(verbose=True, now=NOW).plan(
        build.plan(declared, {"governance:new": renamed}, builders.TARGET)
    )


def test_a_pause_by_hand_that_is_not_kept_ends_and_the_plan_names_it() -> None:
    planned = plan(declaration(), old(paused=True, note="too noisy"))
    (change,) = planned.changes
    assert (change.after.paused, change.after.note) == (False, MANAGED)
    assert [(field.path, field.old, field.new) for field in change.fields if field.path == "paused"] == [
        ("paused", True, False)
    ]
    shown = text.Text(now=NOW).plan(planned)
    assert "governance:old is already paused; the new schedule will run" in shown
    assert 'note: "too noisy"' in shown


def test_a_schedule_that_was_paused_as_removed_is_renamed_without_another_write_to_it() -> None:
    removed = f"paused by reconciler: charter is not in {builders.PATH}"
    (change,) = plan(declaration(), old(paused=True, note=removed, seal="1/2")).changes
    assert change.origin is not None
    assert (change.after.paused, change.after.note, change.origin.verb) == (False, MANAGED, plans.Verb.KEEP)


def test_once_the_rename_was_applied_the_plan_is_empty_whatever_the_spec_still_has() -> None:
    (change,) = plan(declaration(), old()).changes
    assert change.origin is not None
    after = (change.after, change.origin.after)
    again = plan(declaration(), *after)
    assert again.steps == ()
    assert {each.id: each.reason for each in again.changes} == {
        "governance:new": plans.Reason.SAME,
        "governance:old": plans.Reason.ALREADY_PAUSED,
    }
    assert plan(declaration(was=()), *after).steps == ()


def test_an_old_schedule_that_still_runs_next_to_the_new_one_is_paused_and_that_is_not_a_stop() -> None:
    planned = plan(declaration(), builders.schedule("new", note=MANAGED), old())
    (step,) = planned.steps
    assert (step.verb, step.reason, step.id, step.after.note) == (
        *(plans.Verb.PAUSE, plans.Reason.RENAMED, "governance:old", RENAMED),
    )
    assert stops.stops(planned, NOW) == ()


def test_without_the_old_schedule_the_charter_is_created_as_any_other() -> None:
    with_was, without = plan(declaration()), plan(declaration(was=()))
    assert (with_was.changes[0].verb, with_was.digest) == (plans.Verb.CREATE, without.digest)


def test_a_rename_that_was_applied_is_not_repeated_when_the_new_schedule_is_gone() -> None:
    planned = plan(declaration(remaining_actions=10), old(paused=True, note=RENAMED, remaining_actions=3))
    assert {change.id: change.verb for change in planned.changes} == {
        "governance:new": plans.Verb.CREATE,
        "governance:old": plans.Verb.KEEP,
    }
    assert planned.changes[0].after.remaining_actions == 10


def test_a_schedule_outside_the_prefix_is_renamed_by_its_id() -> None:
    (change,) = plan(
        declaration(was=("governance:nightly-report", "nightly-report")), outside("nightly-report")
    ).changes
    assert (change.verb, change.renamed_from) == (plans.Verb.RENAME, "nightly-report")


def test_a_charter_name_is_looked_for_before_an_id() -> None:
    (change,) = [each for each in plan(declaration(), old(), outside("OLD")).changes if each.verb is plans.Verb.RENAME]
    assert change.renamed_from == "governance:old"


def test_a_schedule_outside_the_prefix_that_is_not_ours_is_left_alone_once_the_new_one_exists() -> None:
    declared = declaration(owner="acme/app")
    live = builders.live(builders.schedule("new", owner="acme/app"), outside("OLD", task_queue="other"))
    assert set(predecessors.related(declared, live, lambda each: build.managed(each, builders.TARGET))) == {
        "governance:new"
    }


def test_an_unmarked_schedule_outside_the_prefix_that_runs_something_else_is_refused() -> None:
    planned = plan(declaration(), outside("OLD", workflow="Billing", task_queue="money"))
    with pytest.raises(errors.GuardError, match=r"OLD has no owner's mark.*workflow type, task queue"):
        guards.check(planned, now=NOW)


def test_an_old_schedule_of_another_owner_is_refused_unless_it_is_adopted() -> None:
    theirs = old(owner="acme/site")
    planned = plan(declaration(owner="acme/app"), theirs)
    assert planned.steps == ()
    with pytest.raises(errors.GuardError, match="governance:old belongs to acme/site"):
        guards.check(planned, now=NOW)
    adopting = plan(declaration(owner="acme/app", adopt=True), theirs)
    (change,) = adopting.changes
    assert (change.verb, change.after.owner) == (plans.Verb.RENAME, "acme/app")
    guards.check(adopting, now=NOW)


def test_a_rename_of_the_only_schedule_passes_the_guards_unless_the_new_one_never_fires() -> None:
    guards.check(plan(declaration(), old()), now=NOW)
    silent = plan(declaration(calendars=(builders.calendar("0 0 30 2 *"),)), old())
    with pytest.raises(errors.GuardError, match=r"the only running managed schedule: governance:new \(never fires"):
        guards.check(silent, now=NOW)


def test_the_old_schedule_of_a_rename_is_not_one_that_runs_under_another_prefix() -> None:
    planned = plan(declaration(was=("old:new",)), outside("old:new"))
    assert prefixes.namesakes(["old:new"], planned) == {}
    assert prefixes.namesakes(["older:new"], planned) == {"governance:new": ("older:new",)}


def test_the_digest_covers_the_former_id() -> None:
    first = plan(declaration(), old())
    second = plan(declaration(was=("governance:older",)), dataclasses.replace(old(), id="governance:older"))
    assert first.digest != second.digest


def test_pruning_deletes_the_old_schedule_as_one_whose_charter_was_removed() -> None:
    sealed = old(paused=True, note=RENAMED, seal="1/1")
    history = observed.History(updated_at=NOW)
    live = {sealed.id: observed.Live(schedule=sealed, token=(1).to_bytes(8, "big"), created_at=1, history=history)}
    (change,) = pruning.prune(declaration(), live, builders.TARGET).changes
    assert (change.verb, change.reason) == (plans.Verb.DELETE, plans.Reason.PRUNED)


def test_a_charter_with_the_old_name_that_comes_back_resumes_its_schedule() -> None:
    declared = builders.declaration(builders.schedule("old"))
    (change,) = build.plan(declared, builders.live(old(paused=True, note=RENAMED)), builders.TARGET).changes
    assert (change.verb, change.reason) == (plans.Verb.RESUME, plans.Reason.RETURNED)


def test_a_plan_of_the_renamed_charter_alone_has_the_same_rename() -> None:
    alone = dataclasses.replace(declaration(), only=("NEW",))
    assert [change.verb for change in plan(alone, old(), builders.schedule("other")).changes] == [plans.Verb.RENAME]
    leftover = plan(alone, builders.schedule("new", note=MANAGED), old(), builders.schedule("other"))
    assert [(step.verb, step.id) for step in leftover.steps] == [(plans.Verb.PAUSE, "governance:old")]


def test_a_disabled_environment_keeps_both_schedules() -> None:
    kept = build.at_rest(plan(declaration(), old()))
    assert [(change.id, change.verb) for change in kept.changes] == [
        ("governance:new", plans.Verb.KEEP),
        ("governance:old", plans.Verb.KEEP),
    ]


def test_every_rendering_shows_one_rename() -> None:
    planned = plan(declaration(), old())
    shown = text.Text(now=NOW).plan(planned)
    assert "→ governance:new  will be renamed from governance:old" in shown
    assert "Plan: 0 to create, 1 to rename, 0 to update, 0 to resume, 0 to pause, 0 unchanged." in shown
    assert "Total firing rate: 24/day." in shown
    (notice,) = annotation.plan(planned)
    assert (notice.level, notice.title) == ("notice", "rename governance:new")
    assert notice.message.startswith("will be renamed from governance:old\n")
    outcome = plans.Outcome(change=planned.changes[0], status=plans.Status.DONE)
    assert text.Text().outcomes([outcome]) == "Applied: 0 created, 1 renamed, 0 updated, 0 resumed, 0 paused.\n"
    document = outcome_document.dumps(
        "apply",
        planned,
        plans.Applied(outcomes=(outcome,)),
        exit_code=errors.ExitCode.OK,
        known=outcome_document.Subject(),
    )
    assert '"rename": 1' in document


def test_a_plan_without_a_rename_has_no_trace_of_one() -> None:
    planned = plan(declaration(was=()))
    assert "rename" not in text.Text(now=NOW).plan(planned)
    document = plan_json.encode(planned)
    assert ("rename" in document["counts"], "origin" in document["changes"][0]) == (False, False)


def test_a_saved_plan_keeps_the_rename_and_notices_a_change_of_the_old_schedule() -> None:
    planned = plan(declaration(), old())
    given = saved.Saved(plan=planned, planned_at=NOW, spec_sha256="0" * 64, choice=declarations.Choice())
    loaded = saved.loads(saved.dumps(given), "plan.json").plan
    origin = loaded.changes[0].origin
    assert origin is not None
    assert origin.live is not None
    assert (origin.verb, origin.live.token, origin.after.note) == (plans.Verb.PAUSE, b"1", RENAMED)
    staleness.check(loaded, planned, NOW)
    changed = {"governance:old": observed.Live(schedule=old(task_queue="other"), token=b"2")}
    with pytest.raises(errors.StaleError, match=r"governance:old changed since the plan.*task_queue"):
        staleness.check(loaded, build.plan(declaration(), changed, builders.TARGET), NOW)


def applied(server: Server, planned: plans.Plan) -> plans.Outcome:
    (outcome,) = asyncio.run(apply_plan(planned, server, lambda _: None)).outcomes
    return outcome


def read(server: Server) -> plans.Plan:
    declared = declaration()
    found = asyncio.run(live_usecase.read(declared, server, builders.TARGET))
    return build.plan(declared, found, builders.TARGET)


def test_applying_a_rename_creates_first_and_then_pauses() -> None:
    server = Server(old())
    seen: list[bool] = []
    server.then["governance:old"] = [lambda: seen.append("governance:new" in server.found)]
    assert applied(server, read(server)).status is plans.Status.DONE
    assert seen == [True]
    assert server.found["governance:old"].schedule.note == RENAMED
    assert read(server).steps == ()


class Refusing(Server):
    """A server that refuses to write one schedule."""

    refused = ""

    async def create(self, schedule: model.Schedule) -> None:
        if schedule.id == self.refused:
            raise errors.ServerError("no room")
        await super().create(schedule)

    async def update(self, live: observed.Live, after: model.Schedule) -> None:
        if after.id == self.refused:
            raise errors.ServerError("no room")
        await super().update(live, after)


def test_the_old_schedule_goes_on_if_the_new_one_cannot_be_created() -> None:
    server = Refusing(old())
    server.refused = "governance:new"
    outcome = applied(server, read(server))
    assert (outcome.status, outcome.detail) == (plans.Status.FAILED, "no room")
    assert not server.found["governance:old"].schedule.paused


def test_a_pause_that_fails_is_reported_and_the_next_run_makes_it_up() -> None:
    server = Refusing(old())
    server.refused = "governance:old"
    outcome = applied(server, read(server))
    assert outcome.status is plans.Status.FAILED
    assert outcome.detail == "created, but governance:old, which it replaces, was not paused: no room"
    server.refused = ""
    again = read(server)
    assert [(step.verb, step.id) for step in again.steps] == [(plans.Verb.PAUSE, "governance:old")]
    assert applied(server, again).status is plans.Status.DONE
    assert read(server).steps == ()


def test_nothing_is_written_if_the_old_schedule_changed_since_the_plan() -> None:
    server = Server(old())
    planned = read(server)
    server.change("governance:old", note="changed")
    outcome = asyncio.run(apply.apply(planned, server, lambda _: None)).outcomes[0]
    assert (outcome.status, set(server.found)) == (plans.Status.STALE, {"governance:old"})
    assert outcome.detail == "governance:old changed since it was planned; plan again"


def parse(charters: str) -> declarations.Declaration:
    spec = "governance:\n  schedules:\n" + textwrap.indent(textwrap.dedent(charters).strip(), "    ") + "\n"
    spec += '  prefix: ["governance:", nightly]\n'
    return loader.parse(spec, "spec.yaml")


@pytest.mark.parametrize(
    ("was", "ids"),
    [
        ("Old", ("governance:old", "Old")),
        ("nightly-report", ("governance:nightly-report", "nightly-report")),
        ("governance:Old", ("governance:Old",)),
    ],
)
def test_a_former_name_is_a_charter_name_or_an_id(was: str, ids: tuple[str, ...]) -> None:
    (charter,) = parse(f"""- {{charter: NEW, was: "{was}", cron: "@hourly", entrypoint: A}}""").charters
    assert charter.was == ids


def test_a_charter_that_gets_an_id_of_its_own_is_renamed_from_its_name() -> None:
    (charter,) = parse("""- {charter: OLD, id: nightly, was: OLD, cron: "@hourly", entrypoint: A}""").charters
    assert (charter.schedule.id, charter.was) == ("nightly", ("governance:old", "OLD"))


@pytest.mark.parametrize(
    ("charters", "problem"),
    [
        (
            """- {charter: NEW, was: new, cron: "@hourly", entrypoint: A}""",
            "spec.yaml:3:27: charter 'NEW' is still called 'new', so it was not renamed",
        ),
        (
            """
            - {charter: OLD, cron: "@hourly", entrypoint: A}
            - {charter: NEW, was: old, cron: "@hourly", entrypoint: A}
            """,
            "spec.yaml:4:27: charter 'NEW' cannot replace 'old', which is still declared on line 3",
        ),
        (
            """
            - {charter: OTHER, id: nightly, cron: "@hourly", entrypoint: A}
            - {charter: NEW, was: nightly, cron: "@hourly", entrypoint: A}
            """,
            "spec.yaml:4:27: charter 'NEW' cannot replace 'nightly', which is still declared on line 3",
        ),
        (
            """
            - {charter: NEW, was: old, cron: "@hourly", entrypoint: A}
            - {charter: NEWER, was: "governance:old", cron: "@hourly", entrypoint: A}
            """,
            "spec.yaml:4:29: charters 'NEW' and 'NEWER' cannot both replace 'governance:old'",
        ),
    ],
)
def test_a_former_name_that_cannot_be_is_reported_where_it_is_written(charters: str, problem: str) -> None:
    with pytest.raises(problems.InvalidSpecError) as caught:
        parse(charters)
    (found,) = caught.value.problems
    assert f"{found.place}: {found.message}" == problem


def test_was_cannot_be_inherited() -> None:
    spec = "governance:\n  defaults: {was: OLD}\n  schedules: []\n"
    with pytest.raises(problems.InvalidSpecError, match=r"spec.yaml:2:14"):
        loader.parse(spec, "spec.yaml")
