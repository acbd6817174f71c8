"""Apply a plan: write each step once, read it back, and report its outcome as soon as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from reconciler import errors
from reconciler.plan import diff, plans, ports, progress

CONCURRENCY = 20  # concurrent writes; more would not be faster on a dev server, and would overload a shared one

_PATIENCE = 3  # consecutive steps without a response, after which the server is considered unavailable

OnOutcome = Callable[[plans.Outcome], None]
Lost = Callable[[], Awaitable[str]]


async def never() -> str:
    """Always report that the lock is not lost, for an apply without a lock."""
    return ""


async def apply(
    plan: plans.Plan,
    schedules: ports.Schedules,
    on_outcome: OnOutcome,
    *,
    lost: Lost = never,
    progress: ports.Progress = progress.SILENT,
) -> plans.Applied:
    """Write the plan's steps and return an outcome for each of them, in the plan's order.

    `on_outcome` is called with each outcome as it happens. Pauses come last, and only if everything else succeeded, so
    that an incomplete apply never leaves fewer schedules running than before. One failure does not stop the other
    steps, but the apply ends when the server does not respond to several steps in a row, or when the lock is lost
    (`lost` returns why; empty while it is held): steps that were not started are SKIPPED. `lost` is called before a
    step is started, and again just before each write is sent, no matter how long that write waited for its turn. When
    the task is canceled, steps in progress are finished first; if it is canceled again, they are reported in their
    current state.
    """
    with progress.work("applying", "changes", len(plan.steps), calls=sum(map(_calls, plan.steps))) as advance:

        def on_end(outcome: plans.Outcome) -> None:
            on_outcome(outcome)
            advance()

        walk = _Walk(schedules, on_end, lost)
        work = asyncio.ensure_future(walk.run(plan))
        try:
            return plans.Applied(outcomes=await asyncio.shield(work))
        except asyncio.CancelledError:
            return await _interrupted(walk, work, plan)
        except Exception:  # a defect
            walk.abandon(plan.steps)
            raise


def _calls(change: plans.Change) -> int:
    """Return how many calls a step takes: a write between two reads; a create needs only the second read."""
    if change.origin is None:
        return 2 if change.live is None else 3
    return 3 if change.origin.verb is plans.Verb.KEEP else 6


async def _interrupted(walk: _Walk, work: asyncio.Future[tuple[plans.Outcome, ...]], plan: plans.Plan) -> plans.Applied:
    walk.stop(errors.INTERRUPTED)
    try:
        outcomes = await asyncio.shield(work)
    except asyncio.CancelledError:
        work.cancel()
        walk.abandon(plan.steps)
        raise
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()  # the interruption is handled: later awaits must not be canceled
    return plans.Applied(outcomes=outcomes, interrupted=True)


class _Walk:
    """The concurrent steps of one apply, until something stops them."""

    def __init__(self, schedules: ports.Schedules, on_outcome: OnOutcome, lost: Lost) -> None:
        self._schedules = schedules.guarded(self._permit)
        self._on_outcome = on_outcome
        self._lost = lost
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._stopped = ""
        self._unanswered = 0
        self._started: set[str] = set()
        self._ended: set[str] = set()

    async def run(self, plan: plans.Plan) -> tuple[plans.Outcome, ...]:
        """Return the outcomes in the plan's order; an unexpected exception is re-raised once all steps have ended."""
        first = [change for change in plan.steps if not change.verb.is_last]
        last = [change for change in plan.steps if change.verb.is_last]
        outcomes = _outcomes(await asyncio.gather(*map(self._turn, first), return_exceptions=True))
        if any(outcome.status is not plans.Status.DONE for outcome in outcomes):
            reason = "not paused because an earlier step did not succeed"
            return outcomes + tuple(self.end(change, plans.Status.SKIPPED, reason) for change in last)
        return outcomes + _outcomes(await asyncio.gather(*map(self._turn, last), return_exceptions=True))

    def end(self, change: plans.Change, status: plans.Status, detail: str = "") -> plans.Outcome:
        outcome = plans.Outcome(change=change, status=status, detail=detail)
        self._ended.add(change.id)
        self._on_outcome(outcome)
        return outcome

    def stop(self, reason: str) -> None:
        """Start no further steps; the first reason is kept."""
        self._stopped = self._stopped or reason

    def abandon(self, changes: Iterable[plans.Change]) -> None:
        """Report every step that has not ended, with what is known about its state."""
        for change in changes:
            if change.id in self._ended:
                continue
            if change.id in self._started:
                self.end(change, plans.Status.FAILED, "interrupted; the write may or may not have taken effect")
            else:
                self.end(change, plans.Status.SKIPPED, f"not started ({self._stopped})")

    async def _turn(self, change: plans.Change) -> plans.Outcome:
        async with self._slots:
            stopped = self._stopped or await self._lost() or self._stopped
            if stopped:
                return self.end(change, plans.Status.SKIPPED, f"not started ({stopped})")
            self._started.add(change.id)
            try:
                ended = await (self._renaming(change, change.origin) if change.origin else self._step(change))
                self._unanswered = 0
                return self.end(change, *ended)
            except errors.UnreachableError as error:
                self._unanswered += 1
                if self._unanswered >= _PATIENCE:
                    self.stop(error.message)
                return self.end(
                    change, plans.Status.FAILED, f"the write may or may not have taken effect: {error.message}"
                )
            except errors.ServerError as error:
                return self.end(change, plans.Status.FAILED, error.message)
            except Exception:
                self.stop("a bug in reconciler interrupted another step")
                self.end(change, plans.Status.FAILED, "the write may or may not have taken effect: a bug in reconciler")
                raise

    async def _renaming(self, change: plans.Change, origin: plans.Change) -> tuple[plans.Status, str]:
        """Create the schedule, then pause the one that it replaces, so that at least one of them is always active."""
        if origin.live is not None and not await self._schedules.is_current(origin.live):
            return plans.Status.STALE, f"{origin.id} changed since it was planned; plan again"
        status, detail = await self._step(change)
        if status is not plans.Status.DONE or origin.verb is plans.Verb.KEEP:
            return status, detail
        status, why = await self._step(origin)
        if status is plans.Status.DONE:
            return status, detail
        return status, f"created, but {origin.id}, which it replaces, was not paused: {why}"

    async def _step(self, change: plans.Change) -> tuple[plans.Status, str]:
        """Write, then read back, because only that distinguishes a lost response from a dropped write."""
        refusal: errors.ServerError | None = None
        try:
            await self._write(change)
        except errors.ServerError as error:
            refusal = error
        remaining = await self._remaining(change)
        if not remaining:
            alike = change.live is None and isinstance(refusal, errors.ConflictError)
            return plans.Status.DONE, "someone else already made the same change" if alike else ""
        if refusal is None or isinstance(refusal, errors.ConflictError):
            return plans.Status.STALE, f"the live schedule changed since it was planned: {remaining}; plan again"
        unknown = isinstance(refusal, errors.UnreachableError)
        return (
            plans.Status.FAILED,
            f"the change did not appear on the server: {refusal.message}" if unknown else refusal.message,
        )

    async def _write(self, change: plans.Change) -> None:
        if change.live is None:
            await self._schedules.create(change.after)
            return
        if not await self._schedules.is_current(change.live):
            raise errors.ConflictError("it is no longer the schedule that was planned")
        await self._permit()
        if change.verb is plans.Verb.DELETE:
            await self._schedules.delete(change.id)
        else:
            await self._schedules.update(change.live, change.after)

    async def _permit(self) -> None:
        """Return only if a write may be sent now; raise `errors.ServerError` if the lock is lost."""
        lost = await self._lost()
        if lost:
            raise errors.ServerError(f"not written: {lost}")

    async def _remaining(self, change: plans.Change) -> str:
        """Return, in words, which parts of the change are not on the server; empty if it took effect."""
        live = await self._schedules.describe(change.id)
        if change.verb is plans.Verb.DELETE:
            return "it still exists" if live else ""
        if live is None:
            return "it no longer exists"
        return ", ".join(field.path for field in diff.diff(live.schedule, change.after))


def _outcomes(ended: Iterable[plans.Outcome | BaseException]) -> tuple[plans.Outcome, ...]:
    """Return the outcomes, or raise the first exception among them."""
    outcomes = []
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
        outcomes.append(outcome)
    return tuple(outcomes)
