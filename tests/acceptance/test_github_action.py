"""The Action's program as a job runs it: on the real Temporal server, and GitHub's API on a loopback server."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import signal
import subprocess
from collections.abc import Iterator

import pytest

from reconciler.documents import marks
from reconciler.github import client
from tests.support import github_client, github_hub, github_routes, github_server, job, program, remote

HEAD, MERGED = "b" * 40, "c" * 40


def spec(*crons: str) -> str:
    lines = [f"    - {{charter: C{n}, cron: '{cron}', entrypoint: E}}\n" for n, cron in enumerate(crons)]
    return "governance:\n  schedules:\n" + "".join(lines)


THREE = spec("0 1 * * *", "0 2 * * *", "0 3 * * *")
CHANGED = spec("30 1 * * *", "0 2 * * *", "0 3 * * *")


@pytest.fixture
def github() -> Iterator[github_server.GitHub]:
    with github_server.running() as served:
        served.hub.add_pull("Change a cron", head_sha=HEAD)
        yield served


@pytest.fixture
def work(reconciler: program.Program, github: github_server.GitHub) -> job.Job:
    """A job in a repository with three charters, which are applied already."""
    reconciler.declare(THREE)
    assert reconciler.run("apply", "--yes", "--owner", github.hub.repository).returncode == 0
    return job.Job(run=reconciler, github=github)


def bodies(github: github_server.GitHub, number: int = 1) -> list[str]:
    return [each.body for each in github.hub.comments_of(number)]


def digest_in(body: str) -> str:
    mark = marks.find(body)
    assert mark is not None
    return mark.digest


def test_a_pull_request_gets_comment_annotations_outputs_and_summary(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    step = work.step("plan")
    plan_file = pathlib.Path(step.outputs["plan-file"])
    document = json.loads(plan_file.read_text())
    assert (step.code, step.outputs["exit-code"], step.outputs["changes"]) == (0, "0", "true")
    assert {name: step.outputs[name] for name in ("creates", "updates", "resumes", "pauses", "unchanged")} == {
        "creates": "0", "updates": "1", "resumes": "0", "pauses": "0", "unchanged": "2",
    }  # fmt: skip
    assert step.outputs["digest"] == document["digest"]
    assert step.outputs["summary"] == "Plan: 0 to create, 1 to update, 0 to resume, 0 to pause, 2 unchanged."
    [body] = bodies(github)
    assert digest_in(body) == document["digest"]
    assert f"commit `{HEAD[:12]}`" in body
    assert step.outputs["comment-url"].endswith(f"#issuecomment-{github.hub.comments_of(1)[0].id}")
    assert "### Plan: 1 to update, 2 unchanged" in step.summary
    workers, *changes = step.annotations
    assert workers[::2] == (
        "warning",
        "no worker polls task queue 'scheduler-tasks', so runs of 3 charters (C0, C1, C2) will wait; "
        "start a worker there: reconciler worker --task-queue scheduler-tasks",
    )
    assert changes == [
        (
            "notice",
            "file=.cogni/repo-spec.yaml,line=3,col=7,title=update governance%3Ac0",
            'will be updated (differs from the spec)\ncron: "0 1 * * *" → "30 1 * * *"',
        ),
    ]


async def test_an_active_schedule_that_starts_no_runs_is_a_warning_at_its_charter(work: job.Job) -> None:
    raw = await remote.raw(work.run.address, work.run.namespace)
    await raw.create("governance:stuck", remote.never_starting("stuck"))
    work.run.declare(THREE + "    - {charter: STUCK, intervals: [{every: 1s}], entrypoint: E}\n")
    work.pull_request(1, sha=HEAD)
    where = "file=.cogni/repo-spec.yaml,line=6,col=7,title=overdue governance%3Astuck"

    async def is_annotated() -> bool:
        return any(each[:2] == ("warning", where) for each in work.step("plan").annotations)

    await remote.until(is_annotated)


def test_the_comment_is_edited_in_place_and_says_when_nothing_is_left(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.pull_request(1, sha=HEAD)
    assert (work.step("plan").outputs["comment-url"], bodies(github)) == ("", [])  # nothing to say
    for text, title in ((CHANGED, "Plan: 1 to update, 2 unchanged"), (THREE, "Plan: no changes, 3 unchanged")):
        work.run.declare(text)
        assert work.step("plan").code == 0
        [body] = bodies(github)
        assert f"### {title}\n" in body


def test_environments_have_comments_of_their_own(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED + "  environments: {staging: {charters: {C1: {cron: '5 * * * *'}}}}\n")
    work.pull_request(1, sha=HEAD)
    for environment in ("", "staging", "", "staging"):
        assert work.step("plan", environment=environment).code == 0
    assert ["for `staging`" in body for body in bodies(github)] == [False, True]


def test_a_forged_comment_with_our_marker_is_not_ours(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    [ours] = github.hub.comments_of(1)
    forged = github.hub.add_comment(1, ours.body.replace(digest_in(ours.body), "sha256:" + "0" * 64), author="mallory")
    del github.hub.comments[ours.id]
    assert work.step("plan").code == 0
    assert [each.author for each in github.hub.comments_of(1)] == ["mallory", github_hub.BOT]
    assert github.hub.comments[forged.id].body == forged.body


@pytest.mark.parametrize("key", ["", "a-secret-key"])
def test_an_absurd_run_number_does_not_suppress_the_plan(work: job.Job, github: github_server.GitHub, key: str) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    [ours] = github.hub.comments_of(1)
    shown = digest_in(ours.body)
    mark = marks.find(ours.body)
    assert mark is not None
    absurd = marks.dumps(dataclasses.replace(mark, run=10**18, digest="sha256:" + "0" * 64))
    ours.body = f"{absurd}\n\necho"
    assert work.step("plan", marker_key=key).code == 0
    assert bodies(github)[-1].count(shown) == 2


FORGERIES = {
    "absurd run": {"run": 10**18},
    "run of another workflow": {"run": 7},
    "run of another pull request": {"run": 8},
    "commit of another pull request": {"commit": "9" * 40},
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_workflow_that_echoes_our_marker_does_not_make_a_review(
    work: job.Job, github: github_server.GitHub, forgery: str
) -> None:
    reviewed(work, github)
    github.hub.action_runs[7] = (".github/workflows/echo.yml", HEAD)
    github.hub.action_runs[8] = (work.workflow, "9" * 40)
    [comment] = github.hub.comments_of(1)
    mark = marks.find(comment.body)
    assert mark is not None
    comment.body = marks.dumps(dataclasses.replace(mark, **FORGERIES[forgery]))  # type: ignore[arg-type]
    for _ in range(2):  # a report of the first refusal must not make it a mark of ours
        step = work.step("apply", require_reviewed_plan="true")
        assert (step.code, left(work, github)) == (5, 2)
        assert "was not written by a run of schedules.yml" in step.messages("error")[0]


def test_marks_that_contradict_each_other_stay_no_review(work: job.Job, github: github_server.GitHub) -> None:
    reviewed(work, github)
    [comment] = github.hub.comments_of(1)
    forged = re.sub(r"sha256:\w+", "sha256:" + "0" * 64, comment.body)
    github.hub.add_comment(1, forged, author=github_hub.BOT)
    for _ in range(2):
        step = work.step("apply")
        assert (step.code, left(work, github)) == (5, 2)
        assert "comments on pull request 1 contradict each other" in step.messages("error")[0]


def test_without_the_key_of_a_signed_plan_there_is_no_review(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan", marker_key="k").code == 0
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    for _ in range(2):
        step = work.step("apply")
        assert (step.code, left(work, github)) == (5, 2)
        assert "is signed with a marker-key, but this run has none" in step.messages("error")[0]
    assert work.step("apply", marker_key="k").code == 0


def test_with_a_key_only_what_was_signed_with_it_in_this_pull_request_is_a_review(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan", marker_key="k").code == 0
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    [comment] = github.hub.comments_of(1)
    signed = comment.body
    other = github.hub.add_pull("Another", head_sha="9" * 40, merge_commit_sha=NEWER)
    replayed = github.hub.add_comment(other.number, signed, author=github_hub.BOT)
    work.push(NEWER)
    assert work.step("apply", marker_key="k").code == 5
    assert github.hub.comments[replayed.id].body == signed
    github.hub.branches["main"].remove(NEWER)
    work.push(MERGED)
    mark = marks.find(signed)
    assert mark
    elsewhere = marks.dumps(mark, marks.key_for("acme/other", "k"))  # of a repository that has the same key
    changed = re.sub(r"sha256:\w+", "sha256:" + "0" * 64, signed)
    for forged in (changed, re.sub(r', "mac": "\w+"', "", signed), elsewhere):
        comment.body = forged
        step = work.step("apply", marker_key="k")
        assert (step.code, "no reconciler comment" in step.messages("error")[0], comment.body) == (5, True, forged)
    comment.body = signed
    assert work.step("apply", marker_key="other").code == 5
    step = work.step("apply", marker_key="k")
    assert (step.code, left(work, github), step.messages("warning")) == (0, 0, [])


def test_a_plan_of_another_workflow_is_a_review_when_it_is_named(work: job.Job, github: github_server.GitHub) -> None:
    reviewed(work, github)
    work.workflow = ".github/workflows/apply.yml"
    assert work.step("apply").code == 5
    assert work.step("apply", plan_workflow="schedules.yml").code == 0


def test_the_hundred_and_first_comment_is_found(work: job.Job, github: github_server.GitHub) -> None:
    for number in range(100):
        github.hub.add_comment(1, f"chatter {number}")
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    for _ in range(2):
        assert work.step("plan").code == 0
    assert len(bodies(github)) == 101


def test_two_runs_that_comment_at_once_leave_one_comment(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    prepared = [work.prepared("plan") for _ in range(4)]
    running = [
        subprocess.Popen(work.command(), cwd=work.run.folder, env=each, stdout=subprocess.PIPE, text=True)
        for each in prepared
    ]
    assert [process.wait(timeout=program.TIMEOUT) for process in running] == [0] * 4
    [body] = bodies(github)
    assert marks.find(body) is not None
    for process in running:
        process.communicate()


def test_an_older_run_does_not_write_over_a_newer_one(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    [newer] = bodies(github)
    work.number = 10
    assert work.step("plan").code == 0
    assert bodies(github) == [newer]


def test_an_update_that_github_drops_without_a_word_is_found_out(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    work.run.declare(spec("45 1 * * *", "0 2 * * *", "0 3 * * *"))
    [comment] = github.hub.comments_of(1)
    kept = comment.body
    github.inject("GET", f"/issues/comments/{comment.id}", _as_before(github, comment.id), times=3)
    step = work.step("plan")
    assert (step.code, step.outputs["exit-code"]) == (1, "1")
    assert "does not contain what was written" in step.log
    assert kept != bodies(github)[0]


def _as_before(github: github_server.GitHub, comment_id: int) -> github_server.Fault:
    """Return the answer that shows a comment as it is now, whatever is written to it afterwards."""
    with github_client.opened(github) as hub:
        comment = hub.comment(comment_id)
    data = {"id": comment.id, "body": comment.body, "user": {"login": comment.author}, "html_url": comment.url}
    return github_routes.Answer(status=200, data=data)


def test_an_invalid_spec_is_annotated_and_the_old_plan_is_no_longer_shown(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    broken = spec("0 25 * * *", "60 1 * * *")
    columns = [line.index(wrong) + 1 for line, wrong in zip(broken.splitlines()[2:], ("25", "60"), strict=True)]
    work.run.declare(broken)
    step = work.step("plan")
    assert (step.code, step.outputs["exit-code"], step.outputs["changes"]) == (3, "3", "")
    assert [(level, properties) for level, properties, _ in step.annotations] == [
        ("error", f"file=.cogni/repo-spec.yaml,line=3,col={columns[0]},title=invalid repo-spec"),
        ("error", f"file=.cogni/repo-spec.yaml,line=4,col={columns[1]},title=invalid repo-spec"),
    ]
    assert "'25' is not a valid hour" in step.summary
    [body] = bodies(github)
    assert ("### Plan failed" in body, digest_in(body)) == (True, "")


def test_validate_needs_no_server_and_no_token(work: job.Job) -> None:
    work.token = ""
    step = work.step("validate", variables={"TEMPORAL_ADDRESS": "127.0.0.1:1"})
    assert (step.code, step.outputs["summary"]) == (0, ".cogni/repo-spec.yaml: valid, 3 charters")
    work.run.declare(spec("0 25 * * *"))
    assert work.step("validate").code == 3


def test_wrong_inputs_are_told_all_at_once(work: job.Job) -> None:
    step = work.step("plan", lock="maybe", tls="perhaps")
    assert (step.code, step.outputs["exit-code"]) == (64, "64")
    [messages] = step.messages("error")
    assert ("'lock'" in messages, "'tls'" in messages) == (True, True)


def test_the_log_level_shows_calls_and_no_secret(work: job.Job) -> None:
    step = work.step("plan", log_level="debug", api_key="hunter2", tls="false")
    assert (step.code, "Debug: DescribeSchedule schedule=governance:c0 status=OK" in step.log) == (0, True)
    assert "debug:" not in work.step("plan").log
    assert work.step("plan", log_level="loud").code == 64
    assert work.step("snapshot").messages("error")[0].startswith("input 'live' is empty")


def test_a_server_that_is_away_is_a_clear_error(work: job.Job) -> None:
    work.pull_request(1, sha=HEAD)
    step = work.step("plan", address="127.0.0.1:1")
    assert (step.code, step.outputs["exit-code"]) == (1, "1")
    assert "cannot reach Temporal at 127.0.0.1:1" in step.messages("error")[0]
    assert "cannot reach Temporal at 127.0.0.1:1" in step.summary


@pytest.mark.parametrize("fault", ["locked", "limited"])
def test_an_apply_that_cannot_be_told_in_the_comment_is_an_apply_all_the_same(
    work: job.Job, github: github_server.GitHub, fault: str
) -> None:
    reviewed(work, github)
    answer = (
        github_server.failing(403, "Issue is locked") if fault == "locked" else github_server.exhausted(seconds=3600)
    )
    github.inject("PATCH", "/issues/comments/", answer, times=9)
    step = work.step("apply", require_reviewed_plan="true")
    assert (step.code, step.outputs["exit-code"], step.messages("error")) == (0, "0", [])
    assert step.outputs["summary"] == "Applied: 0 created, 1 updated, 0 resumed, 0 paused."
    assert step.messages("warning")[0].startswith("applied, but the comment could not be updated: ")
    assert ("### Applied: 1 done" in step.summary, "failed" in step.summary) == (True, False)


def test_an_apply_that_wrote_nothing_does_not_use_up_the_review(work: job.Job, github: github_server.GitHub) -> None:
    shown = reviewed(work, github)
    away = work.step("apply", require_reviewed_plan="true", address="127.0.0.1:1")
    assert (away.code, "### Apply failed" in bodies(github)[0], digest_in(bodies(github)[0])) == (1, True, shown)
    assert work.step("apply", require_reviewed_plan="true").code == 0
    assert "### Applied: 1 done" in bodies(github)[0]


def test_a_failure_in_one_namespace_leaves_the_comment_of_another_alone(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    [before] = bodies(github)
    assert work.step("plan", namespace="nowhere").code == 1
    assert bodies(github) == [before]


@pytest.mark.parametrize("is_merged", [False, True])
def test_a_pull_request_is_applied_when_it_is_merged_only(
    work: job.Job, github: github_server.GitHub, is_merged: bool
) -> None:
    reviewed(work, github)
    work.pull_request(1, sha=HEAD)
    pull = {**work.payload["pull_request"], "merged": is_merged, "merge_commit_sha": MERGED}
    work.payload = {**work.payload, "pull_request": pull}
    step = work.step("apply", require_reviewed_plan="true")
    assert (step.code, "### Applied: 1 done" in bodies(github)[0]) == ((0, True) if is_merged else (64, False))


def test_without_comments_nothing_is_written_and_the_review_counts(work: job.Job, github: github_server.GitHub) -> None:
    reviewed(work, github)
    [before] = bodies(github)
    assert work.step("apply", comment="false", require_reviewed_plan="true").code == 0
    assert bodies(github) == [before]


def test_a_comment_that_is_deleted_meanwhile_is_made_anew(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    work.run.declare(CHANGED.replace("0 2", "20 2"))
    github.inject("PATCH", "/issues/comments/", github_server.failing(404, "Not Found"))
    github.hub.comments.clear()
    github.hub.add_comment(1, "chatter")
    assert work.step("plan").code == 0
    assert "### Plan: 2 to update" in bodies(github)[1]


def test_a_comment_author_that_the_token_is_not_is_said_and_leaves_no_comment(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    step = work.step("plan", comment_author="github-actions")
    assert (step.code, bodies(github)) == (64, [])
    assert "comments made with this token are posted as github-actions[bot]" in step.messages("error")[0]
    for _ in range(2):
        assert work.step("plan", comment_author="GitHub-Actions[bot]").code == 0
    assert len(bodies(github)) == 1


def test_a_drift_of_an_environment_that_is_switched_off_is_no_longer_looked_after(
    work: job.Job, github: github_server.GitHub
) -> None:
    staging = "  environments: {staging: {charters: {C1: {cron: '5 * * * *'}}}}\n"
    work.run.declare(CHANGED + staging)
    assert work.step("drift", environment="staging").code == 0
    issue = github.hub.issues[2]
    assert issue.is_open
    work.run.declare(CHANGED + staging.replace("{charters", "{enabled: false, charters"))
    assert work.step("drift", environment="staging").code == 0
    assert (issue.is_open, "environment 'staging' is disabled in" in issue.body) == (False, True)


def test_two_drifts_that_are_opened_at_once_leave_one_issue(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    prepared = [work.prepared("drift") for _ in range(3)]
    running = [
        subprocess.Popen(work.command(), cwd=work.run.folder, env=each, stdout=subprocess.DEVNULL) for each in prepared
    ]
    assert [process.wait(timeout=program.TIMEOUT) for process in running] == [0] * 3
    assert work.step("drift").code == 0
    assert sum(issue.is_open and issue.pull is None for issue in github.hub.issues.values()) == 1


def test_without_a_token_a_plan_in_a_pull_request_says_what_to_do(work: job.Job) -> None:
    work.run.declare(CHANGED)
    work.token = ""
    work.pull_request(1, sha=HEAD)
    step = work.step("plan")
    assert step.code == 64
    assert "github-token" in step.messages("error")[-1]
    assert work.step("plan", comment="false").code == 0


def test_a_token_without_the_permission_names_it(work: job.Job) -> None:
    work.run.declare(CHANGED)
    work.token = github_hub.FORK
    work.pull_request(1, sha=HEAD)
    step = work.step("plan")
    assert step.code == 1
    assert "pull-requests: write" in step.messages("error")[-1]
    assert "### Plan: 1 to update, 2 unchanged" in step.summary


def test_a_fork_plans_from_a_snapshot_and_writes_no_comment(work: job.Job, github: github_server.GitHub) -> None:
    taken = work.step("snapshot", live="live.json")
    assert (taken.code, taken.outputs["summary"]) == (0, "live.json: 3 schedules")
    work.run.declare(CHANGED)
    work.token = github_hub.FORK
    work.pull_request(1, sha=HEAD, repository="eve/schedules")
    step = work.step("plan", live="live.json", address="127.0.0.1:1")
    assert (step.code, step.outputs["updates"], bodies(github)) == (0, "1", [])
    assert "From a snapshot taken on" in step.summary
    assert step.messages("notice") == ['will be updated (differs from the spec)\ncron: "0 1 * * *" → "30 1 * * *"']
    assert github.asked() == []


def test_a_fork_without_a_snapshot_is_validated_and_told_why(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD, repository="eve/schedules")
    step = work.step("plan", address="127.0.0.1:1")
    assert (step.code, step.outputs["changes"]) == (0, "")
    assert "set the live input to a snapshot" in step.messages("notice")[0]
    assert github.asked() == []


def reviewed(work: job.Job, github: github_server.GitHub) -> str:
    """Plan the change in a pull request, merge it, and run for the push; return the digest that was shown."""
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    return digest_in(bodies(github)[0])


@pytest.mark.parametrize("required", ["true", "warn", "false"])
def test_what_was_reviewed_is_applied_on_merge_and_told_in_the_comment(
    work: job.Job, github: github_server.GitHub, required: str
) -> None:
    shown = reviewed(work, github)
    step = work.step("apply", require_reviewed_plan=required)
    assert (step.code, step.outputs["digest"], step.messages("warning")) == (0, shown, [])
    assert step.outputs["summary"] == "Applied: 0 created, 1 updated, 0 resumed, 0 paused."
    [body] = bodies(github)
    assert ("### Applied: 1 done\n" in body, digest_in(body)) == (True, "")
    assert work.run.run("plan", "--detailed-exitcode", "--owner", github.hub.repository).returncode == 0
    again = work.step("apply", require_reviewed_plan="true")
    assert (again.code, again.outputs["changes"]) == (0, "false")


def test_variables_of_the_input_are_those_of_the_reviewed_plan(work: job.Job, github: github_server.GitHub) -> None:
    text = CHANGED.replace("governance:\n", "governance:\n  vars: {region: null, db_password: null, queue: reports}\n")
    text = text.replace("'30 1 * * *', ", "'30 1 * * *', task_queue: '${queue}-${region}', ")
    work.run.declare(text.replace("entrypoint: E}", "entrypoint: E, note: 'by ${db_password}'}", 1))
    work.pull_request(1, sha=HEAD)
    given = "region=eu\nqueue=\ndb_password=hunter2-zebra\n"
    missing = work.step("plan")
    assert (missing.code, "variable 'region' has no value" in missing.messages("error")[0]) == (3, True)
    step = work.step("plan", vars=given)
    assert (step.code, "reports-eu" in bodies(github)[0]) == (0, True)
    everything = [step.log, step.summary, *step.outputs.values(), *bodies(github)]
    everything.append(pathlib.Path(step.outputs["plan-file"]).read_text())
    assert [shown for shown in everything if "zebra" in shown] == []
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    other = work.step("apply", vars=given.replace("eu", "us"))
    assert (other.code, "the plan is not the one that was reviewed" in other.messages("error")[0]) == (5, True)
    assert work.step("apply", vars=given).code == 0
    unknown = work.step("plan", vars=f"{given}regoin=zebra")
    assert unknown.code == 64
    assert "input 'vars': regoin: the repo-spec declares no variable 'regoin'" in unknown.messages("error")[0]


@pytest.mark.parametrize("required", ["true", "warn"])
def test_what_changed_since_the_review_is_refused_or_warned_of(
    work: job.Job, github: github_server.GitHub, required: str
) -> None:
    reviewed(work, github)
    work.run.declare(THREE.replace("0 3", "15 3"))
    step = work.step("apply", require_reviewed_plan=required)
    messages = "the plan is not the one that was reviewed"
    changed = work.run.run("plan", "--detailed-exitcode", "--owner", github.hub.repository).returncode
    if required == "warn":
        assert (step.code, messages in step.messages("warning")[0], changed) == (0, True, 0)
        return
    assert (step.code, messages in step.messages("error")[0], changed) == (5, True, 2)
    assert "### Apply failed" in bodies(github)[0]


@pytest.mark.parametrize("why", ["no pull request", "no comment", "forged"])
def test_without_a_review_nothing_is_applied_where_one_is_required(
    work: job.Job, github: github_server.GitHub, why: str
) -> None:
    reviewed(work, github)
    if why == "no pull request":
        work.push("d" * 40)
        github.hub.commits.add("d" * 40)
    else:
        [comment] = github.hub.comments_of(1)
        del github.hub.comments[comment.id]
    if why == "forged":
        github.hub.add_comment(1, comment.body, author="mallory")
    step = work.step("apply", require_reviewed_plan="true")
    assert (step.code, step.outputs["exit-code"]) == (5, "5")
    assert "no reviewed plan: " in step.messages("error")[0]
    expected = work.step("apply", require_reviewed_plan="true", expect_digest=step.outputs["digest"])
    assert expected.code == 0


OLDER, NEWER = "1" * 40, "2" * 40


def left(work: job.Job, github: github_server.GitHub) -> int:
    """Return 0 when the server matches the spec, else 2."""
    return work.run.run("plan", "--detailed-exitcode", "--owner", github.hub.repository).returncode


@pytest.mark.parametrize("review", ["true", "false"])
def test_a_rerun_of_an_older_commit_does_not_roll_back(
    work: job.Job, github: github_server.GitHub, review: str
) -> None:
    work.run.declare(CHANGED)
    work.push(OLDER)
    assert work.step("apply", require_reviewed_plan="false").code == 0
    work.run.declare(CHANGED.replace("0 2", "20 2"))
    work.push(NEWER)
    assert work.step("apply", require_reviewed_plan="false").code == 0

    work.run.declare(CHANGED)
    work.push(OLDER)
    shown = work.step("plan").outputs["digest"]
    again = work.step("apply", require_reviewed_plan=review, expect_digest=shown if review == "true" else "")
    assert (again.code, left(work, github)) == (5, 2)
    assert (OLDER in again.messages("error")[0], NEWER in again.messages("error")[0]) == (True, True)
    assert "allow-older-commit" in again.log
    meant = work.step("apply", require_reviewed_plan="false", allow_older_commit="true")
    assert (meant.code, left(work, github)) == (0, 0)


@pytest.mark.parametrize("changed", ["nothing", "spec", "workflow", "unknown"])
def test_a_newer_commit_stops_an_older_one_only_when_it_changes_the_spec_or_the_workflow(
    work: job.Job, github: github_server.GitHub, changed: str
) -> None:
    work.run.declare(CHANGED)
    for sha in (OLDER, NEWER):
        work.push(sha)
        spec = CHANGED.replace("0 2", "20 2") if (sha, changed) == (NEWER, "spec") else CHANGED
        prefix = "acme:" if (sha, changed) == (NEWER, "workflow") else "governance:"
        tree = {str(program.SPEC): spec.encode(), work.workflow: f"with: {{prefix: '{prefix}'}}".encode()}
        github.hub.trees[sha] = {} if changed == "unknown" else tree
    work.push(OLDER)
    step = work.step("apply", require_reviewed_plan="false")
    expected = (0, 0) if changed == "nothing" else (5, 2)
    assert (step.code, left(work, github)) == expected


INCLUDED = "governance: {schedules: [{charter: MORE, cron: '@daily', entrypoint: MORE}]}\n"


@pytest.mark.parametrize("changed", ["nothing", "elsewhere", "included", "added", "removed", "truncated"])
def test_a_newer_commit_stops_an_older_one_when_it_changes_an_included_file(
    work: job.Job, github: github_server.GitHub, changed: str
) -> None:
    main = CHANGED.replace("governance:\n", 'governance:\n  include: ["more/*.yaml"]\n')
    folder = program.SPEC.parent / "more"
    work.run.declare(main)
    (work.run.folder / folder).mkdir()
    (work.run.folder / folder / "a.yaml").write_text(INCLUDED, encoding="utf-8")
    tree = {str(program.SPEC): main.encode(), work.workflow: b"", f"{folder}/a.yaml": INCLUDED.encode()}
    newer = {
        "elsewhere": {**tree, "more/a.yaml": b"", f"{folder}/README.md": b""},
        "included": {**tree, f"{folder}/a.yaml": b"governance: {schedules: []}"},
        "added": {**tree, f"{folder}/b.yaml": b"governance: {schedules: []}"},
        "removed": {path: text for path, text in tree.items() if path != f"{folder}/a.yaml"},
    }
    github.hub.trees = {OLDER: tree, NEWER: newer.get(changed, tree)}
    github.hub.has_truncated_trees = changed == "truncated"
    for sha in (OLDER, NEWER, OLDER):
        work.push(sha)
    step = work.step("apply", require_reviewed_plan="false")
    expected = (0, 0) if changed in ("nothing", "elsewhere") else (5, 2)
    assert (step.code, left(work, github)) == expected


def test_a_commit_that_a_force_push_removed_is_not_applied(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.push(OLDER)
    github.hub.branches = {"main": ["a" * 40, NEWER], "elsewhere": ["a" * 40, OLDER]}
    step = work.step("apply", require_reviewed_plan="false")
    assert (step.code, left(work, github)) == (5, 2)
    assert f"was removed from branch main, whose head is {NEWER}" in step.messages("error")[0]


@pytest.mark.parametrize("review", ["warn", "false"])
@pytest.mark.parametrize("path", ["/git/ref/", "/compare/"])
def test_what_github_cannot_answer_is_not_applied(
    work: job.Job, github: github_server.GitHub, review: str, path: str
) -> None:
    work.run.declare(CHANGED)
    work.push(OLDER)
    work.push(NEWER)
    work.push(OLDER if path == "/compare/" else NEWER)
    github.inject("GET", path, github_server.exhausted(seconds=3600), times=9)
    step = work.step("apply", require_reviewed_plan=review, expect_digest=work.step("plan").outputs["digest"])
    assert (step.code, left(work, github)) == (1, 2)
    assert "nothing was applied: " in step.messages("error")[0]
    assert "allow-older-commit" in step.log


def test_a_review_that_cannot_be_looked_up_is_not_the_same_as_none(work: job.Job, github: github_server.GitHub) -> None:
    reviewed(work, github)
    for path in ("/pulls", "/comments"):
        github.inject("GET", path, github_server.exhausted(seconds=3600), times=1)
        step = work.step("apply", require_reviewed_plan="warn")
        assert (step.code, left(work, github)) == (1, 2)
    assert work.step("apply", require_reviewed_plan="warn").code == 0


def test_without_a_word_a_plan_that_was_not_reviewed_is_not_applied(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(CHANGED)
    work.push(NEWER)
    step = work.step("apply")
    assert (step.code, "no reviewed plan" in step.messages("error")[0], left(work, github)) == (5, True, 2)


def test_a_commit_without_the_one_that_was_applied_last_is_refused(
    work: job.Job, github: github_server.GitHub, database_url: str
) -> None:
    def applied() -> job.Step:
        return work.step("apply", database_url=database_url, require_reviewed_plan="false")

    work.run.declare(CHANGED)
    work.push(OLDER)
    work.push(NEWER)
    assert applied().code == 0
    github.hub.branches["main"].remove(NEWER)  # main was force-pushed back, and the older commit is its head again
    github.hub.branches["backup"] = ["a" * 40, OLDER, NEWER]
    work.run.declare(THREE)
    work.push(OLDER)
    step = applied()
    assert (step.code, left(work, github)) == (5, 2)
    assert f"commit {OLDER} does not include {NEWER}, which was applied last" in step.messages("error")[0]
    tree = {str(program.SPEC): THREE.encode(), work.workflow: b"on: push"}
    github.hub.trees = {OLDER: tree, NEWER: {**tree, "README.md": b""}}  # now the commits differ in something else
    assert applied().code == 0
    github.hub.branches["main"].append(NEWER)
    github.hub.advance("main", "3" * 40)
    work.push("3" * 40)
    assert applied().code == 0


REFUSED = {
    "merge_group": ("refs/heads/gh-readonly-queue/main/pr-1", ""),
    "push": ("refs/heads/change", "workflow_dispatch, push:release/*"),
    "workflow_dispatch": ("refs/heads/change", "workflow_dispatch"),
    "schedule": ("refs/heads/main", "push:**"),
    "pull_request_target": ("refs/heads/main", ""),
    "issue_comment": ("refs/heads/main", ""),
}


@pytest.mark.parametrize("event", REFUSED)
def test_what_is_not_on_the_list_is_refused_before_the_server_is_read(
    work: job.Job, github: github_server.GitHub, event: str
) -> None:
    work.run.declare(CHANGED)
    ref, added = REFUSED[event]
    work.on(event, NEWER, ref)
    step = work.step("apply", apply_on=added, address="127.0.0.1:1", require_reviewed_plan="false")
    assert step.code == 64
    assert f"apply does not run on the {event!r} event" in step.messages("error")[0]
    assert left(work, github) == 2


@pytest.mark.parametrize(
    ("event", "branch", "added"),
    [
        ("workflow_dispatch", "main", "workflow_dispatch"),
        ("schedule", "main", "push:x,schedule"),
        ("push", "release/1.2", "push:release/*"),
        ("workflow_dispatch", "release/a/b", "workflow_dispatch:release/**"),
    ],
)
def test_what_apply_on_names_is_applied(
    work: job.Job, github: github_server.GitHub, event: str, branch: str, added: str
) -> None:
    work.run.declare(CHANGED)
    github.hub.advance(branch, NEWER)
    work.on(event, NEWER, f"refs/heads/{branch}")
    step = work.step("apply", apply_on=added, require_reviewed_plan="false")
    assert (step.code, left(work, github)) == (0, 0)


def test_a_guard_refuses_and_names_the_input(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(spec("0 1 * * *"))
    work.pull_request(1, sha=HEAD)
    step = work.step("plan")
    assert (step.code, "apply will refuse this" in step.messages("warning")[-1]) == (0, True)
    assert "allow-mass-pause" in bodies(github)[0]
    github.hub.merge(1, MERGED)
    work.push(MERGED)
    assert work.step("apply").code == 4
    assert work.step("apply", allow_mass_pause="true").code == 0


def test_a_switched_off_environment_applies_nothing(work: job.Job) -> None:
    work.run.declare(CHANGED)
    step = work.step("apply", variables={"GOVERNANCE_SCHEDULES_ENABLED": "false"})
    assert (step.code, step.outputs["changes"]) == (0, "")
    assert "schedules are disabled here" in step.outputs["summary"]


def test_a_drift_opens_updates_closes_and_reopens_one_issue(work: job.Job, github: github_server.GitHub) -> None:
    quiet = work.step("drift")
    assert (quiet.code, quiet.outputs["issue-url"], len(github.hub.issues)) == (0, "", 1)

    work.run.declare(CHANGED)
    opened = work.step("drift")
    number = int(opened.outputs["issue-url"].rpartition("/")[2])
    issue = github.hub.issues[number]
    assert (opened.code, opened.outputs["changes"], issue.is_open) == (0, "true", True)
    assert issue.title.startswith("Temporal schedules differ from .cogni/repo-spec.yaml in namespace ")
    first_seen = re.findall(r"First seen (.*?) \(", issue.body)

    work.run.declare(CHANGED.replace("0 2", "20 2"))
    assert work.step("drift").code == 0
    assert ("2 to update" in issue.body, re.findall(r"First seen (.*?) \(", issue.body)) == (True, first_seen)

    work.run.declare(THREE)
    closed = work.step("drift")
    assert (closed.outputs["changes"], issue.is_open) == ("false", False)
    assert "; gone since" in issue.body
    asked = len(github.requests)
    assert work.step("drift").outputs["issue-url"] == ""
    assert [each.method for each in github.requests[asked:] if each.method in ("PATCH", "POST")] in ([], ["POST"])

    work.run.declare(CHANGED)
    assert work.step("drift").code == 0
    assert (issue.is_open, len(github.hub.issues)) == (True, 2)


def test_somebody_elses_issue_with_our_mark_is_left_alone(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    assert work.step("drift").code == 0
    ours = github.hub.issues[2]
    forged = github.hub.add_issue("forged", body=ours.body, author="mallory")
    work.run.declare(THREE)
    assert work.step("drift").code == 0
    assert (ours.is_open, forged.is_open, forged.title) == (False, True, "forged")


def test_an_interrupted_apply_ends_in_order_and_tells_the_runner(work: job.Job) -> None:
    work.run.declare(spec(*(f"{n % 60} {n // 60} * * *" for n in range(80))))
    prepared = work.prepared("apply", require_reviewed_plan="false")
    process = subprocess.Popen(
        work.command(), cwd=work.run.folder, env=prepared, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if line.rstrip().endswith(" created"):
            process.send_signal(signal.SIGINT)
            break
    rest, _ = program.rest(process)
    step = work.ended(prepared, process.returncode, "".join(lines) + rest)
    assert (step.code, step.outputs["exit-code"]) == (130, "130")
    assert "### Applied in part: " in step.summary
    assert work.step("apply", require_reviewed_plan="false").code == 0  # the lock was let go


def test_secrets_are_nowhere_in_what_the_runner_gets(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED.replace("entrypoint: E}", "entrypoint: E, input: {api_key: hunter2}}", 1))
    work.pull_request(1, sha=HEAD)
    step = work.step("plan", api_key="hunter2", codec_auth="hunter2", tls="false")
    assert step.code == 0
    everything = [step.log, step.summary, *step.outputs.values(), *bodies(github)]
    everything.append(pathlib.Path(step.outputs["plan-file"]).read_text())
    assert [text for text in everything if "hunter" in text] == []


def test_of_many_changes_the_comment_holds_what_fits_and_the_summary_all(
    work: job.Job, github: github_server.GitHub
) -> None:
    work.run.declare(spec(*(f"{n % 60} {n // 60} * * *" for n in range(300))))
    work.pull_request(1, sha=HEAD)
    step = work.step("plan")
    [body] = bodies(github)
    assert (step.code, step.outputs["creates"], len(body.encode()) <= 60_000) == (0, "297", True)
    assert "more changes omitted here" in body
    assert step.summary.count("<details>") == 300
    assert len(step.messages("notice")) == 10
    assert step.messages("notice")[-1] == "291 more are in the log and the step summary"


def test_the_adapter_is_asked_no_more_than_it_must(work: job.Job, github: github_server.GitHub) -> None:
    work.run.declare(CHANGED)
    work.pull_request(1, sha=HEAD)
    assert work.step("plan").code == 0
    asked = len(github.requests)
    assert work.step("plan").code == 0
    later = github.asked()[asked:]
    assert [each for each in later if each.startswith(("GET /repos", "PATCH"))] == [
        "GET /repos/acme/schedules/issues/1/comments",
        f"PATCH /repos/acme/schedules/issues/comments/{github.hub.comments_of(1)[0].id}",
        f"GET /repos/acme/schedules/issues/comments/{github.hub.comments_of(1)[0].id}",
    ]
    assert client.ACTIONS_BOT == github_hub.BOT
