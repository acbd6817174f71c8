"""Several prefixes, and the empty one: which schedules are ours, in plans, guards, documents and messages."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import json
from typing import Any

import pytest

from reconciler import errors, published
from reconciler.documents import marks, outcomes, plan_json, records, saved, snapshots, statuses
from reconciler.plan import build, guards, notes, plans, ports, prefixes, pruning, staleness
from reconciler.report import text, words
from reconciler.schedule import declarations, model, observed, ownership
from reconciler.usecases import live
from tests.unit import builders, test_apply_plan

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
OWNER = "acme/app"
TWO = ("governance:", "acme:")
NONE = ("",)
BOTH = ("governance:", "")


def of(id_: str, **changes: Any) -> model.Schedule:
    return dataclasses.replace(builders.schedule("community", **changes), id=id_)


def declared(given: ownership.Prefixes, *schedules: model.Schedule) -> declarations.Declaration:
    return dataclasses.replace(builders.declaration(*schedules), prefixes=given, owner=OWNER)


def target(given: ownership.Prefixes) -> observed.Target:
    return dataclasses.replace(builders.TARGET, prefixes=given, owner=OWNER)


def plan(given: ownership.Prefixes, desired: list[model.Schedule], found: list[model.Schedule]) -> plans.Plan:
    return build.plan(declared(given, *desired), builders.live(*found), target(given))


def test_all_ids_that_do_not_exist_are_reported() -> None:
    server = test_apply_plan.Server(of("governance:a"))
    for ids, message in (
        (("demo", "governance:a", "nope", "demo"), "schedules 'demo', 'nope' do not exist"),
        (("demo",), "schedule 'demo' does not exist"),
    ):
        with pytest.raises(errors.UsageError) as caught:
            asyncio.run(live.chosen((), server, TWO, ids))
        assert caught.value.message == message


@pytest.mark.parametrize(
    ("given", "mark", "ours"),
    [
        (TWO, None, {"governance:a", "acme:b"}),
        (TWO, OWNER, {"governance:a", "acme:b"}),
        (TWO, "acme/site", set()),
        (NONE, None, set()),
        (NONE, OWNER, {"governance:a", "acme:b", "c"}),
        (NONE, "acme/site", set()),
        (BOTH, None, {"governance:a"}),
        (BOTH, OWNER, {"governance:a", "acme:b", "c"}),
        (BOTH, "acme/site", set()),
    ],
)
def test_a_prefix_or_with_an_empty_one_the_mark_makes_a_schedule_ours(
    given: ownership.Prefixes, mark: str | None, ours: set[str]
) -> None:
    found = [of(id_, owner=mark) for id_ in ("governance:a", "acme:b", "c")]
    planned = plan(given, [], found)
    assert {change.id for change in planned.changes} == ours
    assert {change.reason for change in planned.changes} <= {plans.Reason.REMOVED}
    assert planned.found.managed == len(ours)


@pytest.mark.parametrize(("given", "present"), [(TWO, 2), (NONE, 0), (BOTH, 1)])
def test_only_below_a_prefix_other_owners_schedules_are_counted_as_present(
    given: ownership.Prefixes, present: int
) -> None:
    found = [of(id_, owner="acme/site") for id_ in ("governance:a", "acme:b", "c")]
    assert plan(given, [], found).found == observed.Left(managed=0, present=present)


def test_prune_deletes_nothing_that_is_not_ours() -> None:
    note = notes.REMOVED + builders.PATH
    found = [of(id_, paused=True, note=note, owner=mark) for id_, mark in (("a", OWNER), ("b", None), ("c", "x"))]
    planned = pruning.prune(declared(NONE), builders.live(*found), target(NONE))
    assert [change.id for change in planned.changes] == ["a"]


@pytest.mark.parametrize("given", [NONE, BOTH])
def test_with_an_empty_prefix_what_is_neither_declared_nor_marked_is_read_once_and_left_out(
    given: ownership.Prefixes,
) -> None:
    server = test_apply_plan.Server(
        *(of("ours", owner=OWNER), of("theirs", owner="acme/site"), of("unmarked"), of("declared"))
    )
    found = asyncio.run(live.read(declared(given, of("declared")), server, target(given)))
    assert sorted(found) == ["declared", "ours"]


@pytest.mark.parametrize("given", [NONE, BOTH])
def test_an_empty_prefix_needs_an_owner(given: ownership.Prefixes) -> None:
    ownerless = dataclasses.replace(declared(given), owner="")
    with pytest.raises(errors.UsageError, match="has an empty prefix, so schedules are identified by") as caught:
        build.check_owner(ownerless)
    assert caught.value.hint == "add an owner to the section, or pass --owner"
    build.check_owner(dataclasses.replace(ownerless, prefixes=TWO))


def test_the_digest_of_one_prefix_is_unchanged_and_that_of_several_depends_on_each() -> None:
    digests = [plan(given, [of("governance:a")], []).digest for given in (("governance:",), TWO, TWO[::-1], BOTH)]
    assert len(set(digests)) == 4
    assert digests[0] == "sha256:681d70e3c4bae702652aa8b1dce4392ad62b621758447361733a5735fad3026d"


@pytest.mark.parametrize(
    ("given", "id_", "name"),
    [
        (("a:", "a:b:"), "a:b:x", "b:x"),
        (("c:", "a:", "a:b:"), "a:b:x", "x"),
        (("c:", "nightly"), "nightly", "nightly"),
        (NONE, "a:x", "a:x"),
    ],
)
def test_a_name_is_what_follows_the_prefix(given: ownership.Prefixes, id_: str, name: str) -> None:
    assert ownership.name(given, id_) == name


def test_a_prefix_that_is_left_out_may_not_double_what_runs() -> None:
    """The charter moves from `acme:`, which is no prefix any more, to `governance:`."""
    old, new = of("acme:ops", owner=OWNER), of("governance:ops")
    after = plan(("governance:",), [new], [])
    alike = prefixes.namesakes([old.id], after)
    assert alike == {new.id: (old.id,)}
    doubled = prefixes.doubled(after, alike, builders.live(old))
    with pytest.raises(errors.GuardError, match="acme:ops is still running under another prefix"):
        guards.check(dataclasses.replace(after, doubled=doubled), now=NOW)
    assert prefixes.namesakes([old.id], plan(TWO, [new], [old])) == {}  # it is paused by the same plan


def test_an_empty_prefix_may_not_double_an_unmarked_schedule_of_the_same_name() -> None:
    new = dataclasses.replace(builders.schedule("ops"), id="ops")
    unmarked, ours = of("governance:ops"), of("acme:ops", owner=OWNER)
    after = plan(NONE, [new], [ours])
    alike = prefixes.namesakes([unmarked.id, ours.id], after)
    assert alike == {"ops": ("governance:ops",)}
    assert prefixes.doubled(after, alike, builders.live(unmarked)) == (("ops", "governance:ops"),)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (("governance:",), "governance:*"),
        (TWO, "governance:* and acme:*"),
        (("a", "b", "c"), "a*, b*, and c*"),
        (tuple("abcdef"), "a*, b*, c*, d*, and 2 more prefixes"),
        (NONE, "schedules with the owner's mark"),
        (BOTH, "governance:* and others with the owner's mark"),
    ],
)
def test_a_message_names_the_prefixes(given: ownership.Prefixes, shown: str) -> None:
    assert words.which(target(given)) == shown
    heading = shown.capitalize() if given == NONE else f"Schedules {shown}"
    assert words.target(plan(given, [], [])) == f"{heading} in namespace default on localhost:7233, owner {OWNER}"


def test_users_schedules_have_no_prefix_but_are_not_those_of_an_empty_prefix() -> None:
    of_users = dataclasses.replace(plan(NONE, [], []), target=dataclasses.replace(target(NONE), of_users=True))
    assert words.target(of_users).startswith("Users' schedules in namespace")
    assert text.Text().outcomes((), of_users).startswith("Repaired in users' schedules")
    assert text.Text().outcomes((), plan(NONE, [], [])).startswith("Applied to schedules with the owner's mark")


@pytest.mark.parametrize(
    ("given", "members"),
    [
        (("acme:",), {"prefix": "acme:"}),
        (NONE, {"prefix": ""}),
        (TWO, {"prefix": "governance:", "prefixes": ["governance:", "acme:"]}),
    ],
)
def test_documents_have_one_prefix_as_text_and_several_as_a_list(
    given: ownership.Prefixes, members: dict[str, Any]
) -> None:
    planned = plan(given, [of(f"{given[0]}a")], [])
    attempt = ports.Attempt(
        command="apply", who="ada", run="", commit="", started_at=NOW, target=planned.target, spec_path=builders.PATH,
        environment=None, digest=planned.digest,
    )  # fmt: skip
    record = ports.Record(number=1, attempt=attempt, ended_at=NOW, steps=(), managed=1, error="")
    choice = declarations.Choice(prefixes=given)
    taken = snapshots.Snapshot(target=planned.target, taken_at=NOW, live=builders.live(of(f"{given[0]}b")))
    kept = saved.Saved(plan=planned, planned_at=NOW, spec_sha256="0" * 64, choice=choice)
    known = outcomes.Subject(prefixes=given)
    documents = {
        "plan": saved.dumps(kept),
        "snapshot": snapshots.dumps(taken),
        "status": statuses.dumps(planned, NOW),
        "outcome": outcomes.dumps("apply", None, None, exit_code=errors.ExitCode.OK, known=known),
        "history": records.dumps([record]),
    }
    name: Any
    for name, document in documents.items():
        read = json.loads(document)
        about = (read["records"][0] if name == "history" else read)["target"]
        assert list(published.violations(name, read)) == [], name
        assert {key: value for key, value in about.items() if key.startswith("prefix")} == members, name
    assert saved.loads(documents["plan"], "plan.json").plan.target == planned.target
    assert saved.loads(documents["plan"], "plan.json").choice == choice
    assert snapshots.loads(documents["snapshot"], "live.json").target == planned.target
    assert plan_json.target(planned.target)["owner"] == OWNER


def test_a_snapshot_of_other_prefixes_is_refused() -> None:
    with pytest.raises(
        errors.UsageError, match=r"contains schedules governance:\* and acme:\*, but the spec declares acme:\*"
    ):
        build.plan_from_snapshot(declared(("acme:",)), {}, target(TWO), NOW)


def test_a_saved_plan_is_for_its_prefixes() -> None:
    reviewed = declarations.Choice(prefixes=TWO)
    assert staleness.same_choice(reviewed, declarations.Choice(prefixes=TWO)) == reviewed
    with pytest.raises(errors.StaleError) as caught:
        staleness.same_choice(reviewed, declarations.Choice(prefixes=NONE))
    assert caught.value.message == '--prefix "" was passed, but the plan was made with governance: acme:'


def test_marks_of_several_prefixes_differ_from_those_of_one() -> None:
    keys = {marks.key(target(given)) for given in (("governance:",), ("acme:",), TWO, TWO[::-1], NONE, BOTH)}
    assert len(keys) == 6


@pytest.mark.parametrize("given", [("governance:",), TWO, NONE, BOTH, ("", "a:")])
def test_the_audit_keeps_prefixes_as_one_text(given: ownership.Prefixes) -> None:
    assert ownership.from_key(ownership.key(given)) == given
    assert ownership.key(("governance:",)) == "governance:"
