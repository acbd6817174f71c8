"""From a plan to its outcome: lock, show, guard, ask, record, apply, tell."""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import logging
import socket
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Literal

from reconciler import errors, locking, model, ports, reconciling, settings
from reconciler.cli import common, console, interrupts, sessions
from reconciler.documents import outcomes
from reconciler.report import text as text_report

_LOG = logging.getLogger(__name__)

Form = Literal["text", "json"]
Command = Literal["apply", "prune"]
Check = Callable[[model.Plan, int], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One command that writes. `make` reads the server and returns the plan, `check` raises when it may not run.

    `check` hears how many schedules the last apply left, 0 where nobody knows; `before` is called before the first
    write. `repeats` allows a stale step to be planned once more.
    """

    command: Command
    declaration: model.Declaration
    connection: settings.Connection
    writing: settings.Writing
    make: Callable[[sessions.Session], Coroutine[Any, Any, model.Plan]]
    check: Check
    before: Callable[[], None] = lambda: None
    repeats: bool = True
    yes: bool = False


def execute(out: console.Console, teller: Teller, job: Job) -> errors.ExitCode:
    """Do the job and return its exit code."""
    with sessions.opened(job.connection) as session, _locked(out, session, job) as lease:
        return _executed(out, session, job, teller, lease)


def _executed(
    out: console.Console, session: sessions.Session, job: Job, teller: Teller, lease: ports.Lease
) -> errors.ExitCode:
    plan = session.run(job.make(session))
    teller.plan(plan)
    _log("planned", digest=plan.digest, steps=len(plan.steps), **dataclasses.asdict(plan.target))
    with session.audit(job.writing) as audit:
        job.check(plan, session.run(audit.managed(plan.target)) if audit else 0)
        if not plan.steps:
            return errors.ExitCode.OK
        if not job.yes and not teller.agreed():
            out.warn("Nothing applied.")
            return errors.ExitCode.ERROR
        job.before()
        number = session.run(audit.begin(_attempt(job, plan))) if audit else 0
        again = (lambda: job.make(session)) if job.repeats else None
        applied = session.run(reconciling.apply(plan, session.schedules, teller.outcome, again=again, lost=lease.lost))
        teller.applied(applied)
        if audit:
            steps, managed = _steps(applied), _managed(plan, applied)
            session.run(audit.end(number, steps, managed=managed, error="interrupted" if applied.interrupted else ""))
    return _exit_code(applied)


@contextlib.contextmanager
def _locked(out: console.Console, session: sessions.Session, job: Job) -> Iterator[ports.Lease]:
    origin = _origin(job)
    lock = session.lock(job.writing, job.declaration.prefix)
    holder = model.Holder(who=origin.who, run=origin.run, since=common.now())
    lease = session.run(
        locking.take(lock, holder, job.writing.lock_timeout, lambda busy: out.warn(f"Waiting: {busy}."))
    )
    _log("lock taken", who=holder.who, run=holder.run)
    try:
        yield lease
    finally:
        try:
            session.run(lease.release())
            _log("lock let go")
        except errors.ReconcilerError as error:  # what was done is done, and a lease ends by itself
            out.warn(f"Warning: the lock could not be let go: {error.message}.")


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
        started_at=common.now(),
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


class Teller:
    """Tells what happens: text as it comes, or one JSON document at the end, whatever the end is."""

    def __init__(self, out: console.Console, rendering: text_report.Text, command: Command, form: Form) -> None:
        self._out = out
        self._rendering = rendering
        self._command = command
        self._form = form
        self._plan: model.Plan | None = None
        self._applied: model.Applied | None = None
        self._heard: list[model.Outcome] = []
        self._skipped = ""

    def run(self, work: Callable[[], errors.ExitCode]) -> errors.ExitCode:
        """Return the exit code of the work, told; so is an error, which goes on."""
        try:
            code = work()
        except errors.ReconcilerError as error:
            self._ended(error.exit_code, error)
            raise
        except KeyboardInterrupt:
            self._ended(interrupts.code())
            raise
        self._ended(code)
        return code

    def skipped(self, reason: str) -> errors.ExitCode:
        """Tell why nothing is wanted."""
        self._skipped = reason
        self._text(f"Nothing to do: {reason}.\n")
        return errors.ExitCode.OK

    def agreed(self) -> bool:
        """Ask whether the plan shall be done; `errors.UsageError` where nobody can be asked."""
        if self._form == "json":
            raise errors.UsageError("nobody is asked with --format json", hint="pass --yes to do it without asking")
        return common.agreed(self._out, f"{self._command.capitalize()} this plan?")

    def plan(self, plan: model.Plan) -> None:
        """Tell what shall be done."""
        self._plan = plan
        self._text(self._rendering.plan(plan))

    def outcome(self, outcome: model.Outcome) -> None:
        """Tell what became of a step."""
        self._text(f"{'' if self._heard else chr(10)}{self._rendering.outcome(outcome)}")
        self._heard.append(outcome)
        verb, status = outcome.change.verb.word, outcome.status.value
        _log("step ended", schedule=outcome.change.id, verb=verb, status=status, detail=outcome.detail)

    def applied(self, applied: model.Applied) -> None:
        """Tell what became of all of them."""
        self._applied = applied
        self._text(f"\n{self._rendering.outcomes(applied.outcomes)}")
        if applied.interrupted:
            self._out.warn("Interrupted.")

    def _ended(self, code: errors.ExitCode, error: errors.ReconcilerError | None = None) -> None:
        _log(f"{self._command} ended", exit_code=int(code))
        if self._form == "json":
            applied = self._applied or (model.Applied(outcomes=tuple(self._heard)) if self._heard else None)
            self._out.say(
                outcomes.dumps(self._command, self._plan, applied, exit_code=code, error=error, skipped=self._skipped)
            )

    def _text(self, text: str) -> None:
        if self._form == "text":
            self._out.say(text)


def _exit_code(applied: model.Applied) -> errors.ExitCode:
    if applied.interrupted:
        return interrupts.code()
    statuses = {outcome.status for outcome in applied.outcomes}
    if statuses <= {model.Status.DONE}:
        return errors.ExitCode.OK
    if statuses <= {model.Status.DONE, model.Status.STALE}:
        return errors.ExitCode.STALE
    return errors.ExitCode.ERROR
