"""The Action's `apply`: apply the plan that was reviewed in the pull request, and report the outcome there."""

from __future__ import annotations

import dataclasses

from reconciler import errors
from reconciler.github import admission, comments, conversation, endings, freshness, inputs, pages, results, reviews
from reconciler.github.invocation import Invocation
from reconciler.plan import guards, plans, staleness
from reconciler.report import annotation, comment, text, words
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
        with sessions.opened(connection) as session:
            code = execute(session, job, audience)
    except (Exception, KeyboardInterrupt) as error:
        reason = error.sentence if isinstance(error, errors.ReconcilerError) else errors.reason(error)
        if audience.outcomes:
            _report(invocation, audience, thread, errors.ExitCode.ERROR, remarks=(reason,))
        else:  # nothing was written, so what was reviewed may still be applied
            comments.invalidate(invocation, "Apply failed", reason, thread, keep_digest=True)
        raise
    return _report(invocation, audience, thread, code)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Apply(Job):
    invocation: Invocation
    thread: conversation.Thread | None

    def guard(self, plan: plans.Plan, present: int) -> None:
        """Raise unless this is the plan that was reviewed and no guard refuses it."""
        inputs = self.invocation.inputs
        if inputs.expect_digest is not None:
            staleness.check_digest(inputs.expect_digest, plan)
        elif plan.steps and inputs.require_reviewed_plan != "false":
            self._check_review(plan)
        guards.check(plan, inputs.allowed, now=clock.now(), left=present)

    def before_first_write(self, last_commit: str) -> None:
        """Raise when this run's commit is older than its branch, or than the commit that was applied last."""
        invocation = self.invocation
        if not invocation.inputs.allow_older_commit:
            spec = freshness.Spec(path=invocation.inputs.spec_path, inclusions=self.declaration.inclusions)
            freshness.check(invocation.repository, invocation.event, last_commit, spec)

    def _check_review(self, plan: plans.Plan) -> None:
        self.invocation.required_repository()
        # An error of GitHub's passes through here: that a review is unknown does not mean that there is none.
        reviewed = reviews.find(self.thread, plan, self.invocation.event.commit)
        try:
            reviews.check(reviewed, plan)
        except errors.StaleError as error:
            if self.invocation.inputs.require_reviewed_plan == "true":
                raise
            self.invocation.warn(f"{error.message}; applying anyway")


class _Audience:
    """Writes an apply to the log, and keeps what the report needs; implements `Audience`."""

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
        """Return true: whoever merged has agreed."""
        return True

    def outcome(self, outcome: plans.Outcome) -> None:
        """Show how a step ended."""
        self.outcomes.append(outcome)
        self._invocation.log.write(text.Text().outcome(outcome))

    def applied(self, applied: plans.Applied) -> None:
        """Show how all of them ended."""
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
    invocation.log.add_summary(comment.applied(plan, applied, page.in_summary))
    failed = (outcome for outcome in applied.outcomes if outcome.status is not plans.Status.DONE)
    invocation.log.annotate(map(annotation.outcome, failed))
    url = _commented(invocation, thread, page, plan, applied)
    summary = text.Text().outcomes(applied.outcomes).strip() if plan.steps else words.summary(plan)
    return invocation.result(code=code, summary=summary, comment_url=url)


def _commented(
    invocation: Invocation,
    thread: conversation.Thread | None,
    page: pages.Page,
    plan: plans.Plan,
    applied: plans.Applied,
) -> str:
    """Show the outcome in our comment and return its URL; empty if there is none, with a warning if that failed."""
    if thread is None or not invocation.inputs.comment:
        return ""
    try:
        shown = thread.show(comment.applied(plan, applied, page.about), page.mark, create=bool(plan.steps))
    except errors.ReconcilerError as error:  # the apply has ended, whether or not it can be commented on
        invocation.warn(f"applied, but not shown in the comment: {error.sentence}")
        return ""
    return shown.url if shown else ""
