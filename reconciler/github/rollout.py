"""The Action's `plan` and `apply` for several environments: one comment, and one environment after another."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from reconciler import errors
from reconciler.github import admission, comments, conversation, endings, freshness, inputs, pages, results, reviews
from reconciler.github import plan as plan_command
from reconciler.github.invocation import Invocation
from reconciler.plan import plans, rollouts
from reconciler.report import annotation, rollout_comment, text, words
from reconciler.runtime import sessions
from reconciler.schedule import declarations
from reconciler.usecases import rollout as usecase
from reconciler.usecases.apply import why_off


def plan(invocation: Invocation) -> results.Result:
    """Plan all environments, and show the plans in one comment."""
    return plan_command.reported(invocation, _planned)


def _planned(invocation: Invocation) -> results.Result | str:
    declared = invocation.load_several()
    reason = plan_command.why_not(invocation, _together([each.disabled for each in declared]))
    if reason:
        return reason
    connection = invocation.inputs.connection
    inputs.check_server(connection)
    proposal = usecase.propose(declared, connection, progress=invocation.progress)
    rollout = proposal.rollout
    invocation.show_rollout(rollout)
    invocation.log.annotate(annotation.warning(str(problem)) for problem in proposal.problems)
    refusals = (
        plan_command.refusals(invocation, each, f"environment {each.environment!r}: ") for each in rollout.planned
    )
    page = pages.page(
        invocation,
        pages.rollout_mark(invocation, rollout, rollout.digest),
        remarks=tuple(message for each in refusals for message in each),
        next_step=plan_command.REVIEW_NEXT if rollout.steps else "",
    )
    invocation.log.add_summary(rollout_comment.plan(rollout, page.in_summary))
    thread = comments.of_event(invocation)
    shown = thread and thread.show(rollout_comment.plan(rollout, page.about), page.mark, create=rollout.differs)
    return invocation.result(summary=words.rollout_summary(rollout), comment_url=shown.url if shown else "")


def _together(reasons: Sequence[str]) -> str:
    """Return why nothing needs to be done in any environment; empty if there is something to do in at least one."""
    return "; ".join(dict.fromkeys(reasons)) if all(reasons) else ""


def apply(invocation: Invocation) -> results.Result:
    """Apply what the event's commit declares to each environment, until one fails."""
    declared = invocation.load_several()
    connection = invocation.inputs.connection
    disabled = _together([why_off(each, connection) for each in declared])
    if disabled:
        return endings.nothing_to_do(invocation, disabled)
    admission.check(invocation.event, invocation.inputs.apply_on)
    inputs.check_server(connection)
    thread = comments.of_commit(invocation)
    audience = _Audience(invocation)
    try:
        code = _execute(invocation, declared, thread, audience)
    except (Exception, KeyboardInterrupt) as error:

        def report(reason: str) -> results.Result:
            return _report(invocation, audience, thread, errors.ExitCode.ERROR, remarks=(reason,))

        endings.broken_off(invocation, thread, error, report if audience.has_written else None)
        raise
    return _report(invocation, audience, thread, code)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Turn(usecase.Turn):
    invocation: Invocation

    def before_first_write(self, last_commit: str) -> None:
        """Raise if this run's commit is older than the head of its branch or than the last applied commit."""
        freshness.require(self.invocation, self.declaration, last_commit)


def _execute(
    invocation: Invocation,
    declared: Sequence[declarations.Declaration],
    thread: conversation.Thread | None,
    audience: _Audience,
) -> errors.ExitCode:
    connection = invocation.inputs.connection
    turns = [
        _Turn(
            command="apply",
            declaration=each,
            connection=connection,
            writing=invocation.inputs.writing,
            allowed=invocation.inputs.allowed,
            invocation=invocation,
        )
        for each in declared
        if each.enabled
    ]

    def check(rollout: rollouts.Rollout) -> None:
        mark = pages.rollout_mark(invocation, rollout)
        reviews.require(invocation, thread, mark, rollout.digest, is_empty=not rollout.steps)

    with sessions.opened(connection, invocation.progress) as session:
        return usecase.execute(session, declared, turns, audience, check)


class _Audience:
    """Logs an apply, and keeps what the report needs; implements `usecase.Audience`."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.planned: rollouts.Rollout | None = None
        self.ends: list[rollouts.Ended] = []

    @property
    def has_written(self) -> bool:
        """Return whether a step was started in any environment."""
        return any(ended.applied is not None for ended in self.ends)

    def rollout(self, rollout: rollouts.Rollout) -> None:
        """Show all plans."""
        self.planned = rollout
        self._invocation.show_rollout(rollout)

    def agreed(self) -> bool:
        """Return True, because merging the pull request was the approval."""
        return True

    def started(self, part: rollouts.Part) -> None:
        """Show the heading of an environment."""
        if self.planned is not None:
            self._invocation.log.write(text.Text().turn(part, self.planned))

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show how a step ended."""
        self._invocation.log.write(text.Text().outcome(outcome))

    def applied(self, applied: plans.Applied) -> None:
        """Show how all steps in an environment ended."""
        self._invocation.log.write(text.Text().outcomes(applied.outcomes))

    def ended(self, ended: rollouts.Ended) -> None:
        """Record how an environment ended."""
        self.ends.append(ended)

    def warn(self, text: str) -> None:
        """Show a warning."""
        self._invocation.warn(text)


def _report(
    invocation: Invocation,
    audience: _Audience,
    thread: conversation.Thread | None,
    code: errors.ExitCode,
    remarks: tuple[str, ...] = (),
) -> results.Result:
    """Report each environment's outcome in the step summary, in annotations, and in the comment with the plans."""
    rollout = audience.planned
    if rollout is None:
        return invocation.result(code=code)
    ended = rollouts.results(rollout, audience.ends)
    page = pages.page(invocation, pages.rollout_mark(invocation, rollout), remarks=remarks)
    render = functools.partial(rollout_comment.applied, rollout, ended)
    outcomes = (outcome for each in ended if each.applied for outcome in each.applied.outcomes)
    url = endings.applied(invocation, thread, page, render, outcomes, create=bool(rollout.steps))
    summary = words.progress(ended) if rollout.steps else words.rollout_summary(rollout)
    return invocation.result(code=code, summary=summary, comment_url=url)
