"""The ready workflows end to end: the real action under act, the real Temporal server, GitHub's API on loopback."""

from __future__ import annotations

import pathlib
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reconciler.documents import marks
from tests.support import act as workflows
from tests.support import action, artifacts, events, github_hub, github_server, program
from tools import devserver

TOKEN = workflows.TOKEN
THREE = (
    "governance:\n  schedules:\n"
    "    - {charter: A, cron: '0 1 * * *', entrypoint: E}\n"
    "    - {charter: B, cron: '0 2 * * *', entrypoint: E}\n"
    "    - {charter: C, cron: '0 3 * * *', entrypoint: E}\n"
)
CHANGED = THREE.replace("'0 1", "'30 1")
Run = Callable[..., workflows.Run]


@pytest.fixture
def github() -> Iterator[github_server.GitHub]:
    with github_server.running() as served:
        served.hub.tokens[TOKEN] = served.hub.tokens[github_hub.JOB]
        yield served


@pytest.fixture
def run(
    repository: workflows.Repository,
    reconciler: program.Program,
    github: github_server.GitHub,
    dev_server: devserver.DevServer,
) -> Run:
    """Runs a ready workflow in a repository whose three charters are applied already."""
    repository.declare(THREE)
    repository.ready("plan.yml", "apply.yml", "drift.yml", "manual-apply.yml")
    reconciler.declare(THREE)
    assert reconciler.run("apply", "--yes", "--owner", github.hub.repository).returncode == 0
    numbers = iter(range(100, 200))

    def started(event: str, payload: dict[str, Any], workflow: str, **more: Any) -> workflows.Run:
        head = payload["pull_request"]["head"]["sha"] if "pull_request" in payload else repository.head()
        where = here()
        number = int(where["environment"]["GITHUB_RUN_ID"])
        github.hub.action_runs[number] = (f".github/workflows/{workflow}", head)
        where["environment"]["GITHUB_WORKFLOW_REF"] = (
            f"{github.hub.repository}/.github/workflows/{workflow}@refs/heads/main"
        )
        return repository.run(event, payload, workflow=workflow, **where, **more)

    def here() -> dict[str, Any]:
        return {
            "variables": {"TEMPORAL_ADDRESS": dev_server.address, "TEMPORAL_NAMESPACE": reconciler.namespace},
            "secrets": {"TEMPORAL_API_KEY": ""},
            "environment": {
                "GITHUB_API_URL": github.api_url,
                "GITHUB_RUN_ID": str(next(numbers)),
                "TEMPORAL_CONFIG_FILE": "/dev/null",
                "TEMPORAL_TLS": "false",
            },
        }

    return started


def pull_request(repository: workflows.Repository, github: github_server.GitHub) -> dict[str, Any]:
    """Commit the change in a pull request, and return the event."""
    base = repository.commit()
    repository.declare(CHANGED)
    head = repository.commit()
    number = github.hub.add_pull("Change a cron", head_sha=head).number
    return dict(events.pull_request(number, head=head, base=base))


def body(github: github_server.GitHub) -> str:
    [comment] = github.hub.comments.values()
    return comment.body


def mark(github: github_server.GitHub) -> marks.Mark:
    found = marks.find(body(github))
    assert found is not None
    return found


def merged(repository: workflows.Repository, github: github_server.GitHub) -> dict[str, Any]:
    """Merge the pull request, and return the event of the push."""
    sha = repository.commit("merge")
    github.hub.merge(1, sha)
    return dict(events.push(after=sha))


def test_a_pull_request_shows_its_plan_and_the_merge_applies_it(
    repository: workflows.Repository, github: github_server.GitHub, run: Run, reconciler: program.Program
) -> None:
    planned = run("pull_request", pull_request(repository, github), "plan.yml")
    assert planned.jobs == {"plan": "success"}, planned.printed
    assert (planned.outputs["changes"], planned.outputs["updates"]) == ("true", "1")
    assert planned.outputs["digest"] == mark(github).digest
    assert [each.properties["line"] for each in planned.annotations if each.level == "notice"] == ["3"]
    [warning] = [each.message for each in planned.annotations if each.level == "warning"]
    assert warning.startswith("no worker polls task queue 'scheduler-tasks'")
    assert "### Plan: 1 to update, 2 unchanged" in planned.summary

    applied = run("push", merged(repository, github), "apply.yml")
    assert applied.jobs == {"apply": "success"}, applied.printed
    assert ("### Applied: 1 done" in body(github), mark(github).digest) == (True, "")
    reconciler.declare(CHANGED)
    assert reconciler.run("plan", "--detailed-exitcode", "--owner", github.hub.repository).returncode == 0


