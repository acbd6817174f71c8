"""Rollout: plan several environments, show all plans, guard all, ask once, then apply one after another."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from reconciler import errors, settings
from reconciler.documents import saved_rollouts
from reconciler.plan import guards, plans, ports, progress, rollouts, staleness
from reconciler.runtime import clock, files, interrupts, sessions
from reconciler.schedule import declarations
from reconciler.usecases import apply
from reconciler.usecases.plan import Problem, proposed, to_save


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """The plans of several environments, and problems with the workers that would run their schedules."""

    rollout: rollouts.Rollout
    problems: tuple[Problem, ...] = ()


class Audience(Protocol):
    """Reports progress to a person or a log; called in this order, from `started` on once for each plan."""

    def rollout(self, rollout: rollouts.Rollout) -> None:
        """Show all plans, before the guards check them."""
        ...

    def agreed(self) -> bool:
        """Return whether to apply them, after asking if needed."""
        ...

    def started(self, part: rollouts.Part) -> None:
        """Show that the apply of an environment begins."""
        ...

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show how a step ended, as soon as it has ended."""
        ...

    def applied(self, applied: plans.Applied) -> None:
        """Show how all steps of an environment ended."""
        ...

    def ended(self, ended: rollouts.Ended) -> None:
        """Record how the apply to an environment ended; environments after a failed one are not started."""
        ...

    def warn(self, text: str) -> None:
        """Show a warning, at any time."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Turn(apply.Job):
    """An apply to one environment; `planned` is the plan that was shown, None until it is made.

    `planned_at` is when reading the server for that plan began.
    """

    allowed: guards.Allowed
    planned: plans.Plan | None = None
    planned_at: datetime.datetime = dataclasses.field(default_factory=clock.now)

    def review(self, plan: plans.Plan) -> None:
        """Raise `errors.StaleError`, which names what changed, if the plan differs from the one that was shown."""
        if self.planned is not None and plan.digest != self.planned.digest:
            try:
                staleness.check(self.planned, plan, self.planned_at)
            except errors.StaleError as error:
                raise errors.StaleError(f"environment {plan.environment!r}: {error.message}", hint=error.hint) from None

    def guard(self, plan: plans.Plan, present: int) -> None:
        """Raise `errors.GuardError` if the plan must not run."""
        guards.check(plan, self.allowed, now=clock.now(), left=present)


def propose(
    declared: Sequence[declarations.Declaration],
    connection: settings.Connection,
    expected_build: str | None = None,
    progress: ports.Progress = progress.SILENT,
    record: settings.Database | None = None,
) -> Proposal:
    """Return the plans of the environments that are enabled; the server is queried only if there are any.

    `record` is where applies are recorded.
    """
    if not any(declaration.enabled for declaration in declared):
        return Proposal(rollout=_rollout(declared, ()))
    with sessions.opened(connection, progress) as session:
        found = [proposed(session, each, expected_build, record) for each in declared if each.enabled]
    problems = dict.fromkeys(problem for proposal in found for problem in proposal.problems)
    return Proposal(rollout=_rollout(declared, [each.plan for each in found]), problems=tuple(problems))


def save(
    path: pathlib.Path,
    rollout: rollouts.Rollout,
    spec_path: pathlib.Path,
    choice: declarations.Choice,
    idle: Sequence[plans.Plan] = (),
) -> None:
    """Save the plans for a later apply; raises `errors.OutputError` if that fails.

    If all environments are disabled, `idle` has their plans, which have no changes.
    """
    found = {plan.environment: plan for plan in (*idle, *rollout.planned)}
    first = to_save(next(iter(found.values())), spec_path, choice, clock.now())

    def saved(part: rollouts.Part) -> saved_rollouts.Part:
        chosen = dataclasses.replace(choice, environment=part.environment)
        plan = found.get(part.environment)
        kept = dataclasses.replace(first, plan=plan, choice=chosen) if plan else None
        return saved_rollouts.Part(environment=part.environment, saved=kept, disabled=part.disabled)

    parts = map(saved, rollout.parts)
    files.save(path, saved_rollouts.dumps(saved_rollouts.SavedRollout(parts=tuple(parts))))


def execute(
    session: sessions.Session,
    declared: Sequence[declarations.Declaration],
    turns: Sequence[Turn],
    audience: Audience,
    check: Callable[[rollouts.Rollout], None],
) -> errors.ExitCode:
    """Plan all, show, check, guard, ask, and apply one environment after another until one fails.

    There is a turn for each environment that is enabled. `check` raises unless these are the plans that were reviewed.
    Returns the exit code of the environment that failed.
    """
    turns = [_with_plan(session, turn) for turn in turns]
    rollout = _rollout(declared, [turn.planned for turn in turns if turn.planned is not None])
    audience.rollout(rollout)
    try:
        check(rollout)
        for turn, plan in _planned(turns):
            _guard(session, turn, plan)
        is_agreed = not rollout.steps or audience.agreed()
    except errors.ReconcilerError as error:
        with contextlib.suppress(errors.StoreError):  # the first error is the one to report
            _refused(session, turns, error.message)
        raise
    if not is_agreed:
        audience.warn("Cancelled; nothing was changed.")
        _refused(session, turns, "declined")
        return errors.ExitCode.ERROR
    parts = {part.environment: part for part in rollout.parts}
    for turn in turns:
        code = _taken(session, turn, parts[turn.declaration.environment or ""], audience)
        if code is not errors.ExitCode.OK:
            return code
    return errors.ExitCode.OK


def _rollout(declared: Sequence[declarations.Declaration], found: Sequence[plans.Plan]) -> rollouts.Rollout:
    planned = {plan.environment: plan for plan in found}
    parts = (
        rollouts.Part(environment=each.environment or "", plan=planned.get(each.environment), disabled=each.disabled)
        for each in declared
    )
    return rollouts.Rollout(spec_path=declared[0].path, parts=tuple(parts))


def _with_plan(session: sessions.Session, turn: Turn) -> Turn:
    planned_at = clock.now()
    return dataclasses.replace(turn, planned=session.run(turn.read(session)), planned_at=planned_at)


def _planned(turns: Sequence[Turn]) -> Iterator[tuple[Turn, plans.Plan]]:
    for turn in turns:
        if turn.planned is not None:
            yield turn, turn.planned


def _guard(session: sessions.Session, turn: Turn, plan: plans.Plan) -> None:
    """Raise `errors.GuardError`, which names the environment, if its plan must not run."""
    with session.audit(turn.writing) as audit:
        present = session.run(audit.present(plan.target)) if audit else 0
    try:
        turn.guard(plan, present)
    except errors.GuardError as error:
        raise errors.GuardError(f"environment {plan.environment!r}: {error.message}", hint=error.hint) from None


def _refused(session: sessions.Session, turns: Sequence[Turn], error: str) -> None:
    """Record in the audit, for each environment, that its apply was refused."""
    for turn, plan in _planned(turns):
        apply.record_refusal(session, turn, plan, error)


def _taken(session: sessions.Session, turn: Turn, part: rollouts.Part, audience: Audience) -> errors.ExitCode:
    """Apply to one environment, and report how that ended, whatever happens."""
    shown = _Shown(audience, part)
    try:
        code = apply.execute(session, turn, shown)
    except (Exception, KeyboardInterrupt) as error:
        audience.ended(broken_off(part, shown.result, error))
        raise
    progress = rollouts.Progress.FAILED
    if code is errors.ExitCode.OK:
        progress = rollouts.Progress.APPLIED if shown.result else rollouts.Progress.UNCHANGED
    audience.ended(rollouts.Ended(part=part, progress=progress, code=code, applied=shown.result))
    return code


def broken_off(part: rollouts.Part, applied: plans.Applied | None, error: BaseException) -> rollouts.Ended:
    """Return the result for an environment whose apply raised; `applied` is None if no step had ended."""
    if isinstance(error, KeyboardInterrupt):
        reason, code = errors.ReconcilerError(errors.INTERRUPTED), interrupts.code()
        applied = applied or (plans.interrupted(part.plan) if part.plan else None)
    else:
        reason = error if isinstance(error, errors.ReconcilerError) else errors.ReconcilerError(errors.reason(error))
        code = reason.exit_code
    return rollouts.Ended(part=part, progress=rollouts.Progress.FAILED, code=code, applied=applied, error=reason)


class _Shown:
    """The audience of one environment, whose plan was shown and agreed to; keeps its outcomes."""

    def __init__(self, audience: Audience, part: rollouts.Part) -> None:
        self._audience = audience
        self._part = part
        self.result: plans.Applied | None = None

    def plan(self, plan: plans.Plan) -> None:
        """Show that the apply of this environment is starting."""
        del plan
        self._audience.started(self._part)

    def agreed(self) -> bool:
        """Return True, because all plans were agreed to at once."""
        return True

    def outcome(self, outcome: plans.Outcome) -> None:
        """Record and show how a step ended."""
        ended = self.result.outcomes if self.result else ()
        self.result = plans.Applied(outcomes=(*ended, outcome))
        self._audience.outcome(outcome)

    def applied(self, applied: plans.Applied) -> None:
        """Record and show how all steps ended."""
        self.result = applied
        self._audience.applied(applied)

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._audience.warn(text)
