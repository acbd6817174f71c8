from __future__ import annotations

import dataclasses
import datetime
import json

import hypothesis
from hypothesis import strategies as st

from reconciler import published
from reconciler.documents import snapshots
from reconciler.plan import build
from reconciler.schedule import fields, model
from tests.property import strategies

NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
lists = strategies.several()


def taken(schedules: list[model.Schedule], *, coded: bool = False, salt: bytes = b"") -> snapshots.Snapshot:
    live = {
        id_: dataclasses.replace(each, coded=coded, schedule=dataclasses.replace(each.schedule, salt=salt))
        for id_, each in strategies.described(schedules).items()
    }
    return snapshots.Snapshot(target=strategies.TARGET, taken_at=NOW, live=live, salt=salt)


@hypothesis.given(lists)
def test_a_snapshot_comes_back_as_it_was_but_for_its_secrets(schedules: list[model.Schedule]) -> None:
    text = snapshots.dumps(taken(schedules))
    assert list(published.violations("snapshot", json.loads(text))) == []
    found = [each.schedule for each in snapshots.loads(text, "live.json").live.values()]
    expected = sorted(map(fields.redacted, schedules), key=lambda each: each.id)
    assert [strategies.identical(left, right) for left, right in zip(found, expected, strict=True)] == [True] * len(
        found
    )


@hypothesis.given(strategies.desired_and_live(), st.sampled_from([b"", b"other"]))
def test_a_plan_from_a_snapshot_means_the_same(
    sides: tuple[list[model.Schedule], list[model.Schedule]], salt: bytes
) -> None:
    desired, live = sides
    declaration = dataclasses.replace(strategies.declare(desired), salt=b"own")
    online = build.plan(declaration, strategies.described(live), strategies.TARGET)
    snapshot = snapshots.loads(snapshots.dumps(taken(live, salt=salt)), "live.json")
    offline = build.plan_from_snapshot(declaration, snapshot.live, snapshot.target, snapshot.taken_at)
    assert offline.digest == online.digest


@hypothesis.given(lists)
def test_what_only_a_codec_can_read_is_in_no_snapshot_and_is_not_a_difference(schedules: list[model.Schedule]) -> None:
    text = snapshots.dumps(taken(schedules, coded=True))
    assert list(published.violations("snapshot", json.loads(text))) == []
    snapshot = snapshots.loads(text, "live.json")
    declaration = strategies.declare(schedules)
    offline = build.plan_from_snapshot(declaration, snapshot.live, snapshot.target, snapshot.taken_at)
    online = build.plan(declaration, strategies.described(schedules), strategies.TARGET)
    assert [(change.verb, change.id) for change in offline.steps] == [
        (change.verb, change.id) for change in online.steps
    ]
    for messages in json.loads(text)["schedules"]:
        action = messages["action"]
        values = [*action["arguments"], *action["memo"].values(), action["summary"], action["details"]]
        shown = [each["json"] for each in values if "json" in each]
        assert [each for each in shown if each is not None and not str(each).startswith("(encrypted, sha256:")] == []
