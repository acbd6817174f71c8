"""From a plan to its outcome: lock, show, guard, ask, record, apply, tell."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Literal, Protocol

from reconciler import errors, locking, model, ports, reconciling, settings
from reconciler.operating import clock, interrupts, sessions

_LOG = logging.getLogger(__name__)

Command = Literal["apply", "prune"]
Check = Callable[[model.Plan, int], None]


class Audience(Protocol):
    """Whoever is told what happens, in the order of the methods."""

    def plan(self, plan: model.Plan) -> None:
        """Hear what shall be done, before it is checked."""
        ...

    def agreed(self) -> bool:
        """Tell whether it shall be done."""
        ...

    def outcome(self, outcome: model.Outcome) -> None:
        """Hear what became of a step, as it ends."""
        ...

    def applied(self, applied: model.Applied) -> None:
        """Hear what became of all of them."""
        ...

    def warn(self, text: str) -> None:
        """Hear of something beside the work."""
        ...


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command that writes. `make` reads the server and returns the plan, `check` raises when it may not run.

    `check` hears how many schedules the last apply left, 0 where nobody knows; `before` is called right before the
    first write, and `unbegun` when no step was begun after all. `repeats` allows a stale step to be planned once more.
    """

    command: Command
    declaration: model.Declaration
    connection: settings.Connection
    writing: settings.Writing
    make: Callable[[sessions.Session], Coroutine[Any, Any, model.Plan]]
    check: Check
    before: Callable[[], None] = lambda: None
    unbegun: Callable[[], None] = lambda: None
    repeats: bool = True


def execute(job: Job, audience: Audience) -> errors.ExitCode:
    """Do the job and return its exit code."""
    with sessions.opened(job.connection) as session, _locked(session, job, audience) as lease:
        return _executed(session, job, audience, lease)


def why_off(declaration: model.Declaration, connection: settings.Connection) -> str:
    """Return why nothing is wanted here; empty when it is."""
    if not settings.schedules_enabled(connection.environ):
        return "GOVERNANCE_SCHEDULES_ENABLED switches schedules off here"
    return declared_off(declaration)


def declared_off(declaration: model.Declaration) -> str:
    """Return that the spec switches its environment off; empty when it does not."""
    if declaration.enabled:
        return ""
    return f"{declaration.path} switches environment {declaration.environment!r} off"


def _executed(session: sessions.Session, job: Job, audience: Audience, lease: ports.Lease) -> errors.ExitCode:
    plan = session.run(job.make(session))
    audience.plan(plan)
    _log("planned", digest=plan.digest, steps=len(plan.steps), **dataclasses.asdict(plan.target))
    with session.audit(job.writing) as audit:
        job.check(plan, session.run(audit.managed(plan.target)) if audit else 0)
        if not plan.steps:
            return errors.ExitCode.OK
        if not audience.agreed():
            audience.warn("Nothing done.")
            return errors.ExitCode.ERROR
        record = _Record(session, audit, _attempt(job, plan))
        try:
            job.before()
        except errors.ReconcilerError as error:
            record.end(plan, model.Applied(outcomes=()), error.message)
            raise

        def tell(outcome: model.Outcome) -> None:
            audience.outcome(outcome)
            _log_outcome(outcome)

        again = (lambda: job.make(session)) if job.repeats else None
        applied = session.run(reconciling.apply(plan, session.schedules, tell, again=again, lost=lease.lost))
        audience.applied(applied)
        try:
            record.end(plan, applied, "interrupted" if applied.interrupted else "")
        finally:
            if all(each.status is model.Status.SKIPPED for each in applied.outcomes):
                job.unbegun()
    return _exit_code(applied)


class _Record:
    """What the audit keeps of this attempt, which begins with it; nothing without a database."""

    def __init__(self, session: sessions.Session, audit: ports.Audit | None, attempt: model.Attempt) -> None:
        self._session = session
        self._audit = audit
        self._number = session.run(audit.begin(attempt)) if audit else 0

    def end(self, plan: model.Plan, applied: model.Applied, error: str) -> None:
        """Record the end; `errors.StoreError` says that only this is missing."""
        if self._audit is None:
            return
        steps, managed = _steps(applied), _managed(plan, applied)
        try:
            self._session.run(self._audit.end(self._number, steps, managed=managed, error=error))
        except errors.StoreError as lost:
            done = sum(each.status is model.Status.DONE for each in applied.outcomes)
            raise errors.StoreError(
                f"{done} of {len(steps)} steps are done, as told, and only the record of it could not be written: "
                f"{lost.message}",
                hint="; ".join([f"history shows #{self._number} as not ended", *filter(None, [lost.hint])]),
            ) from None


@contextlib.contextmanager
def _locked(session: sessions.Session, job: Job, audience: Audience) -> Iterator[ports.Lease]:
    origin = _origin(job)
    lock = session.lock(job.writing, job.declaration.prefix)
    holder = model.Holder(who=origin.who, run=origin.run, since=clock.now())
    lease = session.run(
        locking.take(lock, holder, job.writing.lock_timeout, lambda busy: audience.warn(f"Waiting: {busy}."))
    )
    _log("lock taken", who=holder.who, run=holder.run)
    try:
        yield lease
    finally:
        try:
            session.run(lease.release())
            _log("lock let go")
        except errors.ReconcilerError as error:  # what was done is done, and a lease ends by itself
            audience.warn(f"Warning: the lock could not be let go: {error.message}.")


def _origin(job: Job) -> settings.Origin:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        user = "unknown"
    return settings.origin(job.connection.environ, user, socket.gethostname())


def _attempt(job: Job, plan: model.Plan) -> model.Attempt:
    origin = _origin(job)
    return model.Attempt(
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


def _steps(applied: model.Applied) -> tuple[model.Step, ...]:
    return tuple(
        model.Step(id=each.change.id, verb=each.change.verb.word, status=each.status.value, detail=each.detail)
        for each in applied.outcomes
    )


def _managed(plan: model.Plan, applied: model.Applied) -> int:
    """Return how many managed schedules there are now: those that were there, and the created, less the deleted."""
    done = [each.change.verb for each in applied.outcomes if each.status is model.Status.DONE]
    found = sum(change.live is not None for change in plan.changes)
    return found + done.count(model.Verb.CREATE) - done.count(model.Verb.DELETE)


def _log(event: str, **fields: object) -> None:
    _LOG.info(event, extra={"fields": fields})


def _log_outcome(outcome: model.Outcome) -> None:
    verb, status = outcome.change.verb.word, outcome.status.value
    _log("step ended", schedule=outcome.change.id, verb=verb, status=status, detail=outcome.detail)


def _exit_code(applied: model.Applied) -> errors.ExitCode:
    if applied.interrupted:
        return interrupts.code()
    statuses = {outcome.status for outcome in applied.outcomes}
    if statuses <= {model.Status.DONE}:
        return errors.ExitCode.OK
    if statuses <= {model.Status.DONE, model.Status.STALE}:
        return errors.ExitCode.STALE
    return errors.ExitCode.ERROR
