"""Workflows as GitHub runs them, run on this machine by `act`, without containers.

Each `Repository` is a git repository of its own with a home of its own, so tests may run side by side. The action that
its workflows name as `owner/reconciler@v1` is this working tree. Where act differs from GitHub:

- Steps have a terminal, and the files of the machine; `concurrency` and `environment` are passed over.
- GITHUB_SHA is the repository's HEAD, also for a pull request, where GitHub has the merge commit.
- `actions/checkout` copies the repository. GitHub's other actions are not here; `actions` names folders in their place.
- Nothing is masked, so that a secret in a log shows.
- A cancelled step is ended as GitHub's runner does it, but the job then counts as failed, not as cancelled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from typing import Any

from tests.support import action, events

READY = action.ROOT / "examples" / "workflows"
ACTION = "owner/reconciler@v1"  # how the ready workflows name it
SPEC = pathlib.Path(".cogni/repo-spec.yaml")
TOKEN = "ghs_of_the_job"  # noqa: S105  # the job's GITHUB_TOKEN
_TRIES = 3
TIMEOUT = 300.0  # seconds, for one run
GRACE = (7.5, 2.5)  # seconds after which GitHub's runner sends SIGTERM, and then SIGKILL

_PLATFORMS = ("ubuntu-latest", "ubuntu-24.04")
_LEVELS = ("error", "warning", "notice")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Annotation:
    """One `::error`, `::warning` or `::notice`, its values as GitHub shows them."""

    level: str
    message: str
    properties: Mapping[str, str]  # file, line, endLine, col, title; those that were given


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run of workflows left behind."""

    exit_code: int  # of act: 1 when a job failed
    jobs: Mapping[str, str]  # a job's id to `success` or `failure`
    log: tuple[str, ...]  # what steps printed, without their workflow commands
    groups: tuple[str, ...]  # titles of the folds in it
    annotations: tuple[Annotation, ...]
    outputs: Mapping[str, str]  # of the action; of the last step that used it when several did
    steps: Mapping[str, Mapping[str, str]]  # outputs of each step with an id; without one it has its index
    summary: str  # what all steps wrote into the step summary, one after the other
    printed: str  # all that act printed, for messages

    def annotated(self, level: str) -> tuple[str, ...]:
        """Return the messages of one level."""
        return tuple(each.message for each in self.annotations if each.level == level)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A run that goes on."""

    process: subprocess.Popen[bytes]
    output: pathlib.Path

    def wait_for(self, text: str) -> None:
        """Wait until a step has printed this; AssertionError when the run ends without it."""
        deadline = time.monotonic() + TIMEOUT
        while not any(text in line for line in _parsed(0, self._printed()).log):
            assert self.process.poll() is None, self._printed()
            assert time.monotonic() < deadline, f"no {text!r} within {TIMEOUT:.0f} s:\n{self._printed()}"
            time.sleep(0.1)

    def steps(self) -> tuple[int, ...]:
        """Return the process ids of the steps that run now."""
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
        rows = (line.split() for line in listed.stdout.splitlines())
        return tuple(
            int(pid) for pid, parent, state in rows if int(parent) == self.process.pid and not state.startswith("Z")
        )

    def cancel(self) -> signal.Signals:
        """End the steps that run as GitHub's runner does, and return the signal that did it."""
        pids = self.steps()
        assert pids, f"no step runs:\n{self._printed()}"
        for number, grace in zip((signal.SIGINT, signal.SIGTERM), GRACE, strict=True):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            deadline = time.monotonic() + grace
            while time.monotonic() < deadline:
                if not set(pids) & set(self.steps()):
                    return number
                time.sleep(0.1)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return signal.SIGKILL

    def wait(self) -> Run:
        """Wait for the end."""
        try:
            code = self.process.wait(TIMEOUT)
        finally:
            self.end()
        return _parsed(code, self._printed())

    def end(self) -> None:
        """End the run if it still goes on, and its steps with it."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def _printed(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository whose workflows can be run."""

    binary: pathlib.Path  # act
    folder: pathlib.Path  # an empty one
    action: pathlib.Path  # what `owner/reconciler@v1` is: see `tree`
    installed: pathlib.Path  # where the action keeps what it installs
    name: str = events.NAME
    started: list[Started] = dataclasses.field(default_factory=list)  # to be ended by `close`

    @property
    def files(self) -> pathlib.Path:
        """Return the working tree."""
        return self.folder / "repository"

    @property
    def home(self) -> pathlib.Path:
        """Return the home of act and of the steps."""
        return self.folder / "home"

    def write(self, path: pathlib.Path | str, text: str) -> None:
        """Write a file of the repository."""
        place = self.files / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")

    def declare(self, spec: str) -> None:
        """Write the spec."""
        self.write(SPEC, spec)

    def workflow(self, text: str, name: str = "workflow.yml") -> None:
        """Write a workflow."""
        self.write(f".github/workflows/{name}", text)

    def ready(self, *names: str) -> None:
        """Copy workflows of `examples/workflows`, such as `plan.yml`, as they stand."""
        for name in names:
            self.workflow((READY / name).read_text(encoding="utf-8"), name)

    def commit(self, message: str = "a commit") -> str:
        """Commit everything and return the commit's id."""
        if not (self.files / ".git").exists():
            self.files.mkdir(parents=True, exist_ok=True)
            self.git("init", "--quiet", "--initial-branch", "main")
            self.git("remote", "add", "origin", f"https://github.com/{self.name}.git")  # act reads the name there
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.head()

    def head(self) -> str:
        """Return the last commit's id."""
        return self.git("rev-parse", "HEAD").strip()

    def git(self, *arguments: str) -> str:
        """Run git in the repository and return what it prints."""
        who = {"NAME": "someone", "EMAIL": "someone@example.com"}
        as_whom = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(self.home)}
        done = subprocess.run(
            ["git", "-C", str(self.files), *arguments],
            env={"PATH": os.environ["PATH"], **alone, **as_whom},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def run(self, event: str, payload: Mapping[str, Any], **more: Any) -> Run:
        """Run what the event starts, to the end; takes what `start` takes."""
        return self.start(event, payload, **more).wait()

    def run_in_vain(self, event: str, payload: Mapping[str, Any], **more: Any) -> Run:
        """Run what fails without having changed anything, and so may be run again; takes what `start` takes.

        act ends a step that fails without waiting until it has copied the step's output, so on a busy machine it may
        lose the last lines, with the annotations.
        """
        for _ in range(_TRIES):
            run = self.run(event, payload, **more)
            if run.annotations:
                break
        return run

    def start(
        self,
        event: str,
        payload: Mapping[str, Any],
        *,
        workflow: str = "",
        secrets: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        actions: Mapping[str, pathlib.Path] | None = None,
        search_path: Iterable[pathlib.Path] = (),
    ) -> Started:
        """Start what the event starts, or of that one workflow by its file's name, on the last commit.

        `secrets` and `variables` are the repository's. `environment` is every step's, as if the runner had it: a
        loopback GITHUB_API_URL, say. `actions` maps `owner/name@ref` to folders;
        `search_path` stands in front of PATH.
        """
        run = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        self.home.mkdir(exist_ok=True)
        given = {"GITHUB_TOKEN": TOKEN, **(secrets or {})}
        every = {"GITHUB_REPOSITORY": self.name, "RECONCILER_INSTALL_DIR": str(self.installed), **(environment or {})}
        command = [str(self.binary), event, "--json", "--rm", "--no-cache-server", "--insecure-secrets"]
        command += ["--workflows", f".github/workflows/{workflow}", "--action-cache-path", str(run / "cache")]
        for platform in _PLATFORMS:
            command += ["--platform", f"{platform}=-self-hosted"]
        for reference, place in {ACTION: self.action, **(actions or {})}.items():
            command += ["--local-repository", f"{reference}={place}"]
        # Files in JSON, which YAML reads: values of several lines are taken as they are, and no process list has them.
        for option, values in (("secret", given), ("var", variables or {}), ("env", every)):
            command += [f"--{option}-file", _written(run / f"{option}.yml", values)]
        command += ["--eventpath", _written(run / "event.json", payload), "--actor", "somebody"]
        output = run / "output.jsonl"
        with output.open("wb") as file:
            process = subprocess.Popen(
                command,
                cwd=self.files,
                env=action.environment(self.home, search_path),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self.started.append(Started(process=process, output=output))
        return self.started[-1]

    def close(self) -> None:
        """End what still runs."""
        for each in self.started:
            each.end()


def _written(place: pathlib.Path, values: Mapping[str, Any]) -> str:
    place.write_text(json.dumps(values), encoding="utf-8")
    return str(place)


def _parsed(code: int, printed: str) -> Run:
    """Read what act says in JSON, a line for each thing that happens."""
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{") and line.endswith("}")]
    steps: dict[str, dict[str, str]] = {}
    nested = [entry["stepID"] for entry in lines if len(entry.get("stepID", ())) > 1]
    for entry in lines:
        if entry.get("command") == "set-output" and len(entry["stepID"]) == 1:
            steps.setdefault(entry["stepID"][0], {})[entry["name"]] = entry["arg"]
    return Run(
        exit_code=code,
        jobs={entry["jobID"]: entry["jobResult"] for entry in lines if "jobResult" in entry},
        log=tuple(entry["msg"].rstrip("\r\n") for entry in lines if entry.get("raw_output")),
        groups=tuple(entry["arg"] for entry in lines if entry.get("command") == "group"),
        annotations=tuple(
            Annotation(level=entry["command"], message=entry["arg"], properties=entry["kvPairs"] or {})
            for entry in lines
            if entry.get("command") in _LEVELS
        ),
        outputs=steps.get(nested[-1][0], {}) if nested else {},
        steps=steps,
        summary="".join(
            entry["content"] for entry in lines if entry.get("command") == "summary" and _own(entry["stepID"], nested)
        ),
        printed=printed,
    )


def _own(step: list[str], nested: list[list[str]]) -> bool:
    """Tell a step that wrote something from the composite around it, which act has write it once more."""
    return len(step) > 1 or not any(inner[0] == step[0] for inner in nested)
