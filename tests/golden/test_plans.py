"""Whole plans, to be read: `spec.yaml` and `live.json` give `plan.json`, `plan.txt`, `plan.md` and `comment.md`.

`environment.txt` names an environment where one is chosen. `live.json` holds schedules as the server describes them
(the JSON form of its protos), by id, with the workflow's arguments decoded under `json`. `make golden` writes them.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import json
import pathlib
import re
from typing import Any

import pytest
from google.protobuf import json_format
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler.documents import marks, plan_json
from reconciler.github import plan as plan_command
from reconciler.plan import build, plans
from reconciler.report import comment, markdown, text
from reconciler.repospec import loader
from reconciler.schedule import declarations, observed
from reconciler.temporal import convert

CASES = pathlib.Path(__file__).parent / "cases"
NOW = datetime.datetime(2026, 11, 23, 20, tzinfo=datetime.UTC)
DOCUMENTED = pathlib.Path(__file__).parents[2] / "docs/github.md"
_SHOWN = re.compile(r"^````markdown\n(.*?)^````\n", re.DOTALL | re.MULTILINE)
TARGET = observed.Target(address="temporal.example:7233", namespace="production")


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_a_plan_reads_as_its_golden_files_do(case: str, pytestconfig: pytest.Config) -> None:
    folder = CASES / case
    plan = planned(folder)
    renderings = {
        "plan.json": plan_json.dumps(plan, NOW),
        "plan.txt": text.Text(verbose=True, now=NOW).plan(plan),
        "plan.md": markdown.plan(plan, now=NOW),
        "comment.md": comment.plan(plan, about(plan)),
    }
    if pytestconfig.getoption("--update-golden"):
        for name, rendering in renderings.items():
            (folder / name).write_text(rendering, encoding="utf-8")
    assert {name: (folder / name).read_text(encoding="utf-8") for name in renderings} == renderings


def test_the_documentation_shows_the_comment_as_it_is_rendered(pytestconfig: pytest.Config) -> None:
    page = DOCUMENTED.read_text(encoding="utf-8")
    golden = (CASES / "everything-at-once" / "comment.md").read_text(encoding="utf-8")
    if pytestconfig.getoption("--update-golden"):
        page = _SHOWN.sub(lambda _: f"````markdown\n{golden}````\n", page)
        DOCUMENTED.write_text(page, encoding="utf-8")
    assert _SHOWN.findall(page) == [golden]


def about(plan: plans.Plan) -> comment.About:
    """Return what the Action says beside a plan in a pull request."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    scope, key = marks.scope(plan.environment, plan.spec_path), marks.key(plan.target)
    mark = marks.Mark(kind="plan", scope=scope, key=key, digest=plan.digest, commit=commit, run=1234567890)
    run_url = f"https://github.com/acme/schedules/actions/runs/{mark.run}"
    next_step = plan_command.REVIEW_NEXT if plan.steps else ""
    return comment.About(mark=marks.dumps(mark), commit=commit, run_url=run_url, next_step=next_step, now=NOW)


def planned(folder: pathlib.Path) -> plans.Plan:
    """Return the plan of a case."""
    chosen = folder / "environment.txt"
    environment = chosen.read_text(encoding="utf-8").strip() if chosen.exists() else None
    declaration = loader.parse(
        (folder / "spec.yaml").read_text(encoding="utf-8"),
        "spec.yaml",
        declarations.Choice(environment=environment),
        folder,
    )
    declaration = dataclasses.replace(declaration, salt=b"of the golden plans")
    live = {id_: live_of(id_, messages) for id_, messages in json.loads((folder / "live.json").read_bytes()).items()}
    return build.plan(declaration, live, dataclasses.replace(TARGET, prefixes=declaration.prefixes))


def live_of(schedule_id: str, messages: dict[str, Any]) -> observed.Live:
    """Return a described schedule."""
    for payload in messages["action"]["startWorkflow"].get("input", {}).get("payloads", []):
        data = json.dumps(payload.pop("json")).encode()
        payload["metadata"] = {"encoding": base64.b64encode(b"json/plain").decode()}
        payload["data"] = base64.b64encode(data).decode()
    proto = json_format.ParseDict(messages, schedule_pb2.Schedule())
    return observed.Live(schedule=convert.read(schedule_id, proto), token=b"1", described=proto.SerializeToString())
