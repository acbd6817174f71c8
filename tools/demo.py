"""A walkthrough of the main commands on an embedded Temporal dev server, with this repository's own charters.

Everything shown is what the program itself prints. DEMO_UI=1 keeps the server and its web UI running at the end.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from tools import devserver, programs

ROOT = pathlib.Path(__file__).parent.parent
SPEC = pathlib.Path(".cogni/repo-spec.yaml")
PATIENCE = 240.0  # seconds for a part to be ready, or for a run to end


class Demo:
    """The steps of the walkthrough: each one announces what it shows, runs a command, and checks its exit code."""

    def __init__(self, server: devserver.DevServer, folder: pathlib.Path) -> None:
        self._server = server
        self._folder = folder

    def title(self, text: str) -> None:
        """Announce a step."""
        self._print(f"\n── {text} {'─' * (90 - len(text))}\n")

    def reconciler(self, *arguments: str, expect: int = 0) -> None:
        """Run the program as a user would, and check that it returns the expected exit code."""
        self._print(f"$ reconciler {' '.join(arguments)}\n")
        done = subprocess.run(self._command(*arguments), cwd=self._folder, env=self._environment(), check=False)
        self._print(f"exit code {done.returncode}\n")
        if done.returncode != expect:
            sys.exit(f"demo: expected exit code {expect}")

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "reconciler", *arguments]

    def _environment(self) -> dict[str, str]:
        ours = ("TEMPORAL_", "RECONCILER_", "DATABASE_URL")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            "TEMPORAL_ADDRESS": self._server.address,
            "TEMPORAL_CONFIG_FILE": os.devnull,
            "GOVERNANCE_SCHEDULES_ENABLED": "true",
        }

    @contextlib.contextmanager
    def worker(self) -> Iterator[None]:
        """Run a worker with its own database for a while, and check that it drains."""
        arguments = ("worker", "--database-url", f"embedded:{self._folder}/postgres")
        self._print(f"$ reconciler {' '.join(arguments)} &\n")
        with subprocess.Popen(self._command(*arguments), cwd=self._folder, env=self._environment()) as process:
            try:
                yield
            finally:
                process.send_signal(signal.SIGTERM)
        if process.returncode:
            sys.exit(f"demo: the worker exited with {process.returncode}")

    def until(self, words: str, *arguments: str) -> None:
        """Wait until a command prints these words."""
        deadline = time.monotonic() + PATIENCE
        while True:
            messages = subprocess.run(
                self._command(*arguments),
                cwd=self._folder,
                env=self._environment(),
                capture_output=True,
                text=True,
                check=False,
            ).stdout
            if words in messages:
                return
            if time.monotonic() > deadline:
                sys.exit(f"demo: no {words!r} within {PATIENCE:.0f} s; the last output: {messages}")
            time.sleep(0.2)

    def temporal(self, *arguments: str) -> None:
        """Change something outside of the program, with the Temporal CLI."""
        quoted = " ".join(f"'{each}'" if re.search(r"[^\w:.=/-]", each) else each for each in arguments)
        self._print(f"$ temporal {quoted}\n{self._server.cli(*arguments)}")

    def remove_charter(self, name: str) -> None:
        """Remove one charter from the directory's spec."""
        path = self._folder / SPEC
        kept = re.sub(rf"    - charter: {name}\n(?:      .*\n)*", "", path.read_text(encoding="utf-8"))
        path.write_text(kept, encoding="utf-8")

    def _print(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


def walk(demo: Demo) -> None:
    """Plan, apply, and plan again without changes; run what fires; fix drift; pause what was removed."""
    demo.title("a worker runs what fires")
    with demo.worker():
        demo.until('"identity"', "preflight", "--format", "json")
        _walk(demo)


def _walk(demo: Demo) -> None:
    demo.title("the spec is valid")
    demo.reconciler("validate")
    demo.title("a plan")
    demo.reconciler("plan", "--detailed-exitcode", expect=2)
    demo.title("apply it")
    demo.reconciler("apply", "--yes")
    demo.title("a second plan is empty")
    demo.reconciler("plan", "--detailed-exitcode")
    demo.title("a charter fires, and the worker runs it")
    demo.temporal("schedule", "trigger", "--schedule-id", "governance:community")
    demo.until("completed", "status")
    demo.reconciler("status")
    demo.title("someone changes schedules manually")
    demo.temporal(
        *("schedule", "update", "--schedule-id", "governance:engineering"),
        *("--cron", "*/5 * * * *", "--overlap-policy", "AllowAll"),
        *("--type", "GovernanceScheduledRunWorkflow", "--task-queue", "scheduler-tasks"),
        *("--workflow-id", "governance:engineering", "--input", '{"entrypoint": "ENGINEERING"}'),
    )
    demo.temporal(
        *("schedule", "toggle", "--schedule-id", "governance:community"),
        *("--pause", "--reason", "too noisy during the incident"),
    )
    demo.title("the plan shows the drift")
    demo.reconciler("plan", "--detailed-exitcode", expect=2)
    demo.title("apply fixes it")
    demo.reconciler("apply", "--yes")
    demo.title("a charter is removed: its schedule is paused, not deleted")
    demo.remove_charter("GOVERN")
    demo.reconciler("apply", "--yes")
    demo.title("nothing is left to do")
    demo.reconciler("plan", "--detailed-exitcode")


def main() -> None:
    """Run the demo; with DEMO_UI=1, keep the server until Enter is pressed."""
    ui = os.environ.get("DEMO_UI") == "1"
    with devserver.running(ui=ui) as server, tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / SPEC).parent.mkdir()
        (folder / SPEC).write_bytes((ROOT / SPEC).read_bytes())
        walk(Demo(server, folder))
        if ui:
            sys.stdout.write(
                f"\nTemporal's UI: http://127.0.0.1:{server.ui_port}/namespaces/default/schedules\n"
                f"Its address for reconciler: {server.address}\nPress Enter to stop. "
            )
            sys.stdout.flush()
            sys.stdin.readline()
    sys.stdout.write("\nThe demo is done.\n")


if __name__ == "__main__":
    try:
        main()
    except programs.MissingProgramError as error:
        sys.exit(f"demo: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
