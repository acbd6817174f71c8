"""The Action's `apply`: apply the plan that was reviewed in the pull request, and report the outcome there."""

from __future__ import annotations

import dataclasses
import functools

from reconciler import errors
from reconciler.github import admission, comments, conversation, endings, freshness, inputs, pages, results, reviews
from reconciler.github.invocation import Invocation
from reconciler.plan import guards, plans
from reconciler.report import comment, text, words
from reconciler.runtime import clock, sessions
from reconciler.usecases.apply import Job, execute, why_off


def run(invocation: Invocation) -> results.Result:
    """Apply what the event's commit declares."""
    declaration = invocation.load_spec()
    connection = invocation.inputs.connection
    disabled = why_off(declaration, connection)
    if disabled:
        return endings.nothing_to_do(invocation, disabled)
    admission.check(invocation.event, invocation.inputs.apply_on)
    inputs.check_server(connection)
    thread = comments.of_commit(invocation)
    audience = _Audience(invocation)
    job = _Apply(
        command="apply",
        declaration=declaration,
        connection=connection,
        writing=invocation.inputs.writing,
        invocation=invocation,
        thread=thread,
    )
    try:
        with sessions.opened(connection, invocation.progress) as session:
            code = execute(session, job, audience)
    except (Exception, KeyboardInterrupt) as error:

        def report(reason: str) -> results.Result:
            return _report(invocation, audience, thread, errors.ExitCode.ERROR, remarks=(reason,))

        endings.broken_off(invocation, thread, error, report if audience.outcomes else None)
        raise
    return _report(invocation, audience, thread, code)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Apply(Job):
    invocation: Invocation
    thread: conversation.Thread | None

    def guard(self, plan: plans.Plan, present: int) -> None:
        """Raise unless this is the plan that was reviewed and no guard refuses it."""
        mark = pages.plan_mark(self.invocation, "plan", plan)
        reviews.require(self.invocation, self.thread, mark, plan.digest, is_empty=not plan.steps)
        guards.check(plan, self.invocation.inputs.allowed, now=clock.now(), left=present)

    def before_first_write(self, last_commit: str) -> None:
        """Raise if this run's commit is older than the head of its branch or than the last applied commit."""
        freshness.require(self.invocation, self.declaration, last_commit)


class _Audience:
    """Logs an apply, and keeps what the report needs; implements `Audience`."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.planned: plans.Plan | None = None
        self.outcomes: list[plans.Outcome] = []
        self.ended: plans.Applied | None = None

    def plan(self, plan: plans.Plan) -> None:
        """Show the plan."""
        self.planned = plan
        self._invocation.show_plan(plan)

    def agreed(self) -> bool:
        """Return True, because merging the pull request was the approval."""
        return True

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show how a step ended."""
        self.outcomes.append(outcome)
        self._invocation.log.write(text.Text().outcome(outcome))

    def applied(self, applied: plans.Applied) -> None:
        """Show how all steps ended."""
        self.ended = applied
        self._invocation.log.write(text.Text().outcomes(applied.outcomes))

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
    """Report the outcome in the step summary, in annotations, and where the plan was reviewed."""
    plan, applied = audience.planned, audience.ended or plans.Applied(outcomes=tuple(audience.outcomes))
    if plan is None:
        return invocation.result(code=code)
    page = pages.page(invocation, pages.plan_mark(invocation, "plan", plan), remarks=remarks)
    render = functools.partial(comment.applied, plan, applied)
    url = endings.applied(invocation, thread, page, render, applied.outcomes, create=bool(plan.steps))
    summary = text.Text().outcomes(applied.outcomes).strip() if plan.steps else words.summary(plan)
    return invocation.result(code=code, summary=summary, comment_url=url)
