from __future__ import annotations

import dataclasses
import datetime

import pytest

from reconciler import errors
from reconciler.plan import build, guards, notes, plans, prefixes
from reconciler.schedule import declarations, model
from tests.unit import builders


def namesakes(listed: list[str], *found: model.Schedule) -> dict[str, tuple[str, ...]]:
    return dict(prefixes.namesakes(listed, builders.plan([builders.schedule("ops")], list(found))))


def test_a_name_behind_another_prefix_is_a_namesake() -> None:
    listed = ["acme:ops", "ops", "x/ops", "acmeops", "governance:other", "acme:ops-2"]
    assert namesakes(listed) == {"governance:ops": ("acme:ops", "acmeops", "ops", "x/ops")}


def test_nothing_is_read_for_a_charter_that_has_its_schedule() -> None:
    assert namesakes(["governance:ops", "acme:ops"], builders.schedule("ops")) == {}


def test_what_was_paused_as_removed_starts_again_when_its_charter_is_back() -> None:
    listed = ["governance:ops", "acme:ops"]
    removed = builders.schedule("ops", paused=True, note=notes.REMOVED + "spec.yaml")
    assert namesakes(listed, removed) == {"governance:ops": ("acme:ops",)}
    assert namesakes(listed, builders.schedule("ops", paused=True, note="by a person")) == {}


def doubled(old: model.Schedule, *, owner: str = "", id_: str = "acme:ops") -> tuple[tuple[str, str], ...]:
    """Return what the new schedule `governance:ops` of an owner doubles."""
    declaration = dataclasses.replace(builders.declaration(builders.schedule("ops")), owner=owner)
    plan = planned(declaration)
    found = dataclasses.replace(old, id=id_)
    return prefixes.doubled(plan, {"governance:ops": (found.id,)}, builders.live(found))


def planned(declaration: declarations.Declaration) -> plans.Plan:
    (charter,) = declaration.charters
    plan = builders.plan([charter.schedule], [])
    changes = tuple(
        dataclasses.replace(each, after=dataclasses.replace(each.after, owner=declaration.owner or None))
        for each in plan.changes
    )
    return dataclasses.replace(plan, changes=changes)


def test_our_own_mark_makes_it_ours_whatever_it_runs() -> None:
    old = builders.schedule("ops", workflow="Other", owner="acme/app")
    assert doubled(old, owner="acme/app") == (("governance:ops", "acme:ops"),)


def test_without_a_mark_it_is_ours_when_it_does_the_same() -> None:
    assert doubled(builders.schedule("ops"), owner="acme/app") == (("governance:ops", "acme:ops"),)
    assert doubled(builders.schedule("ops", workflow="Other"), owner="acme/app") == ()


def test_a_prefix_may_be_of_any_length_and_end_with_a_letter() -> None:
    charter = {"charter": "OPS"}
    for id_ in ("acmeops", "a-much-longer-prefix.ops"):
        old = builders.schedule("ops", arguments=(charter,))
        assert doubled(old, id_=id_) == ()  # its input differs
        assert doubled(dataclasses.replace(old, owner="acme/app"), owner="acme/app", id_=id_) != ()


def test_a_longer_name_that_ends_alike_is_another_charter() -> None:
    old = builders.schedule("ops", owner="acme/app", arguments=({"charter": "DEVOPS"},))
    assert doubled(old, owner="acme/app", id_="acme:devops") == ()
    assert doubled(dataclasses.replace(old, action=builders.schedule("ops").action), id_="acme:devops") == ()


def test_another_owners_and_a_paused_one_are_not_doubled() -> None:
    assert doubled(builders.schedule("ops", owner="acme/other"), owner="acme/app") == ()
    assert doubled(builders.schedule("ops", owner="acme/app", paused=True), owner="acme/app") == ()


def origin(old: model.Schedule) -> str | None:
    """Return the id that a plan names as the origin of `governance:ops`."""
    plan = planned(builders.declaration(builders.schedule("ops")))
    found = dataclasses.replace(old, id="acme:ops")
    (change,) = prefixes.pointed_out(plan, {"governance:ops": (found.id,)}, builders.live(found)).changes
    return change.renamed_from


def test_only_a_pause_by_hand_is_pointed_out() -> None:
    assert origin(builders.schedule("ops", paused=True, note="incident")) == "acme:ops"
    assert origin(builders.schedule("ops", paused=True, note=notes.REMOVED + "spec.yaml")) is None
    assert origin(builders.schedule("ops")) is None
    assert origin(builders.schedule("ops", paused=True, owner="acme/other")) is None


@pytest.mark.parametrize(("environment", "where"), [(None, ""), ("one", " in the charters of environment 'one'")])
def test_the_way_to_replace_it_leaves_other_environments_alone(environment: str | None, where: str) -> None:
    declared = dataclasses.replace(builders.declaration(builders.schedule("ops")), environment=environment)
    plan = build.plan(declared, {}, builders.TARGET)
    plan = dataclasses.replace(plan, doubled=(("governance:ops", "ref:ops"),))
    with pytest.raises(errors.GuardError) as raised:
        guards.check(plan, now=datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC))
    assert raised.value.hint == (
        f"to replace it, declare was: ref:ops{where}; if both should run, pass --allow-prefix-change"
    )
