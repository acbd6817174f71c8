"""Bad input is refused in words: no traceback, no hang, memory bounded; exit code 3 for specs, 5 for documents.

FUZZ_CASES says how many inputs, FUZZ_SEED which; the usual run has the same ones each time. An input that is not ended
as promised is kept in a file, which the failure names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import pathlib
import resource
import signal
import types
from collections.abc import Callable, Iterator, Mapping

import pytest

from reconciler import errors
from reconciler.documents import plan_json, saved, snapshots
from reconciler.plan import advice as plan_advice
from reconciler.plan import build, guards, plans, staleness
from reconciler.report import forecast, markdown, text
from reconciler.repospec import loader
from reconciler.runtime import files
from reconciler.schedule import declarations
from tests.fuzz import cases

CASES = int(os.environ.get("FUZZ_CASES") or 600)
SEED = os.environ.get("FUZZ_SEED") or "steady"
KINDS: tuple[cases.Kind, ...] = ("spec", "plan", "snapshot")
BATCH = 250  # inputs to a test
BATCHES = [(kind, number) for number in range(max(CASES // BATCH // len(KINDS), 1)) for kind in KINDS]

PATIENCE = 10  # seconds of work for one input
LONGEST_MESSAGE = 1_000_000  # characters; a line for each problem
GROWTH = 300 * 1024 * 1024  # bytes


class Hung(BaseException):
    """Raised where the work is that does not end; no handler of errors takes it for one."""


@contextlib.contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raise `Hung` after so much work of this process; a machine that is busy with other things does not count."""

    def hung(_: int, frame: types.FrameType | None) -> None:
        raise Hung(f"still at work after {seconds} s, in {frame}")

    before = signal.signal(signal.SIGPROF, hung)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def peak() -> int:
    """Return the most memory that this process ever had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize(("kind", "number"), BATCHES)
def test_bad_input_is_refused_in_words(kind: cases.Kind, number: int, tmp_path: pathlib.Path) -> None:
    """The memory is bounded when the most that the process ever had grows little: what an input takes is given back."""
    before = peak()
    print(f"seed {SEED}: {kind} {number}")
    refused = 0
    for count in range(min(BATCH, max(CASES // len(KINDS), 1))):
        seed = f"{SEED}/{kind}-{number}/{count}"
        case = cases.draw(kind, seed)
        path = tmp_path / kind
        path.write_bytes(case.data)
        try:
            with patience(PATIENCE):
                refused += _refused(kind, path, case.choice)
        except (Exception, Hung) as error:
            raise AssertionError(f"seed {seed}, {case.choice}: {path} ends in {error!r}"[:2000]) from error
    assert refused > 0
    assert peak() - before < GROWTH


def _refused(kind: cases.Kind, path: pathlib.Path, choice: declarations.Choice) -> bool:
    """Tell whether the input is refused, and see that it is so as promised."""
    try:
        TRIALS[kind](path, choice)
    except errors.ReconcilerError as error:
        _see_that_it_tells(error, CODES[kind], choice)
        return True
    return False


def _see_that_it_tells(error: errors.ReconcilerError, code: errors.ExitCode, choice: declarations.Choice) -> None:
    reported = f"{error.message}\n{error.hint}"
    if error.exit_code is errors.ExitCode.USAGE:  # of what stands on the command line
        assert "has no environment" in reported or "the snapshot contains schedules" in reported
        assert choice.environment is not None or "the snapshot contains schedules" in reported
    else:
        assert error.exit_code is code
    assert error.message.strip()
    assert len(reported) < LONGEST_MESSAGE
    _print(reported)


CODES: Mapping[cases.Kind, errors.ExitCode] = {
    "spec": errors.ExitCode.INVALID_SPEC,
    "plan": errors.ExitCode.STALE,
    "snapshot": errors.ExitCode.STALE,
}


def _print(reported: str) -> None:
    """Write as the console does."""
    io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace").write(reported)


def _spec(path: pathlib.Path, choice: declarations.Choice) -> None:
    """Do with a spec what `validate`, `plan` and `next` do."""
    declaration = loader.load(path, choice)
    for advice in plan_advice.advise(declaration, cases.NOW):
        _print(str(advice))
    target = dataclasses.replace(cases.TARGET, prefixes=declaration.prefixes, owner=declaration.owner)
    for live in ({}, cases.live_like(declaration)):
        _render(build.plan(declaration, live, target))
    for line in forecast.table(declaration.charters, cases.NOW, None, 5):
        _print(line)


def _plan(path: pathlib.Path, _: declarations.Choice) -> None:
    """Do with a saved plan what `show` does, and what `apply` does before it asks the server."""
    document = saved.loads(files.read(path), str(path))
    _render(document.plan)
    _print(saved.dumps(document))
    chosen = staleness.same_choice(document.choice, document.choice)
    for declaration in cases.parsed_specs()[:1]:
        dataclasses.replace(declaration, environment=chosen.environment, owner=chosen.owner or "")
    with contextlib.suppress(errors.StaleError):
        staleness.check(document.plan, cases.reviewed(), document.planned_at)


def _snapshot(path: pathlib.Path, _: declarations.Choice) -> None:
    """Do with a snapshot what `plan --live` does, for each of some specs."""
    taken = snapshots.loads(files.read(path), str(path))
    for declaration in cases.parsed_specs()[:8:3]:
        wanted = dataclasses.replace(declaration, prefixes=taken.target.prefixes)
        _render(build.plan_from_snapshot(wanted, taken.live, taken.target, taken.taken_at))


def _render(plan: plans.Plan) -> None:
    """Render in every way; a guard may refuse the plan."""
    _print(text.Text(color=True, verbose=True, now=cases.NOW).plan(plan))
    _print(markdown.plan(plan, verbose=True, now=cases.NOW))
    plan_json.dumps(plan).encode()
    with contextlib.suppress(errors.GuardError):
        guards.check(plan, now=cases.NOW)


TRIALS: Mapping[cases.Kind, Callable[[pathlib.Path, declarations.Choice], None]] = {
    "spec": _spec,
    "plan": _plan,
    "snapshot": _snapshot,
}
