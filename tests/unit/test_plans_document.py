from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import pathlib
from typing import Any

import pytest

from reconciler import published
from reconciler.documents import plan_json, saved
from reconciler.plan import build, plans
from reconciler.runtime import files
from reconciler.schedule import declarations, observed
from tests.unit import builders


def fields(plan: plans.Plan) -> dict[str, Any]:
    (change,) = plan_json.encode(plan)["changes"]
    return {field.pop("path"): field for field in change["fields"]}


def test_a_side_that_does_not_have_the_field_has_no_key_and_null_has_one() -> None:
    live = builders.schedule(input={"was_null": None, "gone": 1})
    assert fields(builders.plan([builders.schedule(input={"was_null": 1, "new": None})], [live])) == {
        "input.was_null": {"old": None, "new": 1},
        "input.gone": {"old": 1},
        "input.new": {"new": None},
    }


def test_every_verb_makes_a_document_that_the_published_schema_takes() -> None:
    names = ("updated", "resumed", "kept")
    plan = builders.plan(
        [builders.schedule("created"), *map(builders.schedule, names)],
        [
            builders.schedule("updated", task_queue="other"),
            builders.schedule("resumed", paused=True, note="ü\n"),
            builders.schedule("kept"),
            builders.schedule("paused"),
        ],
    )
    document = json.loads(plan_json.dumps(plan))
    assert [each["verb"] for each in document["changes"]] == ["create", "update", "resume", "pause", "keep"]
    assert document["counts"] == {"create": 1, "update": 1, "resume": 1, "pause": 1, "keep": 1, "blocked": 0}
    assert list(published.violations("plan", document)) == []


def test_a_document_holds_no_token_of_the_server() -> None:
    live = {builders.ID: observed.Live(schedule=builders.schedule(), token=b"sesame", described=b"described")}
    plan = build.plan(builders.declaration(), live, builders.TARGET)
    assert "sesame" not in plan_json.dumps(plan)
    assert "described" not in plan_json.dumps(plan)


NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)


def test_next_times_and_rates_are_there_when_a_moment_is_given_and_take_no_part_in_the_digest() -> None:
    half = (builders.calendar("*/30 * * * *"),)
    live = [builders.schedule("a"), builders.schedule("b", paused=True, remaining_actions=3)]
    plan = builders.plan([builders.schedule("a", calendars=half), builders.schedule("c")], live)
    without, document = plan_json.encode(plan), plan_json.encode(plan, NOW)
    assert list(published.violations("plan", document)) == []
    changes = {change["id"].rpartition(":")[2]: change for change in document["changes"]}
    hour, day = "2026-11-23T21:00:00+00:00", "2026-11-23T20:30:00+00:00"
    later = "2026-11-23T22:00:00+00:00"
    nothing, hourly, faster = {"a_year": 0, "left": 0}, {"a_year": 8760, "left": None}, {"a_year": 17520, "left": None}
    assert changes["a"]["next"] == {"before": [hour, later], "after": [day, hour]}
    assert changes["a"]["rate"] == {"before": hourly, "after": faster}
    assert (changes["b"]["next"]["after"], changes["b"]["rate"]["after"]) == ([], nothing)
    assert (changes["c"]["next"]["before"], changes["c"]["rate"]["before"]) == (None, None)
    assert document["rate"] == {"before": {**hourly, "left": 0}, "after": {"a_year": 26280, "left": 0}}
    for change in document["changes"]:
        del change["next"], change["rate"]
    del document["rate"]
    assert document == without


@pytest.mark.parametrize("lacks", [(), ("next", "rate")])
def test_a_saved_plan_loads_with_and_without_next_times(lacks: tuple[str, ...]) -> None:
    plan = builders.plan([builders.schedule()], [])
    given = saved.Saved(plan=plan, planned_at=NOW, spec_sha256="0" * 64, choice=declarations.Choice())
    document = json.loads(saved.dumps(given))
    for name in lacks:
        for part in (document, *document["changes"]):
            part.pop(name, None)
    if lacks:
        document["format_version"] = "1.0"
        del document["checksum"], document["applied_at"]
        covered = json.dumps(document, sort_keys=True, separators=(",", ":"))
        document["checksum"] = f"sha256:{hashlib.sha256(covered.encode()).hexdigest()}"
    assert saved.loads(json.dumps(document), "plan.json").plan.digest == plan.digest


def test_a_saved_plan_has_digests_of_variables_and_not_their_values() -> None:
    variables = (declarations.Variable(name="region", text="eu-central", source="--var region"),)
    choice = declarations.Choice(environment="staging", variables=variables)
    declared = dataclasses.replace(builders.declaration(), variables={"region": '"eu-central"'}, salt=b"salt")
    plan = build.plan(declared, {}, builders.TARGET)
    text = saved.dumps(saved.Saved(plan=plan, planned_at=NOW, spec_sha256="0" * 64, choice=choice))
    assert "eu-central" not in text
    loaded = saved.loads(text, "plan.json")
    assert loaded.plan.variables == plan.variables
    assert loaded.choice == dataclasses.replace(choice, variables=())
    assert plan.variables.keys() == {"region"}
    plain = dataclasses.replace(declared, variables={})
    assert build.plan(plain, {}, builders.TARGET).digest == plan.digest
    without = saved.Saved(plan=build.plan(plain, {}, builders.TARGET), planned_at=NOW, spec_sha256="0", choice=choice)
    assert "variables" not in saved.dumps(without)


def test_half_a_surrogate_pair_in_a_live_value_is_saved_as_its_escape(tmp_path: pathlib.Path) -> None:
    """JSON can say it, UTF-8 cannot."""
    plan = builders.plan([builders.schedule()], [builders.schedule(input={"a": "\ud800"})])
    files.save(tmp_path / "plan.json", plan_json.dumps(plan))
    (change,) = json.loads((tmp_path / "plan.json").read_bytes())["changes"]
    assert change["fields"] == [{"path": "input.a", "old": "\ud800"}]
