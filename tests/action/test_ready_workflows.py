"""The workflows to copy, run as they stand: what each asks of the program, and in which cases it runs at all.

A script stands in the program's place and prints its inputs.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable

import pytest

from tests.support import act as workflows
from tests.support import events

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
    "INPUT_ALLOW_EMPTY_NAMESPACE": "false",
    "INPUT_ALLOW_MASS_PAUSE": "false",
    "INPUT_ALLOW_PLAINTEXT": "false",
    "INPUT_COMMENT": "true",
    "INPUT_GITHUB_TOKEN": workflows.TOKEN,
    "INPUT_KEEP_MANUAL_PAUSES": "false",
    "INPUT_LOCK": "auto",
    "INPUT_REQUIRE_REVIEWED_PLAN": "warn",
    "INPUT_SPEC": ".cogni/repo-spec.yaml",
}
COMMIT = "1" * 40
PULL_REQUEST = events.pull_request(7, head=COMMIT, base=COMMIT)
FORK = events.pull_request(7, head=COMMIT, base=COMMIT, fork="somebody/schedules")
DIGEST = f"sha256:{COMMIT}"

CASES = {
    "plan.yml": ("pull_request", PULL_REQUEST, {"INPUT_COMMAND": "plan"}),
    "apply.yml": (
        "push",
        events.push(after=COMMIT),
        {"INPUT_COMMAND": "apply", "INPUT_REQUIRE_REVIEWED_PLAN": "true"},
    ),
    "drift.yml": ("schedule", events.schedule(), {"INPUT_COMMAND": "drift"}),
    "manual-apply.yml": (
        "workflow_dispatch",
        events.dispatch({"environment": "staging", "digest": DIGEST}),
        {
            "INPUT_COMMAND": "apply",
            "INPUT_COMMENT": "false",
            "INPUT_ENVIRONMENT": "staging",
            "INPUT_EXPECT_DIGEST": DIGEST,
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


def test_every_ready_workflow_is_run_here() -> None:
    assert {path.name for path in workflows.READY.iterdir()} == {*CASES, "fork-snapshot.yml", "fork-plan.yml"}


def test_a_fork_is_planned_for_without_secrets_from_the_snapshot_of_main(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]], tmp_path: pathlib.Path
) -> None:
    artifacts = tmp_path / "artifacts"
    artifacts.mkdir()
    repository.ready("plan.yml", "fork-snapshot.yml", "fork-plan.yml")
    repository.commit()
    environment = stand_in(f'{SHOW}; test "$INPUT_COMMAND" != snapshot || echo "{{}}" > "$INPUT_LIVE"')
    made = repository.run(
        "push",
        events.push(after=COMMIT),
        environment=environment,
        actions={_upload(): _uploads_to(artifacts, tmp_path / "upload")},
        **HERE,
    )
    assert given(made) == {**USUAL, **CONNECTION, "INPUT_COMMAND": "snapshot", "INPUT_LIVE": "snapshot.json"}
    assert made.jobs == {"snapshot": "success"}, made.printed

    planned = repository.run(
        "pull_request", FORK, environment=environment, search_path=[_gh(artifacts, tmp_path / "bin")]
    )
    inputs = given(planned)
    live = inputs.pop("INPUT_LIVE")
    assert live.endswith("/schedules/snapshot.json")
    assert inputs == {**USUAL, "INPUT_COMMAND": "plan", "INPUT_COMMENT": "false"}
    assert [line for line in planned.log if line.startswith("gh ")] == [
        "gh run download 42 --name schedules (acme/schedules)"
    ]
    assert planned.jobs == {"plan": "success"}, planned.printed


def test_a_fork_without_a_snapshot_is_told_how_to_get_one(
    repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "none").mkdir()
    repository.ready("fork-plan.yml")
    repository.commit()
    run = repository.run(
        "pull_request", FORK, environment=stand_in(SHOW), search_path=[_gh(tmp_path / "none", tmp_path / "bin")]
    )
    assert run.annotated("error") == ("there is no snapshot to plan from; let fork-snapshot.yml run on main",)
    assert given(run) == {}


@pytest.mark.parametrize(("name", "payload"), [("plan.yml", FORK), ("fork-plan.yml", PULL_REQUEST)])
def test_a_pull_request_is_planned_for_by_one_of_the_two(
    name: str, payload: dict[str, object], repository: workflows.Repository, stand_in: Callable[[str], dict[str, str]]
) -> None:
    repository.ready(name)
    repository.commit()
    run = repository.run("pull_request", payload, environment=stand_in(SHOW), **HERE)
    assert given(run) == {}
    assert run.exit_code == 0


def _upload() -> str:
    text = (workflows.READY / "fork-snapshot.yml").read_text(encoding="utf-8")
    return re.findall(r"actions/upload-artifact@\w+", text)[0]  # type: ignore[no-any-return]


def _uploads_to(artifacts: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """Make an action that keeps an artifact in a folder."""
    place.mkdir()
    (place / "action.yml").write_text(
        "inputs: {name: {}, path: {}, if-no-files-found: {}}\n"
        "runs:\n"
        "  using: composite\n"
        "  steps:\n"
        "    - shell: bash\n"
        f"      run: mkdir {artifacts}/$NAME; cp $PLACE {artifacts}/$NAME/\n"
        "      env: {NAME: '${{ inputs.name }}', PLACE: '${{ inputs.path }}'}\n",
        encoding="utf-8",
    )
    return place


def _gh(artifacts: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """Make a `gh` that knows one run when there are artifacts, and downloads them; return its folder."""
    place.mkdir()
    (place / "gh").write_text(
        "#!/usr/bin/env bash\n"
        'test -n "$GH_TOKEN" || exit 4\n'
        'if [ "$2" = list ]; then\n'
        f"  test -z \"$(ls '{artifacts}')\" || echo 42\n"
        "else\n"
        '  echo "gh $1 $2 $3 $4 $5 ($GH_REPO)"\n'
        f'  mkdir -p "$7" && cp "{artifacts}/$5/"* "$7"\n'
        "fi\n",
        encoding="utf-8",
    )
    (place / "gh").chmod(0o755)
    return place
