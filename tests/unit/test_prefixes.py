from __future__ import annotations

import dataclasses

from reconciler import prefixes, renaming
from reconciler.plan import plans
from reconciler.schedule import declarations, model
from tests.unit import builders


def namesakes(*listed: str) -> dict[str, tuple[str, ...]]:
    found = prefixes.namesakes(listed, builders.declaration(builders.schedule("ops")), builders.TARGET)
    return dict(found)


def test_a_name_behind_another_prefix_is_a_namesake() -> None:
    listed = ("acme:ops", "ops", "x/ops", "acme:devops", "governance:other", "acme:ops-2")
    assert namesakes(*listed) == {"governance:ops": ("acme:ops", "ops", "x/ops")}


def test_nothing_is_read_for_a_charter_that_has_its_schedule() -> None:
    assert namesakes("governance:ops", "acme:ops") == {}


def doubled(old: model.Schedule, *, owner: str = "") -> tuple[tuple[str, str], ...]:
    """Return what the new schedule `governance:ops` of an owner doubles."""
    declaration = dataclasses.replace(builders.declaration(builders.schedule("ops")), owner=owner)
    plan = planned(declaration)
    found = dataclasses.replace(old, id="acme:ops")
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
    assert origin(builders.schedule("ops", paused=True, note=renaming.REMOVED + "spec.yaml")) is None
    assert origin(builders.schedule("ops")) is None
    assert origin(builders.schedule("ops", paused=True, owner="acme/other")) is None
