"""The Action with several environments: one comment, one digest, and one environment after the other."""

from __future__ import annotations

import asyncio
import json
import pathlib
from collections.abc import Iterator

import pytest

from reconciler import published
from reconciler.documents import marks
from reconciler.plan import ports
from tests.support import github_server, job, program, remote, specs

HEAD, MERGED = "b" * 40, "c" * 40
SPEC = specs.ENVIRONMENTS


@pytest.fixture
def github() -> Iterator[github_server.GitHub]:
    with github_server.running() as served:
        served.hub.add_pull("Declare schedules", head_sha=HEAD)
        yield served


@pytest.fixture
def work(reconciler: program.Program, github: github_server.GitHub) -> job.Job:
    """A job of the pull request that declares the schedules."""
    reconciler.declare(SPEC)
    found = job.Job(run=reconciler, github=github)
    found.pull_request(1, sha=HEAD)
    return found


def body(github: github_server.GitHub) -> str:
    """Return the one comment."""
    [comment] = github.hub.comments_of(1)
    return comment.body


def digest(github: github_server.GitHub) -> str:
    mark = marks.find(body(github))
    assert mark
    return mark.digest


def merged(work: job.Job, github: github_server.GitHub, environment: str = "*") -> job.Job:
    """Plan, merge, and run for the merge from now on."""
    assert work.step("plan", environment=environment).code == 0
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    return work


@pytest.mark.parametrize("environment", ["*", "staging, production", "staging\nproduction"])
def test_one_comment_shows_all_environments_and_what_was_reviewed_is_applied_to_each(
    work: job.Job, github: github_server.GitHub, environment: str
) -> None:
    step = work.step("plan", environment=environment)
    document = json.loads(pathlib.Path(step.outputs["plan-file"]).read_text())
    assert list(published.violations("plans", document)) == []
    assert (step.code, step.outputs["changes"], step.outputs["creates"]) == (0, "true", "4")
    assert step.outputs["digest"] == document["digest"] == digest(github)
    assert "### Plan for 2 environments: 4 to create, 0 unchanged" in body(github)
    assert [line for line in body(github).splitlines() if line.startswith("#### ")] == [
        "#### `staging`: 2 to create, 0 unchanged",
        "#### `production`: 2 to create, 0 unchanged",
    ]
    assert "### Plan for 2 environments" in step.summary
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    applied = work.step("apply", environment=environment)
    assert (applied.code, applied.messages("error")) == (0, [])
    assert "### Applied to 2 environments\n" in body(github)
    assert "| `production` | applied: 2 done |" in body(github)
    assert digest(github) == ""
    assert (
        work.run.run("plan", "--environment", "*", "--owner", github.hub.repository, "--detailed-exitcode").returncode
        == 0
    )


def test_one_environment_by_name_is_planned_as_always(work: job.Job, github: github_server.GitHub) -> None:
    step = work.step("plan", environment="staging")
    assert step.outputs["summary"].startswith("Plan: 2 to create")
    assert "### Plan for `staging`: 2 to create" in body(github)


def test_a_change_in_any_environment_makes_the_review_stale_and_nothing_is_applied(
    work: job.Job, github: github_server.GitHub
) -> None:
    merged(work, github)
    work.run.declare(SPEC.replace("production: {}", "production: {defaults: {jitter: 5s}}"))
    step = work.step("apply", environment="*")
    assert (step.code, "not the one that was reviewed" in step.messages("error")[0]) == (5, True)
    assert "### Apply failed" in body(github)
    listed = work.run.run("plan", "--environment", "*", "--format", "json").stdout
    assert json.loads(listed)["counts"]["create"] == 4
    work.run.declare(SPEC)  # what was reviewed may still be applied
    assert work.step("apply", environment="*").code == 0


def test_the_comment_of_a_single_environment_is_no_review_of_all(work: job.Job, github: github_server.GitHub) -> None:
    merged(work, github, environment="staging")
    step = work.step("apply", environment="*")
    assert (step.code, "no reconciler comment with a plan for this target" in step.messages("error")[0]) == (5, True)


async def test_the_first_failure_is_reported_with_what_was_applied_and_what_was_not_started(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(SPEC + "    europe: {}\n")
    await asyncio.to_thread(merged, work, github)
    server = await remote.connected(work.run.address, work.run.namespace)
    lease = await server.lock("production:").acquire(ports.Holder(who="alice@laptop"))
    step = await asyncio.to_thread(work.step, "apply", environment="*")
    assert (step.code, "locked by alice@laptop" in step.messages("error")[0]) == (6, True)
    assert "### Applied in part to 3 environments" in body(github)
    rows = [line.split(" | ")[:2] for line in body(github).splitlines() if line.startswith("| `")]
    assert rows == [
        ["| `staging`", "applied: 2 done"],
        ["| `preview`", "disabled"],
        ["| `production`", "failed"],
        ["| `europe`", "not started"],
    ]
    assert "locked by alice@laptop" in body(github)
    assert sorted(await server.schedules.ids()) == ["staging:community", "staging:ops"]
    await lease.release()
    again = await asyncio.to_thread(work.step, "apply", environment="*", require_reviewed_plan="warn")
    assert again.code == 0


def test_a_guard_that_will_refuse_is_named_with_its_environment(work: job.Job, github: github_server.GitHub) -> None:
    assert merged(work, github).step("apply", environment="*").code == 0
    github.hub.add_pull("Pause production", head_sha="d" * 40)
    work.run.declare(SPEC.replace("production: {}", "production: {defaults: {paused: true}}"))
    work.pull_request(2, sha="d" * 40)
    step = work.step("plan", environment="*")
    assert step.code == 0
    [comment] = github.hub.comments_of(2)
    assert "apply will refuse this: environment 'production': " in comment.body
    assert any("environment 'production'" in message for message in step.messages("warning"))


def test_an_invalid_selection_is_reported_in_the_earlier_comment(work: job.Job, github: github_server.GitHub) -> None:
    assert work.step("plan", environment="*").code == 0
    work.run.declare(SPEC.replace('"${environment}:"', '"acme:"'))
    step = work.step("plan", environment="*")
    assert (step.code, "both manage acme:*" in step.messages("error")[0]) == (3, True)
    assert "### Plan failed" in body(github)


def test_all_environments_are_validated(work: job.Job) -> None:
    step = work.step("validate", environment="*")
    assert (step.code, step.outputs["summary"]) == (
        0,
        ".cogni/repo-spec.yaml: valid in 3 environments (staging, preview, production), 2 charters",
    )


def test_other_commands_accept_one_environment(work: job.Job) -> None:
    step = work.step("drift", environment="staging production")
    assert (step.code, "input 'environment' specifies several environments" in step.messages("error")[0]) == (64, True)


def test_where_all_are_disabled_there_is_nothing_to_do(work: job.Job, github: github_server.GitHub) -> None:
    kept = work.run.folder / "plan.json"
    assert work.step("plan", environment="*", plan_file=str(kept)).code == 0
    assert kept.exists()
    work.run.declare(
        SPEC.replace("{charters", "{enabled: false, charters").replace("tion: {}", "tion: {enabled: false}")
    )
    step = work.step("plan", environment="*", plan_file=str(kept))
    assert (step.code, step.outputs["summary"].startswith("nothing to do: environment 'staging' is disabled")) == (
        0,
        True,
    )
    assert "### Nothing to do" in body(github)
    assert (step.outputs["plan-file"], kept.exists()) == ("", False)
