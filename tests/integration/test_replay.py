"""Recorded runs replay on the workflow as it is now: runs that are under way survive a deploy.

`pytest tests/integration/test_worker.py --update-golden` records them anew, for a workflow that no old run may meet.
"""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest
import temporalio.client
import temporalio.worker
import temporalio.worker.workflow_sandbox
import temporalio.workflow

from reconciler.platform.worker import workflows
from reconciler.schedule import governed
from tests.support import workers

RECORDED = sorted(workers.HISTORIES.glob("*.json"))


def replayer() -> temporalio.worker.Replayer:
    """Return a replayer with the SDK's sandbox, which refuses what is not deterministic; the worker does without."""
    sandbox = temporalio.worker.workflow_sandbox.SandboxedWorkflowRunner()
    return temporalio.worker.Replayer(workflows=[workflows.GovernanceScheduledRunWorkflow], workflow_runner=sandbox)


def history(path: pathlib.Path) -> temporalio.client.WorkflowHistory:
    return temporalio.client.WorkflowHistory.from_json(path.stem, path.read_text(encoding="utf-8"))


def test_every_way_that_a_run_ends_is_recorded() -> None:
    assert [path.stem for path in RECORDED] == ["cancelled", "failed", "governance", "refused", "user"]


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_run_replays(path: pathlib.Path) -> None:
    result = await replayer().replay_workflow(history(path), raise_on_replay_failure=False)
    assert result.replay_failure is None


@pytest.mark.parametrize("path", [path for path in RECORDED if path.stem != "governance"], ids=lambda path: path.stem)
async def test_a_run_whose_steps_came_in_another_order_would_not_replay(path: pathlib.Path) -> None:
    text = history(path).to_json()
    swapped = text.replace("validate_grant", "\0").replace("begin_run", "validate_grant").replace("\0", "begin_run")
    assert swapped != text
    broken = temporalio.client.WorkflowHistory.from_json(path.stem, swapped)
    result = await replayer().replay_workflow(broken, raise_on_replay_failure=False)
    assert isinstance(result.replay_failure, temporalio.workflow.NondeterminismError)


@temporalio.workflow.defn(name=governed.WORKFLOW, sandboxed=False)
class Hasty:
    """The workflow as somebody might change it: it looks at no grant."""

    @temporalio.workflow.run
    async def run(self, given: Any = None) -> dict[str, Any]:
        return await workflows.executed(workflows.firing(given).request)


async def test_a_workflow_that_leaves_a_step_out_would_not_replay_a_users_run() -> None:
    replayed = await temporalio.worker.Replayer(workflows=[Hasty]).replay_workflow(
        history(workers.HISTORIES / "user.json"), raise_on_replay_failure=False
    )
    assert isinstance(replayed.replay_failure, temporalio.workflow.NondeterminismError)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_run_names_no_machine(path: pathlib.Path) -> None:
    parts = [part for event in json.loads(path.read_text(encoding="utf-8"))["events"] for part in event.values()]
    reported = {part["identity"] for part in parts if isinstance(part, dict) and "identity" in part}
    assert reported <= {"test", "worker[GovernanceScheduledRunWorkflow]", "temporal-scheduler-test-governance:alpha"}
    assert "stackTrace" not in path.read_text(encoding="utf-8")
