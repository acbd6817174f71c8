"""Whole plans, to be read: `spec.yaml` and `live.json` give `plan.json`, `plan.txt` and `plan.md`.

`environment.txt` names an environment where one is chosen. `live.json` holds schedules as the server describes them
(the JSON form of its protos), by id, with the workflow's arguments decoded under `json`. `make golden` writes them.
"""

from __future__ import annotations

import base64
import datetime
import json
import pathlib
from typing import Any

import pytest
from google.protobuf import json_format
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler import model, planning
from reconciler.documents import plans
from reconciler.report import markdown, text
from reconciler.spec import loading
from reconciler.temporal import convert

CASES = pathlib.Path(__file__).parent / "cases"
NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
TARGET = model.Target(address="temporal.example:7233", namespace="production")


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_plan_reads_as_its_golden_files_do(case: str, pytestconfig: pytest.Config) -> None:
    folder = CASES / case
    plan = planned(folder)
    renderings = {
        "plan.json": plans.dumps(plan, NOW),
        "plan.txt": text.Text(verbose=True, now=NOW).plan(plan),
        "plan.md": markdown.plan(plan, now=NOW),
    }
    if pytestconfig.getoption("--update-golden"):
        for name, rendering in renderings.items():
            (folder / name).write_text(rendering, encoding="utf-8")
    assert {name: (folder / name).read_text(encoding="utf-8") for name in renderings} == renderings


def planned(folder: pathlib.Path) -> model.Plan:
    """Return the plan of a case."""
    chosen = folder / "environment.txt"
    environment = chosen.read_text(encoding="utf-8").strip() if chosen.exists() else None
    declaration = loading.parse(
        (folder / "spec.yaml").read_text(encoding="utf-8"), "spec.yaml", model.Choice(environment=environment)
    )
    live = {id_: live_of(id_, said) for id_, said in json.loads((folder / "live.json").read_bytes()).items()}
    return planning.plan(declaration, live, TARGET)


def live_of(schedule_id: str, said: dict[str, Any]) -> model.Live:
    """Return a described schedule."""
    for payload in said["action"]["startWorkflow"].get("input", {}).get("payloads", []):
        data = json.dumps(payload.pop("json")).encode()
        payload["metadata"] = {"encoding": base64.b64encode(b"json/plain").decode()}
        payload["data"] = base64.b64encode(data).decode()
    proto = json_format.ParseDict(said, schedule_pb2.Schedule())
    return model.Live(schedule=convert.read(schedule_id, proto), token=b"1", described=proto.SerializeToString())
