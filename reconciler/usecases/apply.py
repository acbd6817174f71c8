"""Apply: lock, read, plan, review, show, guard, ask, record, write, retry stale steps, report."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import getpass
import logging
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, Protocol

from reconciler import errors, settings
from reconciler.documents import plan_json
from reconciler.plan import apply as plan_apply
from reconciler.plan import locks, plans, ports, progress, refresh, repeats
from reconciler.plan.apply import Lost, OnOutcome
from reconciler.runtime import clock, interrupts, salts, sessions
from reconciler.schedule import declarations, observed
from reconciler.usecases import readings
from reconciler.usecases.plan import session_plan

_LOG = logging.getLogger(__name__)
_PROMPT = 0.1  # seconds; a reply that took longer came from a person, and the lock was not watched in the meantime

_LOST_HINTS = {
    locks.ENDING: "apply again, with a longer --lock-lease",
    locks.UNSURE: "check that the server that holds the lock (PostgreSQL or Temporal) is healthy, then apply again",
}

Command = Literal["apply", "prune", "repair"]
Again = Callable[[], Awaitable[plans.Plan]]


class Audience(Protocol):
    """Reports progress to a person or a log; the methods are called in this order."""

    def plan(self, plan: plans.Plan) -> None:
        """Show the plan, before the guards check it."""
        ...

    def agreed(self) -> bool:
        """Return whether to apply it, after asking if needed."""
        ...

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show how a step ended, as soon as it has ended."""
        ...

    def applied(self, applied: plans.Applied) -> None:
        """Show how all steps ended."""
        ...

    def warn(self, text: str) -> None:
        """Show a warning; may be called at any time."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A command that writes: what it reads, checks, and does around the writes. Methods are called in this order.

    With `records_idle`, an attempt without steps is recorded; with `retries_stale`, stale steps are planned again.
    """

    command: Command
    declaration: declarations.Declaration
    connection: settings.Connection
    writing: settings.Writing
    records_idle: ClassVar[bool] = True
    retries_stale: ClassVar[bool] = True

    def is_ending(self) -> bool:
        """Return whether to stop waiting for the lock because the process is ending."""
        return False

    async def read(self, session: sessions.Session) -> plans.Plan:
        """Read the server and return the plan."""
        return await session_plan(session, self.declaration, self.writing.record)

    def review(self, plan: plans.Plan) -> None:
        """Raise, before the plan is shown, if it is not the one that was reviewed."""

    def guard(self, plan: plans.Plan, present: int) -> None:
        """Raise, after the plan is shown, if it must not run; the last apply left `present` schedules (0: unknown)."""
        raise NotImplementedError

    def before_first_write(self, last_commit: str) -> None:
        """Run before the first write; an exception prevents it. `last_commit` was applied last (empty if unknown)."""

    def write(
        self, plan: plans.Plan, session: sessions.Session, on_outcome: OnOutcome, lost: Lost
    ) -> Coroutine[Any, Any, plans.Applied]:
        """Make the server match the plan."""
        again = (lambda: self.read(session)) if self.retries_stale else None
        return apply_plan(plan, session.schedules, on_outcome, again=again, lost=lost, progress=session.progress)

    def after(self, outcomes: tuple[plans.Outcome, ...]) -> None:
        """Run after the last write; there are no outcomes if there was nothing to do."""

    def nothing_written(self) -> None:
        """Undo `before_first_write`, because no step was attempted."""


def execute(session: sessions.Session, job: Job, audience: Audience) -> errors.ExitCode:
    """Lock, read, review, show, guard, ask, record, write, and report; return the exit code."""
    has_database = job.writing.database is not None
    readings.check(job.declaration, job.writing.record, is_unaudited=has_database)
    with _locked(session, job, audience) as lease:
        read_at = clock.now()
        plan = session.run(job.read(session))
        where = {**plan_json.target(plan.target), "owner": plan.target.owner}
        _log("planned", digest=plan.digest, steps=len(plan.steps), **where)
        with (
            session.audit(job.writing) as audit,
            _recorded(session, audit, job, plan, _Record(audience=audience, read_at=read_at)) as record,
        ):
            job.review(plan)
            audience.plan(plan)
            job.guard(plan, session.run(audit.present(plan.target)) if audit else 0)
            if not plan.steps:
                record.started = True
                job.after(())
                return errors.ExitCode.OK
            if not _agreed(session, audience, lease):
                record.error = "declined"
                return errors.ExitCode.ERROR
            job.before_first_write(session.run(audit.commit(plan.target)) if audit else "")
            record.started = True
            applied = session.run(job.write(plan, session, record.on_outcome, lease.lost))
            record.on_applied(applied)
            audience.applied(applied)
            job.after(applied.outcomes)
            if all(outcome.status is plans.Status.SKIPPED for outcome in applied.outcomes):
                job.nothing_written()
    return _exit_code(applied)


