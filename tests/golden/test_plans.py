"""Whole plans, to be read: `spec.yaml` and `live.json` give `plan.json`, `plan.txt`, `plan.md` and `comment.md`.

`environment.txt` names an environment where one is chosen; the cases in `several` are of all environments.
`live.json` holds schedules as the server describes them (the JSON form of its protos), by id, with the workflow's
arguments decoded under `json`. `make golden` writes them.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import datetime
import json
import pathlib
import re
from typing import Any

import pytest
from google.protobuf import json_format
from temporalio.api.schedule.v1 import message_pb2 as schedule_pb2

from reconciler.documents import marks, plan_json, rollout_json
from reconciler.github import plan as plan_command
from reconciler.plan import build, plans, rollouts
from reconciler.report import comment, markdown, rollout_comment, text
from reconciler.repospec import environments, loader
from reconciler.schedule import declarations, observed
from reconciler.temporal import convert

CASES = pathlib.Path(__file__).parent / "cases"
SEVERAL = pathlib.Path(__file__).parent / "several"
SALT = b"of the golden plans"
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


@pytest.mark.parametrize("case", sorted(path.name for path in SEVERAL.iterdir()))
def test_the_plans_of_several_environments_read_as_their_golden_files_do(
    case: str, pytestconfig: pytest.Config
) -> None:
    folder = SEVERAL / case
    rollout = rolled_out(folder)
    renderings = {
        "plans.json": rollout_json.dumps(rollout, NOW),
        "plans.txt": text.Text(now=NOW).rollout(rollout),
        "plans.md": markdown.rollout(rollout, now=NOW),
        "comment.md": rollout_comment.plan(rollout, about_several(rollout)),
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
    return surrounding(mark, has_steps=bool(plan.steps))


def about_several(rollout: rollouts.Rollout) -> comment.About:
    """Return the same for the plans of several environments."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    scope, key = marks.scope_of_several(["*"], rollout.spec_path), marks.key_of_several(TARGET.namespace)
    mark = marks.Mark(kind="plan", scope=scope, key=key, digest=rollout.digest, commit=commit, run=1234567890)
    return surrounding(mark, has_steps=bool(rollout.steps))


def surrounding(mark: marks.Mark, *, has_steps: bool) -> comment.About:
    """Return what surrounds a plan in the comment with a mark."""
    run_url = f"https://github.com/acme/schedules/actions/runs/{mark.run}"
    next_step = plan_command.REVIEW_NEXT if has_steps else ""
    return comment.About(mark=marks.dumps(mark), commit=mark.commit, run_url=run_url, next_step=next_step, now=NOW)


def rolled_out(folder: pathlib.Path) -> rollouts.Rollout:
    """Return the plans of all environments of a case."""
    live = read_live(folder)
    with contextlib.chdir(folder):
        declared = environments.load(pathlib.Path("spec.yaml"), declarations.Choice(), ["*"], salt=SALT)
    parts = []
    for declaration in declared:
        target = dataclasses.replace(TARGET, prefixes=declaration.prefixes)
        ours = {id_: each for id_, each in live.items() if id_.startswith(declaration.prefixes)}
        plan = build.plan(declaration, ours, target) if declaration.enabled else None
        disabled = declaration.disabled
        parts.append(rollouts.Part(environment=declaration.environment or "", plan=plan, disabled=disabled))
    return rollouts.Rollout(spec_path="spec.yaml", parts=tuple(parts))


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
    declaration = dataclasses.replace(declaration, salt=SALT)
    return build.plan(declaration, read_live(folder), dataclasses.replace(TARGET, prefixes=declaration.prefixes))


def read_live(folder: pathlib.Path) -> dict[str, observed.Live]:
    """Return the described schedules of a case."""
    return {id_: live_of(id_, messages) for id_, messages in json.loads((folder / "live.json").read_bytes()).items()}


def live_of(schedule_id: str, messages: dict[str, Any]) -> observed.Live:
    """Return a described schedule."""
    for payload in messages["action"]["startWorkflow"].get("input", {}).get("payloads", []):
        data = json.dumps(payload.pop("json")).encode()
        payload["metadata"] = {"encoding": base64.b64encode(b"json/plain").decode()}
        payload["data"] = base64.b64encode(data).decode()
    proto = json_format.ParseDict(messages, schedule_pb2.Schedule())
    return observed.Live(schedule=convert.read(schedule_id, proto), token=b"1", described=proto.SerializeToString())
