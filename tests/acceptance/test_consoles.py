"""The documents' consoles are what the program prints: their commands are run, on the real server, in their order.

Each document starts with the README's repo-spec and an empty namespace, the README itself with its first spec. The
commands in a comment `<!-- before: ... -->` run before its first console.
"""

from __future__ import annotations

import contextlib
import pathlib
import re
import shlex
import subprocess

import pytest

from tests.support import polls, program, service, worker_process
from tools import devserver

ROOT = pathlib.Path(__file__).parents[2]
README = ROOT / "README.md"
PICTURE = re.compile(r"^```text\n(.*?)^```$", re.DOTALL | re.MULTILINE)
TIMES = re.compile(r"(\w{3} \d\d \w{3} \d{4} [\d:]+|\d{4}-\d\d-\d\d [\d:]+) [\w+-]+( +\(?(in )?\d+ \w+( ago)?\)?)?")
DIGESTS = re.compile(r"sha256:[0-9a-f]{64}")  # of the test's own namespace
IDENTITY = re.compile(r"by \d+@\S+@ on")  # of Temporal's command line: process and machine
WORKER = re.compile(r"reconciler-worker:\d+@[^\[\s]+\[")
SEEN = re.compile(r"seen \d+ \w+ ago")
SERVICE = "http://127.0.0.1:8080"
APPLIER = re.compile(r"(apply|prune) by \S+@\S+")
GOLDEN = ROOT / "tests/golden/cases/everything-at-once/plan.txt"
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BEFORE = re.compile(r"^<!-- before:\n(.*?)^-->$", re.DOTALL | re.MULTILINE)
DOCUMENTS = [
    path for path in (README, *sorted((ROOT / "docs").glob("*.md"))) if "```console" in path.read_text("utf-8")
]
BROKEN = """\
governance:
  schedules:
    - charter: COMMUNITY
      cron: "0 25 * * *"
      entrypoint: COMMUNITY
    - charter: ENGINEERING
      crn: "15 * * * *"
      entrypoint: ENGINEERING
      overlap: skip
"""


class Shell:
    """Runs a document's commands and remembers the last exit code and what was exported.

    A command that ends with `&` is `reconciler serve` or `reconciler worker`, which run until the document ends.
    """

    def __init__(self, run: program.Program, server: devserver.DevServer, database_url: str) -> None:
        self._run = run
        self._server = server
        self._known = {"DATABASE_URL": database_url, "INTERNAL_OPS_TOKEN": service.OPS_TOKEN}
        self._environment: dict[str, str] = {}
        self._code = 0
        self._addresses = {run.address: "localhost:7233"}
        self._started = contextlib.ExitStack()

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._started.close()

    def enter(self, line: str) -> str:
        """Return what a command prints, with the addresses that a reader has."""
        name, *arguments = shlex.split(line)
        match name:
            case "echo":
                return f"{self._code}\n"
            case "export":
                names = [argument.partition("=")[0] for argument in arguments]
                self._environment.update({name: self._known[name] for name in names})
                return ""
            case "sed" | "cat":
                return subprocess.check_output([name, *arguments], cwd=self._run.folder, encoding="utf-8")
            case "temporal":
                return self._server.cli(*arguments, "--namespace", self._run.namespace)
            case "reconciler" if arguments[-1] == "&":
                return self._start(arguments[0])
            case "reconciler":
                return self._reconciler(*arguments)
            case _:
                raise AssertionError(f"no document runs {name}")

    def _start(self, command: str) -> str:
        if command == "serve":
            served = self._started.enter_context(service.running(self._run, self._known["DATABASE_URL"]))
            self._addresses[served.url] = SERVICE
        else:
            worker = worker_process.started(self._run, self._known["DATABASE_URL"])
            self._started.enter_context(worker).until(200)
        return ""

    def _reconciler(self, *arguments: str) -> str:
        real = {shown: url for url, shown in self._addresses.items()}
        done = self._run.run(*(real.get(argument, argument) for argument in arguments), **self._environment)
        self._code = done.returncode
        shown = done.stdout + done.stderr
        for address, name in self._addresses.items():
            shown = shown.replace(address, name)
        shown = IDENTITY.sub("by 4711@laptop@ on", shown)
        shown = WORKER.sub("reconciler-worker:4711@server[", shown)
        shown = APPLIER.sub(r"\1 by alice@laptop", shown)
        return shown.replace(f"namespace {self._run.namespace} ", "namespace default ")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_the_consoles_show_what_the_program_prints(
    document: pathlib.Path,
    reconciler: program.Program,
    dev_server: devserver.DevServer,
    database_url: str,
    pytestconfig: pytest.Config,
) -> None:
    if dev_server.backend == "v2":
        pytest.skip("the documents show a server that reports who paused a schedule; V2 does not")
    first, charters, *_ = re.findall(YAML, README.read_text(encoding="utf-8"))
    if document == README:
        (reconciler.folder / "temporal-schedules.yaml").write_text(first, encoding="utf-8")
    else:
        reconciler.declare(charters)
    (reconciler.folder / "broken.yaml").write_text(BROKEN)
    text = document.read_text(encoding="utf-8")
    before = "".join(BEFORE.findall(text)).splitlines()
    own_worker = any(line.startswith("reconciler worker") for line in before)
    polled = contextlib.nullcontext() if own_worker else polls.kept_up(reconciler.address, reconciler.namespace)
    with polled, Shell(reconciler, dev_server, database_url) as shell:

        def run(console: re.Match[str]) -> str:
            commands = [line for line in console[1].splitlines() if line.startswith("$ ")]
            shown = "\n".join(f"{line}\n{shell.enter(line[2:])}" for line in commands)
            return f"```console\n{shown}```"

        for line in before:
            shell.enter(line)
        printed = CONSOLE.sub(run, text)
    if lines_in_any_order(text) != lines_in_any_order(printed) and pytestconfig.getoption("--update-golden"):
        document.write_text(printed, encoding="utf-8")  # not for other times alone
        return
    assert lines_in_any_order(text) == lines_in_any_order(printed)


def test_the_picture_at_the_top_is_a_golden_plan(pytestconfig: pytest.Config) -> None:
    text = README.read_text(encoding="utf-8")
    golden = GOLDEN.read_text(encoding="utf-8")
    if pytestconfig.getoption("--update-golden"):
        README.write_text(PICTURE.sub(lambda _: f"```text\n{golden}```", text, count=1), encoding="utf-8")
        return
    assert PICTURE.findall(text)[0] == golden


def lines_in_any_order(text: str) -> list[list[str]]:
    """Return each console's lines sorted, as steps end in any order, without times and digests."""
    bare = SEEN.sub("(a time)", TIMES.sub("(a time)", DIGESTS.sub("(a digest)", text)))
    return [sorted(console.splitlines()) for console in CONSOLE.findall(bare)]