def why_off(declaration: declarations.Declaration, connection: settings.Connection) -> str:
    """Return why schedules are disabled here; empty if they are enabled."""
    if not settings.schedules_enabled(connection.environ):
        return "schedules are disabled here by GOVERNANCE_SCHEDULES_ENABLED"
    return declaration.disabled


def _agreed(session: sessions.Session, audience: Audience, lease: ports.Lease) -> bool:
    """Ask for confirmation; raise `errors.LockedError` if the lock was lost in the meantime."""
    asked = time.monotonic()
    if not audience.agreed():
        audience.warn("Cancelled; nothing was changed.")
        return False
    if time.monotonic() - asked > _PROMPT:
        lease.doubt()
    lost = session.run(lease.lost())
    if lost:
        raise errors.LockedError(f"nothing was applied: {lost}", hint=_LOST_HINTS.get(lost, "apply again"))
    return True


@dataclasses.dataclass(slots=True, kw_only=True)
class _Record:
    """What the audit records at the end; `started` is true once something may have been written.

    `read_at` is when reading the server for the plan began.
    """

    audience: Audience
    read_at: datetime.datetime
    started: bool = False
    outcomes: tuple[plans.Outcome, ...] = ()
    error: str = ""

    def on_outcome(self, outcome: plans.Outcome) -> None:
        """Record, show, and log how a step ended."""
        self.outcomes = (*self.outcomes, outcome)
        self.audience.outcome(outcome)
        _log_outcome(outcome)

    def on_applied(self, applied: plans.Applied) -> None:
        """Record how all steps ended."""
        self.outcomes = applied.outcomes
        self.error = errors.INTERRUPTED if applied.interrupted else ""


@contextlib.contextmanager
def _recorded(
    session: sessions.Session, audit: ports.Audit | None, job: Job, plan: plans.Plan, record: _Record
) -> Iterator[_Record]:
    """Record the start of the attempt in the audit, if there is one, and how it ended, whatever happens."""
    if audit is None or not (plan.steps or job.records_idle):
        yield record
        return
    number = session.run(_start(audit, job, plan))

    def end() -> None:
        left = _left(plan, record.outcomes) if record.started else None
        found = _readings(job, plan, record)
        session.run(audit.end(number, map(_step, record.outcomes), left=left, error=record.error, readings=found))

    try:
        yield record
    except (Exception, KeyboardInterrupt) as error:
        record.error = errors.reason(error)
        with contextlib.suppress(errors.StoreError):  # the first error is the one to report
            end()
        raise
    try:
        end()
    except errors.StoreError as lost:
        raise _unrecorded(number, record.outcomes, lost) from None


def record_refusal(session: sessions.Session, job: Job, plan: plans.Plan, error: str) -> None:
    """Record an attempt that ended before anything was written, if there is an audit."""
    with session.audit(job.writing) as audit:
        if audit is not None:
            number = session.run(_start(audit, job, plan))
            session.run(audit.end(number, (), left=None, error=error))


async def _start(audit: ports.Audit, job: Job, plan: plans.Plan) -> int:
    """Record the start of an attempt, drop the readings of schedules that its plan changes, and return its number."""
    is_whole = job.command == "apply" and not plan.only
    declared = [charter.schedule.id for charter in job.declaration.charters] if is_whole else None
    return await audit.begin(_attempt(job, plan), doubtful=refresh.doubtful(plan), declared=declared)


def _readings(job: Job, plan: plans.Plan, record: _Record) -> Mapping[str, ports.Reading]:
    """Return what later plans may rely on; empty unless this is an apply, which compares schedules with the spec."""
    if job.command != "apply":
        return {}
    return refresh.readings(job.declaration, plan, record.outcomes, salt=salts.new(), read_at=record.read_at)


def _unrecorded(number: int, outcomes: tuple[plans.Outcome, ...], lost: errors.StoreError) -> errors.StoreError:
    """Return the error for an audit record that could not be written; it reports how many steps were applied."""
    done = sum(outcome.status is plans.Status.DONE for outcome in outcomes)
    result = f"{done} of {len(outcomes)} steps were applied" if outcomes else "there was nothing to apply"
    return errors.StoreError(
        f"{result}, but the audit record could not be written: {lost.message}",
        hint="; ".join([f"history shows #{number} as not finished", *filter(None, [lost.hint])]),
    )


