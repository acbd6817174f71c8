from __future__ import annotations

import datetime
import json

import hypothesis
from hypothesis import strategies as st

from reconciler import model, planning, published, redacting
from reconciler.documents import snapshots
from tests.property import strategies

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
lists = st.lists(strategies.any_schedule, max_size=3, unique_by=lambda each: each.id)


def taken(schedules: list[model.Schedule]) -> snapshots.Snapshot:
    return snapshots.Snapshot(target=strategies.TARGET, taken_at=NOW, schedules=tuple(schedules))


@hypothesis.given(lists)
def test_a_snapshot_comes_back_as_it_was_but_for_its_secrets(schedules: list[model.Schedule]) -> None:
    text = snapshots.dumps(taken(schedules))
    assert list(published.violations("snapshot", json.loads(text))) == []
    found = snapshots.loads(text, "live.json").schedules
    expected = sorted(map(redacting.schedule, schedules), key=lambda each: each.id)
    assert [strategies.identical(left, right) for left, right in zip(found, expected, strict=True)] == [True] * len(
        found
    )


@hypothesis.given(strategies.desired_and_live())
def test_a_plan_from_a_snapshot_means_the_same(sides: tuple[list[model.Schedule], list[model.Schedule]]) -> None:
    desired, live = sides
    declaration = strategies.declare(desired)
    online = planning.plan(declaration, strategies.described(live), strategies.TARGET)
    snapshot = snapshots.loads(snapshots.dumps(taken(live)), "live.json")
    offline = planning.plan_from_snapshot(declaration, snapshot.live, snapshot.target, snapshot.taken_at)
    assert offline.digest == online.digest
