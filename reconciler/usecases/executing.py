"""From a plan to its outcome: lock, show, guard, ask, record, apply, tell."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import logging
import socket
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Literal, Protocol

from reconciler import errors, settings
from reconciler.plan import locks, plans, ports
from reconciler.runtime import clock, interrupts, sessions
from reconciler.schedule import declarations, observed
from reconciler.usecases import reconciling

_LOG = logging.getLogger(__name__)
_MOMENT = 0.1  # seconds; where the answer took longer, a person was asked, and nobody looked after the lock

Command = Literal["apply", "prune", "repair"]
Check = Callable[[plans.Plan, int], None]


class Audience(Protocol):
    """Whoever is told what happens, in the order of the methods."""

    def plan(self, plan: plans.Plan) -> None:
        """Hear what shall be done, before it is checked."""
        ...

    def agreed(self) -> bool:
        """Tell whether it shall be done."""
        ...

    def outcome(self, outcome: plans.Outcome) -> None:
        """Hear what became of a step, as it ends."""
        ...

    def applied(self, applied: plans.Applied) -> None:
        """Hear what became of all of them."""
        ...

    def warn(self, text: str) -> None:
        """Hear of something beside the work."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command that writes. `make` reads the server and returns the plan, `check` raises when it may not run.

    `review` raises before the plan is shown, when it is not the one that a person has seen already. `check` hears how
    many schedules the last apply left, 0 where nobody knows; `before` is called right before the first write with the
    commit that was applied last (empty when unknown), and may still raise; `unbegun` when no step was begun after
    all; `after` hears how the steps ended, none where there were none. `repeats` allows a stale step to be planned
    once more, `keeps_idle` records an attempt that has nothing to do. What is `ending` does not wait for the lock any
    longer.
    """

    command: Command
    declaration: declarations.Declaration
    connection: settings.Connection
    writing: settings.Writing
    make: Callable[[sessions.Session], Coroutine[Any, Any, plans.Plan]]
    check: Check
    review: Callable[[plans.Plan], None] = lambda _: None
    before: Callable[[str], None] = lambda _: None
    unbegun: Callable[[], None] = lambda: None
    after: Callable[[tuple[plans.Outcome, ...]], None] = lambda _: None
    repeats: bool = True
    keeps_idle: bool = True
    ending: Callable[[], bool] = lambda: False


def execute(job: Job, audience: Audience) -> errors.ExitCode:
    """Do the job and return its exit code."""
    with sessions.opened(job.connection) as session:
        return execute_within(session, job, audience)


def execute_within(session: sessions.Session, job: Job, audience: Audience) -> errors.ExitCode:
    """Do the job over a connection that is there already."""
    with _locked(session, job, audience) as lease:
        return _executed(session, job, audience, lease)


def why_off(declaration: declarations.Declaration, connection: settings.Connection) -> str:
    """Return why nothing is wanted here; empty when it is."""
    if not settings.schedules_enabled(connection.environ):
        return "GOVERNANCE_SCHEDULES_ENABLED switches schedules off here"
    return declared_off(declaration)


def declared_off(declaration: declarations.Declaration) -> str:
    """Return that the spec switches its environment off; empty when it does not."""
    if declaration.enabled:
        return ""
    return f"{declaration.path} switches environment {declaration.environment!r} off"


def _executed(session: sessions.Session, job: Job, audience: Audience, lease: ports.Lease) -> errors.ExitCode:
    plan = session.run(job.make(session))
    _log("planned", digest=plan.digest, steps=len(plan.steps), **dataclasses.asdict(plan.target))
    with session.audit(job.writing) as audit, _recorded(session, audit, job, plan) as record:
        job.review(plan)
        audience.plan(plan)
        job.check(plan, session.run(audit.present(plan.target)) if audit else 0)
        asked = time.monotonic()
        if plan.steps and not audience.agreed():
            audience.warn("Nothing done.")
            record.error = "declined"
            return errors.ExitCode.ERROR
        if not plan.steps:
            record.begun = True
            job.after(())
            return errors.ExitCode.OK
        if time.monotonic() - asked > _MOMENT:
            lease.doubt()
        _check_held(session, lease)
        job.before(session.run(audit.commit(plan.target)) if audit else "")
        record.begun = True
        applied = _applied(session, job, audience, lease, plan, record)
        audience.applied(applied)
        job.after(applied.outcomes)
        if all(each.status is plans.Status.SKIPPED for each in applied.outcomes):
            job.unbegun()
    return _exit_code(applied)


def _applied(
    session: sessions.Session, job: Job, audience: Audience, lease: ports.Lease, plan: plans.Plan, record: _Record
) -> plans.Applied:
    def tell(outcome: plans.Outcome) -> None:
        record.outcomes = (*record.outcomes, outcome)
        audience.outcome(outcome)
        _log_outcome(outcome)

    again = (lambda: job.make(session)) if job.repeats else None
    applied = session.run(reconciling.apply(plan, session.schedules, tell, again=again, lost=lease.lost))
    record.outcomes = applied.outcomes
    record.error = "interrupted" if applied.interrupted else ""
    return applied


def _check_held(session: sessions.Session, lease: ports.Lease) -> None:
    """Raise `errors.LockedError` when the lock went while a person was asked; nobody looked after it then."""
    lost = session.run(lease.lost())
    if lost:
        raise errors.LockedError(
            f"nothing is applied: {lost}", hint="apply again; a longer --lock-lease leaves more time to answer"
        )


@dataclasses.dataclass(slots=True)
class _Record:
    """What there is to record at the end; `begun` once it may be that something was written."""

    begun: bool = False
    outcomes: tuple[plans.Outcome, ...] = ()
    error: str = ""


@contextlib.contextmanager
def _recorded(session: sessions.Session, audit: ports.Audit | None, job: Job, plan: plans.Plan) -> Iterator[_Record]:
    """Keep in the audit, where there is one, that the attempt began, and how it ended, however that was."""
    record = _Record()
    if audit is None or not (plan.steps or job.keeps_idle):
        yield record
        return
    number = session.run(audit.begin(_attempt(job, plan)))

    def end() -> None:
        left = _left(plan, record.outcomes) if record.begun else None
        session.run(audit.end(number, map(_step, record.outcomes), left=left, error=record.error))

    try:
        yield record
    except (Exception, KeyboardInterrupt) as error:
        record.error = _reason(error)
        with contextlib.suppress(errors.StoreError):  # what went wrong first is what is told
            end()
        raise
    try:
        end()
    except errors.StoreError as lost:
        raise _unrecorded(number, record.outcomes, lost) from None


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return error.message if isinstance(error, errors.ReconcilerError) else f"a defect: {type(error).__name__}"


def _unrecorded(number: int, outcomes: tuple[plans.Outcome, ...], lost: errors.StoreError) -> errors.StoreError:
    """Return the error that says what was done all the same."""
    done = sum(each.status is plans.Status.DONE for each in outcomes)
    told = f"{done} of {len(outcomes)} steps are done, as told" if outcomes else "nothing was to be done"
    return errors.StoreError(
        f"{told}, and only the record of it could not be written: {lost.message}",
        hint="; ".join([f"history shows #{number} as not ended", *filter(None, [lost.hint])]),
    )


@contextlib.contextmanager
def _locked(session: sessions.Session, job: Job, audience: Audience) -> Iterator[ports.Lease]:
    holder = holder_of(job.connection)
    lock = session.lock(job.writing, job.declaration.prefix)

    def wait(busy: str) -> None:
        audience.warn(f"Waiting: {busy}.")

    lease = session.run(locks.take(lock, holder, job.writing.lock_timeout, wait, job.ending))
    _log("lock taken", who=holder.who, run=holder.run)
    try:
        yield lease
    finally:
        try:
            session.run(lease.release())
            _log("lock let go")
        except errors.ReconcilerError as error:  # what was done is done, and a lease ends by itself
            audience.warn(f"Warning: the lock could not be let go: {error.message}.")


def holder_of(connection: settings.Connection) -> ports.Holder:
    """Return who this program is, as whoever waits for it is told."""
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
    """Return how many schedules there are now: those that were there, and the created, less the deleted."""
    done = [each.change.verb for each in outcomes if each.status is plans.Status.DONE]
    more = done.count(plans.Verb.CREATE) - done.count(plans.Verb.DELETE)
    return observed.Left(managed=plan.found.managed + more, present=plan.found.present + more)


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