def test_the_ten_lines_of_the_readme_plan_and_apply(
    repository: workflows.Repository, github: github_server.GitHub, run: Run, reconciler: program.Program
) -> None:
    [lines] = re.findall(
        r"^```yml\n(.*?)^```", (action.ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    repository.workflow(lines, "schedules.yml")
    planned = run("pull_request", pull_request(repository, github), "schedules.yml")
    assert (planned.jobs, planned.outputs["updates"]) == ({"schedules": "success"}, "1"), planned.printed
    applied = run("push", merged(repository, github), "schedules.yml")
    assert (applied.jobs, applied.annotated("warning")) == ({"schedules": "success"}, ()), applied.printed
    assert "### Applied: 1 done" in body(github)
    reconciler.declare(CHANGED)
    assert reconciler.run("plan", "--detailed-exitcode", "--owner", github.hub.repository).returncode == 0


@pytest.mark.slow
def test_what_changed_on_the_server_since_the_review_is_not_applied(
    repository: workflows.Repository,
    github: github_server.GitHub,
    run: Run,
    dev_server: devserver.DevServer,
    reconciler: program.Program,
) -> None:
    assert run("pull_request", pull_request(repository, github), "plan.yml").exit_code == 0
    dev_server.cli(
        *("schedule", "toggle", "--schedule-id", "governance:b", "--pause", "--reason", "incident"),
        *("--namespace", reconciler.namespace),
    )
    applied = run("push", merged(repository, github), "apply.yml")
    assert (applied.jobs, applied.outputs["exit-code"]) == ({"apply": "failure"}, "5"), applied.printed
    assert "the plan is not the one that was reviewed" in applied.annotated("error")[0]
    assert "### Apply failed" in body(github)
    reconciler.declare(THREE)
    still = reconciler.run("plan", "--owner", github.hub.repository).stdout
    assert ("governance:a" in still, "governance:b" in still) == (False, True)


@pytest.mark.slow
def test_a_comment_that_somebody_forged_is_passed_over(
    repository: workflows.Repository, github: github_server.GitHub, run: Run
) -> None:
    event = pull_request(repository, github)
    assert run("pull_request", event, "plan.yml").exit_code == 0
    forged = body(github)
    github.hub.comments.clear()
    github.hub.add_comment(1, forged, author="mallory")
    applied = run("push", merged(repository, github), "apply.yml")
    assert applied.outputs["exit-code"] == "5", applied.printed
    assert "no reconciler comment" in applied.annotated("error")[0]


@pytest.mark.slow
def test_a_drift_opens_an_issue_updates_it_closes_it_and_opens_it_again(
    repository: workflows.Repository, github: github_server.GitHub, run: Run
) -> None:
    more = CHANGED.replace("'0 2", "'30 2")
    seen = []
    for text, is_open, messages in (
        (CHANGED, True, "1 to update, 2 unchanged"),
        (more, True, "2 to update, 1 unchanged"),
        (THREE, False, "No drift"),
        (CHANGED, True, "1 to update, 2 unchanged"),
    ):
        repository.declare(text)
        repository.commit()
        drift = run("schedule", dict(events.schedule()), "drift.yml")
        assert drift.jobs == {"drift": "success"}, drift.printed
        [issue] = github.hub.issues.values()
        assert (issue.is_open, messages in issue.body) == (is_open, True), issue.body
        seen.append(marks.find(issue.body))
    opened, updated, _, again = (mark.since for mark in seen if mark)
    assert opened is not None
    assert again is not None
    assert (opened == updated, opened < again) == (True, True)


@pytest.mark.slow
def test_an_apply_by_hand_does_the_plan_of_its_digest_and_no_other(
    repository: workflows.Repository, github: github_server.GitHub, run: Run, reconciler: program.Program
) -> None:
    planned = run("pull_request", pull_request(repository, github), "plan.yml")
    assert planned.jobs == {"plan": "success"}, planned.printed
    merged(repository, github)

    def by_hand(digest: str) -> workflows.Run:
        payload = events.dispatch({"environment": "production", "spec-environment": "", "digest": digest})
        return run("workflow_dispatch", dict(payload), "manual-apply.yml")

    refused = by_hand("sha256:" + "0" * 64)
    assert (refused.jobs, refused.outputs["exit-code"]) == ({"apply": "failure"}, "5"), refused.printed
    reconciler.declare(CHANGED)
    left = ("plan", "--detailed-exitcode", "--owner", github.hub.repository)
    assert reconciler.run(*left).returncode == 2
    applied = by_hand(planned.outputs["digest"])
    assert (applied.jobs, applied.outputs["exit-code"]) == ({"apply": "success"}, "0"), applied.printed
    assert reconciler.run(*left).returncode == 0


def test_a_fork_is_shown_its_plan_from_the_snapshot_of_main(
    repository: workflows.Repository, github: github_server.GitHub, run: Run, tmp_path: pathlib.Path
) -> None:
    kept = artifacts.Artifacts(tmp_path / "artifacts")
    repository.ready("fork-snapshot.yml", "fork-plan.yml")
    base = repository.commit()
    made = run("push", dict(events.push(after=base)), "fork-snapshot.yml", actions=kept.upload())
    assert made.jobs == {"snapshot": "success"}, made.printed

    repository.declare(CHANGED)
    head = repository.commit()
    number = github.hub.add_pull("Change a cron", head_sha=head, author="mallory").number
    github.hub.tokens[TOKEN] = github.hub.tokens[github_hub.FORK]
    planned = repository.run(
        "pull_request",
        events.pull_request(number, head=head, base=base, fork="mallory/schedules"),
        workflow="fork-plan.yml",
        environment={"GITHUB_API_URL": github.api_url, "TEMPORAL_CONFIG_FILE": ""},
        search_path=[kept.gh()],
    )
    assert (planned.jobs, planned.outputs["updates"]) == ({"plan": "success"}, "1"), planned.printed
    assert "### Plan: 1 to update, 2 unchanged" in planned.summary
    assert [(each.level, each.properties["line"]) for each in planned.annotations] == [("notice", "3")]
    assert (planned.outputs["comment-url"], github.hub.comments) == ("", {})


def test_no_token_and_no_server_are_clear_errors(
    repository: workflows.Repository, github: github_server.GitHub, run: Run
) -> None:
    event = pull_request(repository, github)
    github.hub.tokens.pop(TOKEN)
    refused = run("pull_request", event, "plan.yml")
    assert (refused.jobs, refused.outputs["exit-code"]) == ({"plan": "failure"}, "1")
    assert "use the job's own token" in refused.annotated("error")[-1], refused.printed
    environment = {"GITHUB_API_URL": github.api_url, "TEMPORAL_CONFIG_FILE": ""}
    nowhere = repository.run_in_vain("pull_request", event, workflow="plan.yml", environment=environment)
    assert (nowhere.jobs, nowhere.outputs["exit-code"]) == ({"plan": "failure"}, "64")
    assert "TEMPORAL_ADDRESS is not set" in nowhere.annotated("error")[0], nowhere.printed


def test_a_cancelled_apply_ends_in_order(
    repository: workflows.Repository, github: github_server.GitHub, dev_server: devserver.DevServer, namespace: str
) -> None:
    many = "".join(f"    - {{charter: C{n}, cron: '{n % 60} {n // 60} * * *', entrypoint: E}}\n" for n in range(300))
    repository.declare("governance:\n  schedules:\n" + many)
    repository.ready("apply.yml")
    sha = repository.commit()
    github.hub.add_pull("Many", head_sha="e" * 40, merge_commit_sha=sha)
    text = (workflows.READY / "apply.yml").read_text(encoding="utf-8").replace('plan: "true"', 'plan: "false"')
    repository.workflow(text, "apply.yml")
    github.hub.advance("main", repository.commit())
    started = repository.start(
        "push",
        dict(events.push(after=sha)),
        workflow="apply.yml",
        variables={"TEMPORAL_ADDRESS": dev_server.address, "TEMPORAL_NAMESPACE": namespace},
        environment={"GITHUB_API_URL": github.api_url, "TEMPORAL_TLS": "false", "TEMPORAL_CONFIG_FILE": "/dev/null"},
    )
    started.wait_for("governance:c0 created")
    assert started.cancel() == signal.SIGINT
    run = started.wait()
    assert run.outputs["exit-code"] == "130", run.printed
    assert "### Applied in part: " in run.summary