@contextlib.contextmanager
def _locked(session: sessions.Session, job: Job, audience: Audience) -> Iterator[ports.Lease]:
    holder = holder_of(job.connection)
    lock = session.lock(job.writing, job.declaration.prefixes)

    def wait(busy: str) -> None:
        audience.warn(f"Waiting: {busy}.")

    lease = session.run(locks.take(lock, holder, job.writing.lock_timeout, wait, job.is_ending))
    _log("lock acquired", who=holder.who, run=holder.run)
    try:
        yield lease
    finally:
        try:
            session.run(lease.release())
            _log("lock released")
        except errors.ReconcilerError as error:  # the writes are done, and a lease expires on its own
            audience.warn(f"Warning: the lock could not be released: {error.message}.")


def holder_of(connection: settings.Connection) -> ports.Holder:
    """Return the identity of this program, which is shown to anyone waiting for its lock."""
    origin = _origin(connection)
    return ports.Holder(who=origin.who, run=origin.run, since=clock.now())


def _origin(connection: settings.Connection) -> settings.Origin:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        user = "unknown"
    return settings.origin(connection.environ, user, socket.gethostname())


def _attempt(job: Job, plan: plans.Plan) -> ports.Attempt:
    origin = _origin(job.connection)
    return ports.Attempt(
        command=job.command,
        who=origin.who,
        run=origin.run,
        commit=origin.commit,
        started_at=clock.now(),
        target=plan.target,
        spec_path=plan.spec_path,
        environment=plan.environment,
        digest=plan.digest,
    )


def _step(outcome: plans.Outcome) -> ports.Step:
    change = outcome.change
    return ports.Step(id=change.id, verb=change.verb.word, status=outcome.status.value, detail=outcome.detail)


def _left(plan: plans.Plan, outcomes: Iterable[plans.Outcome]) -> observed.Left:
    """Return how many schedules exist now: those that were found, plus those created, minus those deleted."""
    done = [outcome.change.verb for outcome in outcomes if outcome.status is plans.Status.DONE]
    growth = done.count(plans.Verb.CREATE) + done.count(plans.Verb.RENAME) - done.count(plans.Verb.DELETE)
    return observed.Left(managed=plan.found.managed + growth, present=plan.found.present + growth)


def _log(event: str, **fields: object) -> None:
    _LOG.info(event, extra={"fields": fields})


def _log_outcome(outcome: plans.Outcome) -> None:
    verb, status = outcome.change.verb.word, outcome.status.value
    _log("step ended", schedule=outcome.change.id, verb=verb, status=status, detail=outcome.detail)


def _exit_code(applied: plans.Applied) -> errors.ExitCode:
    if applied.interrupted:
        return interrupts.code()
    statuses = {outcome.status for outcome in applied.outcomes}
    if statuses <= {plans.Status.DONE}:
        return errors.ExitCode.OK
    if statuses <= {plans.Status.DONE, plans.Status.STALE}:
        return errors.ExitCode.STALE
    return errors.ExitCode.ERROR


async def apply_plan(
    plan: plans.Plan,
    schedules: ports.Schedules,
    on_outcome: OnOutcome,
    *,
    again: Again | None = None,
    lost: Lost = plan_apply.never,
    progress: ports.Progress = progress.SILENT,
) -> plans.Applied:
    """Make the server match the plan; see `plan_apply.apply`.

    A stale step is planned `again`, once, and applied if it is still the same step; if planning fails, it stays stale.
    """
    held: list[plans.Outcome] = []

    def hold_or_report(outcome: plans.Outcome) -> None:
        is_held = again is not None and outcome.status in (plans.Status.STALE, plans.Status.SKIPPED)
        held.append(outcome) if is_held else on_outcome(outcome)

    second = plans.Applied(outcomes=())
    try:
        first = await plan_apply.apply(plan, schedules, hold_or_report, lost=lost, progress=progress)
        repeatable = repeats.repeatable(first.outcomes)
        if again is not None and repeatable and not first.interrupted:
            with contextlib.suppress(errors.ServerError):
                same = repeats.same(await again(), repeatable)
                second = await plan_apply.apply(same, schedules, on_outcome, lost=lost, progress=progress)
    finally:
        repeated = {outcome.change.id: outcome for outcome in second.outcomes}
        for outcome in held:
            if outcome.change.id not in repeated:
                on_outcome(outcome)
    return plans.Applied(
        outcomes=tuple(repeated.get(outcome.change.id, outcome) for outcome in first.outcomes),
        interrupted=first.interrupted or second.interrupted,
    )
