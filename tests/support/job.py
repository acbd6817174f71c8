"""A step of a GitHub job: the Action's program with inputs and an event, and what it left for the runner."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from tests.support import github_hub, github_server, program

_OUTPUT = re.compile(r"^([a-z-]+)<<(\w+)\n(.*?)\n?\2\n", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^::(notice|warning|error) ?([^:]*)::(.*)$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How a step ended: annotations are level, properties and message, as the runner shows them."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str
    annotations: tuple[tuple[str, str, str], ...]

    def messages(self, level: str) -> list[str]:
        """Return the messages of the annotations of one level."""
        return [message for each, _, message in self.annotations if each == level]


@dataclasses.dataclass(slots=True, kw_only=True)
class Job:
    """A repository's job; `event` and `payload` are what it runs for, `sha` its commit."""

    run: program.Program
    github: github_server.GitHub
    token: str = github_hub.JOB
    event: str = "push"
    payload: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    sha: str = "a" * 40
    number: int = 100

    ref: str = "refs/heads/main"
    workflow: str = ".github/workflows/schedules.yml"

    def __post_init__(self) -> None:
        """Begin with a push to the default branch."""
        self.push(self.sha)

    def pull_request(self, number: int, *, sha: str, repository: str | None = None) -> None:
        """Run for a pull request from now on, of a fork where another repository is named."""
        self.event, self.sha = "pull_request", "f" * 40
        self.ref = f"refs/pull/{number}/merge"
        head = {"sha": sha, "repo": {"full_name": repository or self.github.hub.repository}}
        pull = {"number": number, "head": head, "base": {"ref": "main"}, "user": {"login": "ada"}}
        self.payload = {"pull_request": pull, "repository": {"default_branch": "main"}}

    def push(self, sha: str, branch: str = "main") -> None:
        """Run for a push from now on; of a commit that the branch has already, it is the run of back then."""
        self.github.hub.advance(branch, sha)
        self.on("push", sha, f"refs/heads/{branch}")

    def on(self, event: str, sha: str, ref: str) -> None:
        """Run for another event from now on."""
        self.event, self.sha, self.ref = event, sha, ref
        self.payload = {"ref": ref, "repository": {"default_branch": "main"}}

    def step(self, command: str, *, variables: Mapping[str, str] | None = None, **inputs: str) -> Step:
        """Run the program to its end."""
        prepared = self.prepared(command, variables=variables, **inputs)
        done = program.run("reconciler.github", (), folder=self.run.folder, environment=prepared)
        return self.ended(prepared, done.returncode, done.stdout + done.stderr)

    def command(self) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "reconciler.github"]

    def prepared(self, command: str, *, variables: Mapping[str, str] | None = None, **inputs: str) -> dict[str, str]:
        """Return the variables of one step; each step is a workflow run of its own, with files of its own."""
        self.number += 1
        folder = self.run.folder / f"runner-{uuid.uuid4().hex}"
        folder.mkdir()
        head = self.payload.get("pull_request", {}).get("head", {}).get("sha", self.sha)
        self.github.hub.action_runs[self.number] = (self.workflow, head)
        (folder / "event.json").write_text(json.dumps(self.payload))
        messages = {"command": command, "github-token": self.token, **inputs}
        usual = dict(
            **{f"INPUT_{name.replace('-', '_').upper()}": value for name, value in messages.items()},
            GITHUB_API_URL=self.github.api_url,
            GITHUB_SERVER_URL="https://github.example",
            GITHUB_REPOSITORY=self.github.hub.repository,
            GITHUB_EVENT_NAME=self.event,
            GITHUB_EVENT_PATH=str(folder / "event.json"),
            GITHUB_SHA=self.sha,
            GITHUB_REF=self.ref,
            GITHUB_WORKFLOW_REF=f"{self.github.hub.repository}/{self.workflow}@{self.ref}",
            GITHUB_ACTOR="ada",
            GITHUB_RUN_ID=str(self.number),
            GITHUB_RUN_ATTEMPT="1",
            GITHUB_OUTPUT=str(folder / "output"),
            GITHUB_STEP_SUMMARY=str(folder / "summary.md"),
            RUNNER_TEMP=str(folder),
        )
        return self.run.environment(**{**usual, **(variables or {})})

    def ended(self, prepared: Mapping[str, str], code: int, log: str) -> Step:
        """Return what a step left that was run with these variables."""
        output, summary = pathlib.Path(prepared["GITHUB_OUTPUT"]), pathlib.Path(prepared["GITHUB_STEP_SUMMARY"])
        written = output.read_text(encoding="utf-8") if output.exists() else ""
        return Step(
            code=code,
            log=log,
            outputs={name: value for name, _, value in _OUTPUT.findall(written)},
            summary=summary.read_text(encoding="utf-8") if summary.exists() else "",
            annotations=tuple(
                (level, properties, message.replace("%0A", "\n").replace("%25", "%"))
                for level, properties, message in _COMMAND.findall(_without_stopped(log))
            ),
        )


def reviewed(run: program.Program, github: github_server.GitHub, *, head: str, merged: str) -> Job:
    """Return a job on the default branch, whose plan was reviewed in the pull request 1 that was merged."""
    work = Job(run=run, github=github)
    work.pull_request(1, sha=head)
    assert work.step("plan").code == 0
    github.hub.merge(1, merged)
    work.push(merged)
    return work


def _without_stopped(log: str) -> str:
    """Return the lines in which the runner looks for commands."""
    return re.sub(r"^::stop-commands::(\w+)\n.*?^::\1::\n", "", log, flags=re.DOTALL | re.MULTILINE)
