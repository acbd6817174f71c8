"""A plan to outcomes: each step written once, read back, and reported as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from reconciler import errors
from reconciler.plan import diff, plans, ports

CONCURRENCY = 20  # concurrent writes; more are not faster on a dev server, and inconsiderate on a shared one

_PATIENCE = 3  # consecutive steps without a response, after which the server is considered unavailable

Tell = Callable[[plans.Outcome], None]
Lost = Callable[[], Awaitable[str]]


async def never() -> str:
    """Say that no lock is lost, where there is none."""
    return ""


async def apply(plan: plans.Plan, schedules: ports.Schedules, tell: Tell, *, lost: Lost = never) -> plans.Applied:
    """Walk the plan and return an outcome for every step, in the plan's order.

    `tell` is called with each outcome as it happens. Pauses come last and only when all else succeeded, so that a
    half-done apply never leaves less running than before. One failure does not stop its neighbours, but a server that
    gives no answer to several steps in a row ends the walk, and so does a lock that is `lost` (its reason, empty while
    it is held): what was not started is SKIPPED. When the task is cancelled, the steps under way end first; when it is
    cancelled again, they are reported as they are.
    """
    walk = _Walk(schedules, tell, lost)
    work = asyncio.ensure_future(walk.run(plan))
    try:
        return plans.Applied(outcomes=await asyncio.shield(work))
    except asyncio.CancelledError:
        return await _interrupted(walk, work, plan)
    except Exception:  # a defect
        walk.abandon(plan.steps)
        raise


async def _interrupted(walk: _Walk, work: asyncio.Future[tuple[plans.Outcome, ...]], plan: plans.Plan) -> plans.Applied:
    walk.stop("interrupted")
    try:
        outcomes = await asyncio.shield(work)
    except asyncio.CancelledError:
        work.cancel()
        walk.abandon(plan.steps)
        raise
    task = asyncio.current_task()
    if task is not None:
        task.uncancel()  # it is dealt with: what follows may take its time again
    return plans.Applied(outcomes=outcomes, interrupted=True)


class _Walk:
    """The steps of one apply, side by side, until something stops them."""

    def __init__(self, schedules: ports.Schedules, tell: Tell, lost: Lost) -> None:
        self._schedules = schedules
        self._tell = tell
        self._lost = lost
        self._slots = asyncio.Semaphore(CONCURRENCY)
        self._stopped = ""
        self._unanswered = 0
        self._begun: set[str] = set()
        self._ended: set[str] = set()

    async def run(self, plan: plans.Plan) -> tuple[plans.Outcome, ...]:
        """Return the outcomes in the plan's order; a defect in a step is raised once its neighbours have ended."""
        first = [change for change in plan.steps if not change.verb.is_last]
        last = [change for change in plan.steps if change.verb.is_last]
        outcomes = _outcomes(await asyncio.gather(*map(self._turn, first), return_exceptions=True))
        if any(outcome.status is not plans.Status.DONE for outcome in outcomes):
            reason = "not paused, because a step before it did not succeed"
            return outcomes + tuple(self.end(change, plans.Status.SKIPPED, reason) for change in last)
        return outcomes + _outcomes(await asyncio.gather(*map(self._turn, last), return_exceptions=True))

    def end(self, change: plans.Change, status: plans.Status, detail: str = "") -> plans.Outcome:
        outcome = plans.Outcome(change=change, status=status, detail=detail)
        self._ended.add(change.id)
        self._tell(outcome)
        return outcome

    def stop(self, reason: str) -> None:
        """Begin no further step."""
        self._stopped = self._stopped or reason

    def abandon(self, changes: Iterable[plans.Change]) -> None:
        """Report what is known of every step that has not ended."""
        for change in changes:
            if change.id in self._ended:
                continue
            if change.id in self._begun:
                self.end(change, plans.Status.FAILED, "interrupted; the write may or may not have taken effect")
            else:
                self.end(change, plans.Status.SKIPPED, f"not started: {self._stopped}")

    async def _turn(self, change: plans.Change) -> plans.Outcome:
        async with self._slots:
            stopped = self._stopped or await self._lost() or self._stopped
            if stopped:
                return self.end(change, plans.Status.SKIPPED, f"not started: {stopped}")
            self._begun.add(change.id)
            try:
                ended = await self._step(change)
                self._unanswered = 0
                return self.end(change, *ended)
            except errors.UnreachableError as error:
                self._unanswered += 1
                if self._unanswered >= _PATIENCE:
                    self.stop(error.message)
                return self.end(change, plans.Status.FAILED, f"it may be written or not: {error.message}")
            except errors.ServerError as error:
                return self.end(change, plans.Status.FAILED, error.message)
            except Exception:
                self.stop("a defect in reconciler ended another step")
                self.end(change, plans.Status.FAILED, "it may be written or not: a defect in reconciler")
                raise

    async def _step(self, change: plans.Change) -> tuple[plans.Status, str]:
        """Write, then believe only what the server shows: that distinguishes a lost response from a dropped write."""
        refusal: errors.ServerError | None = None
        try:
            await self._write(change)
        except errors.ServerError as error:
            refusal = error
        left = await self._left(change)
        if not left:
            alike = change.live is None and isinstance(refusal, errors.ConflictError)
            return plans.Status.DONE, "already done identically by someone else" if alike else ""
        if refusal is None or isinstance(refusal, errors.ConflictError):
            return plans.Status.STALE, f"the live schedule changed since it was planned: {left}; plan again"
        unknown = isinstance(refusal, errors.UnreachableError)
        return (
            plans.Status.FAILED,
            f"the change did not appear on the server: {refusal.message}" if unknown else refusal.message,
        )

    async def _write(self, change: plans.Change) -> None:
        if change.live is None:
            await self._schedules.create(change.after)
            return
        now = await self._schedules.describe(change.id)
        if now is None or (now.token, now.created_at) != (change.live.token, change.live.created_at):
            raise errors.ConflictError("it is no longer the schedule that was planned")
        lost = await self._lost()
        if lost:
            raise errors.ServerError(f"not written: {lost}")
        if change.verb is plans.Verb.DELETE:
            await self._schedules.delete(change.id)
        else:
            await self._schedules.update(change.live, change.after)

    async def _left(self, change: plans.Change) -> str:
        """Return what the live schedule still lacks, in words; empty when the change is in place."""
        live = await self._schedules.describe(change.id)
        if change.verb is plans.Verb.DELETE:
            return "it is still there" if live else ""
        if live is None:
            return "it is gone"
        return ", ".join(field.path for field in diff.diff(live.schedule, change.after))


def _outcomes(ended: Iterable[plans.Outcome | BaseException]) -> tuple[plans.Outcome, ...]:
    """Return the outcomes, or raise the first defect among them."""
    outcomes = []
    for outcome in ended:
        if isinstance(outcome, BaseException):
            raise outcome
        outcomes.append(outcome)
    return tuple(outcomes)
