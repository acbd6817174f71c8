"""The workflows to copy, run as they stand: what each asks of the program, and in which cases it runs at all.

A script stands in the program's place and prints its inputs.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import pytest
import yaml

from tests.support import act as workflows
from tests.support import artifacts, events

SHOW = "env | grep '^INPUT_[A-Z_]*=.' | sort"
HERE = {
    "secrets": {"TEMPORAL_API_KEY": "key: 'of' \"temporal\""},
    "variables": {"TEMPORAL_ADDRESS": "temporal.example:7233", "TEMPORAL_NAMESPACE": "production"},
}
CONNECTION = {
    "INPUT_ADDRESS": "temporal.example:7233",
    "INPUT_NAMESPACE": "production",
    "INPUT_API_KEY": "key: 'of' \"temporal\"",
}
USUAL = {
    "INPUT_ADOPT": "false",
    "INPUT_ALLOW_OLDER_COMMIT": "false",
    "INPUT_ALLOW_EMPTY_NAMESPACE": "false",
    "INPUT_ALLOW_MASS_PAUSE": "false",
    "INPUT_ALLOW_PLAINTEXT": "false",
    "INPUT_ALLOW_PREFIX_CHANGE": "false",
    "INPUT_AUDIT": "true",
    "INPUT_COMMENT": "true",
    "INPUT_DATABASE_SCHEMA": "reconciler",
    "INPUT_GITHUB_TOKEN": workflows.TOKEN,
    "INPUT_KEEP_MANUAL_PAUSES": "false",
    "INPUT_LOCK": "auto",
    "INPUT_REQUIRE_REVIEWED_PLAN": "true",
}
COMMIT = "1" * 40
PULL_REQUEST = events.pull_request(7, head=COMMIT, base=COMMIT)
FORK = events.pull_request(7, head=COMMIT, base=COMMIT, fork="somebody/schedules")
DEPENDABOT = events.pull_request(7, head=COMMIT, base=COMMIT, author="dependabot[bot]")
DIGEST = f"sha256:{COMMIT}"

CASES = {
    "plan.yml": ("pull_request", PULL_REQUEST, {"INPUT_COMMAND": "plan", "INPUT_PLAN_WORKFLOW": "apply.yml"}),
    "apply.yml": (
        "push",
        events.push(after=COMMIT),
        {
            "INPUT_COMMAND": "apply",
            "INPUT_LOCK_TIMEOUT": "5m",
            "INPUT_PLAN_WORKFLOW": "plan.yml",
            "INPUT_REQUIRE_REVIEWED_PLAN": "true",
        },
    ),
    "drift.yml": ("schedule", events.schedule(), {"INPUT_COMMAND": "drift"}),
    "manual-apply.yml": (
        "workflow_dispatch",
        events.dispatch({"environment": "production", "spec-environment": "staging", "digest": DIGEST}),
        {
            "INPUT_APPLY_ON": "workflow_dispatch",
            "INPUT_COMMAND": "apply",
            "INPUT_COMMENT": "false",
            "INPUT_ENVIRONMENT": "staging",
            "INPUT_EXPECT_DIGEST": DIGEST,
            "INPUT_LOCK_TIMEOUT": "5m",
            "INPUT_REQUIRE_REVIEWED_PLAN": "false",
        },
    ),
}


def given(run: workflows.Run) -> dict[str, str]:
    """Return the inputs that the stand-in printed."""
    return {name: value for name, _, value in (line.partition("=") for line in run.log if line.startswith("INPUT_"))}


@pytest.mark.parametrize("name", CASES)
def test_a_ready_workflow_asks_for_what_it_says(
    name: str, repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    event, payload, expected = CASES[name]
    repository.ready(name)
    repository.commit()
    run = repository.run(event, payload, environment=stand_in(SHOW), **HERE)
    assert given(run) == {**USUAL, **CONNECTION, **expected}, run.printed
    assert set(run.jobs.values()) == {"success"}


def test_an_apply_by_hand_is_of_the_spec_as_it_stands_unless_told_otherwise(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    repository.ready("manual-apply.yml")
    repository.commit()
    payload = events.dispatch({"environment": "production", "digest": DIGEST})
    run = repository.run("workflow_dispatch", payload, environment=stand_in(SHOW), **HERE)
    assert "INPUT_ENVIRONMENT" not in given(run)
    assert run.jobs == {"apply": "success"}, run.printed


@pytest.mark.parametrize(("ref", "runs"), [("refs/heads/main", True), ("refs/heads/change", False)])
def test_a_drift_is_looked_for_by_hand_on_the_default_branch_only(
    ref: str, runs: bool, repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    repository.ready("drift.yml")
    repository.commit()
    run = repository.run("workflow_dispatch", events.dispatch({}, ref=ref), environment=stand_in(SHOW), **HERE)
    assert (run.exit_code, given(run) != {}) == (0, runs), run.printed


def test_nothing_is_applied_by_hand_from_another_branch(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    repository.ready("manual-apply.yml")
    repository.commit()
    environment = stand_in(SHOW)
    for ref in ("refs/heads/change", "refs/tags/main"):
        payload = events.dispatch({"environment": "production", "digest": DIGEST}, ref=ref)
        run = repository.run("workflow_dispatch", payload, environment=environment, **HERE)
        assert (run.exit_code, given(run)) == (0, {}), run.printed


@pytest.mark.parametrize("name", ["plan.yml", "fork-plan.yml", "drift.yml", "fork-snapshot.yml"])
def test_what_runs_without_a_person_waits_for_none(name: str) -> None:
    described = yaml.safe_load((workflows.READY / name).read_text(encoding="utf-8"))
    assert [job for job in described["jobs"].values() if "environment" in job] == []


def test_every_ready_workflow_is_run_here() -> None:
    assert {path.name for path in workflows.READY.iterdir()} == {*CASES, "fork-snapshot.yml", "fork-plan.yml"}


def test_a_fork_is_planned_for_without_secrets_from_the_snapshot_of_main(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]], tmp_path: pathlib.Path
) -> None:
    kept = artifacts.Artifacts(tmp_path / "artifacts")
    repository.ready("plan.yml", "fork-snapshot.yml", "fork-plan.yml")
    repository.commit()
    environment = stand_in(f'{SHOW}; test "$INPUT_COMMAND" != snapshot || echo "{{}}" > "$INPUT_LIVE"')
    made = repository.run(
        "push",
        events.push(after=COMMIT),
        environment=environment,
        actions=kept.upload(),
        **HERE,
    )
    assert given(made) == {**USUAL, **CONNECTION, "INPUT_COMMAND": "snapshot", "INPUT_LIVE": "snapshot.json"}
    assert made.jobs == {"snapshot": "success"}, made.printed

    planned = repository.run("pull_request", FORK, environment=environment, search_path=[kept.gh()])
    inputs = given(planned)
    live = inputs.pop("INPUT_LIVE")
    assert live.endswith("/schedules/snapshot.json")
    assert inputs == {**USUAL, "INPUT_COMMAND": "plan", "INPUT_COMMENT": "false"}
    assert [line for line in planned.log if line.startswith("gh ")] == [
        "gh run download 42 --name schedules (acme/schedules)"
    ]
    assert planned.jobs == {"plan": "success"}, planned.printed

    dependabot = repository.run("pull_request", DEPENDABOT, environment=environment, search_path=[kept.gh()])
    assert given(dependabot)["INPUT_LIVE"].endswith("/schedules/snapshot.json")
    assert dependabot.jobs == {"plan": "success"}, dependabot.printed


def test_a_fork_without_a_snapshot_is_told_how_to_get_one(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]], tmp_path: pathlib.Path
) -> None:
    repository.ready("fork-plan.yml")
    repository.commit()
    none = artifacts.Artifacts(tmp_path / "artifacts")
    run = repository.run_in_vain("pull_request", FORK, environment=stand_in(SHOW), search_path=[none.gh()])
    expected = ("there is no snapshot to plan from; run fork-snapshot.yml on main first",)
    assert run.annotated("error") == expected, run.printed
    assert given(run) == {}


@pytest.mark.parametrize(
    ("name", "payload"), [("plan.yml", FORK), ("plan.yml", DEPENDABOT), ("fork-plan.yml", PULL_REQUEST)]
)
def test_a_pull_request_is_planned_for_by_one_of_the_two(
    name: str, payload: dict[str, object], repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    repository.ready(name)
    repository.commit()
    run = repository.run("pull_request", payload, environment=stand_in(SHOW), **HERE)
    assert given(run) == {}
    assert run.exit_code == 0
