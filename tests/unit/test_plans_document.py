from __future__ import annotations

import json
import pathlib
from typing import Any

from reconciler import model, planning, published
from reconciler.documents import plans
from reconciler.operating import files
from tests.unit import builders


def fields(plan: model.Plan) -> dict[str, Any]:
    (change,) = plans.encode(plan)["changes"]
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
    document = json.loads(plans.dumps(plan))
    assert [each["verb"] for each in document["changes"]] == ["create", "update", "resume", "pause", "keep"]
    assert document["counts"] == {"create": 1, "update": 1, "resume": 1, "pause": 1, "keep": 1, "blocked": 0}
    assert list(published.violations("plan", document)) == []


def test_a_document_holds_no_token_of_the_server() -> None:
    live = {builders.ID: model.Live(schedule=builders.schedule(), token=b"sesame", described=b"described")}
    plan = planning.plan(builders.declaration(), live, builders.TARGET)
    assert "sesame" not in plans.dumps(plan)
    assert "described" not in plans.dumps(plan)


def test_half_a_surrogate_pair_in_a_live_value_is_saved_as_its_escape(tmp_path: pathlib.Path) -> None:
    """JSON can say it, UTF-8 cannot."""
    plan = builders.plan([builders.schedule()], [builders.schedule(input={"a": "\ud800"})])
    files.save(tmp_path / "plan.json", plans.dumps(plan))
    (change,) = json.loads((tmp_path / "plan.json").read_bytes())["changes"]
    assert change["fields"] == [{"path": "input.a", "old": "\ud800"}]
