"""The CPU time of a command that exits immediately, compared with an interpreter that imports only what it needs."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

from bench import results

RUNS = 15  # of each, alternating
SPEC = "governance:\n  schedules:\n    - {charter: NIGHTLY, cron: '0 3 * * *', entrypoint: NIGHTLY}\n"
PROGRAM = (sys.executable, "-m", "reconciler")
CLICK = (sys.executable, "-c", "import click")
LIBRARIES = (sys.executable, "-c", "import click, yaml, jsonschema")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A command and its floor."""

    name: str
    command: tuple[str, ...]
    floor: tuple[str, ...]
    completes: str = ""


def main() -> None:
    """Measure and print a line for each command."""
    with tempfile.TemporaryDirectory() as folder:
        spec = pathlib.Path(folder, "repo-spec.yaml")
        spec.write_text(SPEC, encoding="utf-8")
        cases = (
            Case(name="--version", command=(*PROGRAM, "--version"), floor=CLICK),
            Case(name="--help", command=(*PROGRAM, "--help"), floor=CLICK),
            Case(name="completion", command=PROGRAM, floor=CLICK, completes="reconciler pl"),
            Case(name="validate", command=(*PROGRAM, "validate", "--spec", str(spec)), floor=LIBRARIES),
        )
        report = results.Report("startup", ("startup, CPU time of a process (median)", "reconciler", "floor", "ratio"))
        for case in cases:
            both = [(_seconds(case.command, case.completes), _seconds(case.floor)) for _ in range(RUNS)]
            ours, floor = (statistics.median(each) for each in zip(*both, strict=True))
            report.add(case.name, f"{ours * 1000:.0f} ms", f"{floor * 1000:.0f} ms", f"{ours / floor:.2f}")
        report.save()


def _seconds(command: tuple[str, ...], completes: str = "") -> float:
    """Run a command and return its CPU time in seconds; raise CalledProcessError if it fails."""
    environment = dict(os.environ)
    if completes:
        words = {"COMP_WORDS": completes, "COMP_CWORD": "1", "_RECONCILER_COMPLETE": "bash_complete"}
        environment |= words
        command = (
            sys.executable,
            "-c",
            "import sys; sys.argv[0] = 'reconciler'; from reconciler.__main__ import main; main()",
        )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
