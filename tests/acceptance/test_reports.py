"""Whatever an apply did is reported: each place of the report is written although another one cannot be."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from reconciler.documents import marks
from tests.support import github_server, job, program

HEAD, MERGED = "b" * 40, "c" * 40
SPEC = "governance:\n  schedules:\n    - {charter: C, cron: '0 1 * * *', entrypoint: E}\n"
FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")


@pytest.fixture
def github() -> Iterator[github_server.GitHub]:
    with github_server.running() as served:
        served.hub.add_pull("Add a charter", head_sha=HEAD)
        yield served


@pytest.fixture
def reviewed(reconciler: program.Program, github: github_server.GitHub) -> job.Job:
    """A job on the default branch; its plan was reviewed in the pull request that was merged."""
    reconciler.declare(SPEC)
    return job.reviewed(reconciler, github, head=HEAD, merged=MERGED)


def digest_and_body(github: github_server.GitHub) -> tuple[str, str]:
    [found] = github.hub.comments_of(1)
    mark = marks.find(found.body)
    assert mark is not None
    return mark.digest, found.body


def apply(work: job.Job, out: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    prepared = work.prepared("apply", require_reviewed_plan="true", variables=variables)
    with contextlib.ExitStack() as opened:
        return subprocess.run(
            work.command(), cwd=work.run.folder, env=prepared, stdin=subprocess.DEVNULL, text=True, check=False,
            stdout=opened.enter_context(pathlib.Path(out).open("w")) if out else subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=program.TIMEOUT,
        )  # fmt: skip


@pytest.mark.parametrize("variable", FILES)
@pytest.mark.parametrize("path", ["/dev/full", "absent/file", "."])
def test_an_apply_is_reported_in_the_comment_and_the_log_although_a_file_of_the_runner_fails(
    reviewed: job.Job, github: github_server.GitHub, variable: str, path: str
) -> None:
    done = apply(reviewed, **{variable: path})
    digest, body = digest_and_body(github)
    assert (done.returncode, digest) == (1, "")
    assert "### Applied" in body
    assert f"::error title=reconciler::{variable} could not be written: " in done.stdout
    assert "defect" not in done.stdout + done.stderr
    assert reviewed.run.run("plan", "--detailed-exitcode", "--owner", github.hub.repository).returncode == 0


def test_an_apply_is_reported_in_the_comment_although_nothing_on_this_machine_can_be_written(
    reviewed: job.Job, github: github_server.GitHub
) -> None:
    done = apply(reviewed, out="/dev/full", **dict.fromkeys(FILES, "/dev/full"))
    digest, body = digest_and_body(github)
    assert (done.returncode, digest, "### Applied" in body) == (1, "", True)
    assert "reconciler: the log could not be written: No space left on device" in done.stderr


def test_a_log_that_cannot_be_written_is_noted_in_the_summary(reviewed: job.Job) -> None:
    summary = reviewed.run.folder / "summary.md"
    assert apply(reviewed, out="/dev/full", GITHUB_STEP_SUMMARY=str(summary)).returncode == 1
    assert "- the log could not be written: No space left on device" in summary.read_text()
    assert "### Applied" in summary.read_text()


BROKEN = {
    "token": ({}, "ghs_one\nghs_two", "the GitHub token contains"),
    "address without a scheme": ({"GITHUB_API_URL": "api.github.com"}, None, "check GITHUB_API_URL"),
    "address with a broken host": ({"GITHUB_API_URL": "http://[hunter"}, None, "check GITHUB_API_URL"),
    "address with a broken port": ({"GITHUB_API_URL": "http://host:99999"}, None, "check GITHUB_API_URL"),
    "address with a password": ({"GITHUB_API_URL": "https://u:hunter@host"}, None, "check GITHUB_API_URL"),
    "repository": ({"GITHUB_REPOSITORY": "one/two/three"}, None, "check GITHUB_REPOSITORY"),
}


@pytest.mark.parametrize(("variables", "token", "why"), BROKEN.values(), ids=BROKEN.keys())
def test_what_no_request_can_be_made_of_is_refused_before_anything_is_done_and_not_quoted(
    reviewed: job.Job, variables: dict[str, str], token: str | None, why: str
) -> None:
    reviewed.token = token or reviewed.token
    step = reviewed.step("apply", variables=variables)
    assert (step.code, step.outputs["exit-code"]) == (1, "1")
    assert why in step.log
    for text in (step.log, step.summary, str(step.outputs)):
        assert [each for each in ("defect", "hunter", "ghs_") if each in text] == []
    assert reviewed.run.run("plan", "--detailed-exitcode").returncode == 2
