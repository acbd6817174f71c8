"""A job from its plan to its outcome: in which order it is recorded, marked and done."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import typing
from collections.abc import Collection, Coroutine, Iterator
from typing import Any

import pytest

from reconciler import errors, settings
from reconciler.plan import locks, plans
from reconciler.runtime import sessions
from reconciler.usecases.apply import Job, execute
from tests.unit import builders

PLAN = builders.plan([builders.schedule("a"), builders.schedule("b")], [])


class Reported:
    """Writes down what happens; stands for the audience, the audit and the session."""

    def __init__(self, *statuses: plans.Status, fails: str = "") -> None:
        self.messages: list[str] = []
        self._statuses = statuses
        self._fails = fails
        self.schedules = None
        self.locked = locks.Unlocked()
        self.doubtful: list[str] = []
        self.declared: Collection[str] | None = None

    def note(self, what: str) -> None:
        """Write down what happens, or let it fail."""
        self.messages.append(what)
        if what == self._fails:
            raise errors.StoreError(f"{what} failed")

    def run(self, question: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(question)

    def lock(self, *_: object) -> locks.Unlocked:
        return self.locked

    @contextlib.contextmanager
    def audit(self, _: object) -> Iterator[Reported]:
        yield self

    async def present(self, _: object) -> int:
        return 0

    async def commit(self, _: object) -> str:
        return ""

    async def begin(self, _: object, *, doubtful: Collection[str], declared: Collection[str] | None) -> int:
        self.doubtful, self.declared = sorted(doubtful), declared
        self.note("begin")
        return 7

    async def end(self, number: int, *_: object, error: str, **__: object) -> None:
        self.note("end")
        self.messages.append(f"#{number} {error}".strip())

    async def apply(self, plan: plans.Plan, *_: object, **__: object) -> plans.Applied:
        self.note("apply")
        ended = zip(plan.steps, self._statuses, strict=True)
        return plans.Applied(outcomes=tuple(plans.Outcome(change=each, status=status) for each, status in ended))

    def agreed(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        """Hear all else without a word: plan, outcome, applied, warn."""
        return lambda *_: None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Marking(Job):
    """Applies a plan, which it marks as used before the first write."""

    reported: Reported

    async def read(self, _: object) -> plans.Plan:
        return PLAN

    def guard(self, *_: object) -> None:
        """Let every plan run."""

    def before_first_write(self, _: str) -> None:
        self.reported.note("mark")

    async def write(self, plan: plans.Plan, *_: object) -> plans.Applied:
        return await self.reported.apply(plan)

    def nothing_written(self) -> None:
        self.reported.note("unmark")


def executed(reported: Reported) -> list[str]:
    """Execute a job and return what happened."""
    job = Marking(
        command="apply",
        declaration=builders.declaration(),
        connection=settings.Connection(),
        writing=settings.Writing(),
        reported=reported,
    )
    execute(typing.cast("sessions.Session", reported), job, reported)
    return reported.messages


def test_a_plan_is_marked_right_before_the_first_write() -> None:
    done = Reported(plans.Status.DONE, plans.Status.SKIPPED)
    assert executed(done) == ["begin", "mark", "apply", "end", "#7"]


def test_a_plan_of_which_no_step_was_begun_is_marked_no_longer() -> None:
    skipped = Reported(plans.Status.SKIPPED, plans.Status.SKIPPED)
    assert executed(skipped) == ["begin", "mark", "apply", "unmark", "end", "#7"]


def test_a_plan_whose_record_cannot_begin_is_not_marked() -> None:
    reported = Reported(fails="begin")
    with pytest.raises(errors.StoreError):
        executed(reported)
    assert reported.messages == ["begin"]


def test_a_plan_that_cannot_be_marked_is_not_applied_and_its_record_ends() -> None:
    reported = Reported(fails="mark")
    with pytest.raises(errors.StoreError):
        executed(reported)
    assert reported.messages == ["begin", "mark", "end", "#7 mark failed"]


def test_a_record_that_cannot_end_says_what_is_done() -> None:
    reported = Reported(plans.Status.DONE, plans.Status.SKIPPED, fails="end")
    with pytest.raises(errors.StoreError, match="1 of 2 steps were applied, but the audit record") as caught:
        executed(reported)
    assert (caught.value.hint, caught.value.exit_code) == ("history shows #7 as not finished", errors.ExitCode.ERROR)


def test_no_reading_is_left_of_what_is_written_although_the_apply_is_killed() -> None:
    reported = Reported(fails="mark")
    with pytest.raises(errors.StoreError):
        executed(reported)
    assert reported.doubtful == [change.id for change in PLAN.steps]
    assert reported.declared == []


class Lost(locks.Unlocked):
    """A lock that is lost for a reason."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    async def lost(self) -> str:
        return self._reason


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        (locks.ENDING, "apply again, with a longer --lock-lease"),
        (
            locks.UNSURE,
            "check that the server that holds the lock (PostgreSQL or Temporal) is healthy, then apply again",
        ),
        (locks.TAKEN, "apply again"),
    ],
)
def test_what_to_do_about_a_lost_lock_depends_on_the_reason(reason: str, hint: str) -> None:
    reported = Reported()
    reported.locked = Lost(reason)
    with pytest.raises(errors.LockedError, match=f"nothing was applied: {reason}") as caught:
        executed(reported)
    assert caught.value.hint == hint
