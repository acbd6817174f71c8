"""The Action's `plan`: show what an apply would change, in the log, the step summary and a comment."""

from __future__ import annotations

from reconciler import errors
from reconciler.github import comments, endings, inputs, pages, results
from reconciler.github.invocation import Invocation
from reconciler.plan import guards, plans
from reconciler.report import annotation, comment, words
from reconciler.runtime import clock
from reconciler.schedule import declarations
from reconciler.usecases.apply import declared_off
from reconciler.usecases.plan import propose

REVIEW_NEXT = "**Next:** review, then merge; apply verifies that the plan is unchanged."
_UNTRUSTED = (
    "this pull request comes without secrets, so no server can be read and the repo-spec is only validated; "
    "for a plan, pass a snapshot as live"
)


def run(invocation: Invocation) -> results.Result:
    """Plan; without a plan, report why in the comment that shows an earlier one."""
    try:
        declaration = invocation.load_spec()
        reason = _why_not(invocation, declaration)
        if not reason:
            return _plan(invocation, declaration)
    except errors.ReconcilerError as error:
        result = endings.failed(invocation, error)
        if not isinstance(error, errors.GitHubError):
            comments.invalidate(invocation, "Plan failed", error.sentence)
        return result
    result = endings.nothing_to_do(invocation, reason)
    comments.invalidate(invocation, "Nothing to do", reason)
    return result


def _why_not(invocation: Invocation, declaration: declarations.Declaration) -> str:
    """Return why there is nothing to plan; empty if there is."""
    disabled = declared_off(declaration)
    if disabled or invocation.inputs.live is not None:
        return disabled
    return _UNTRUSTED if invocation.event.is_untrusted else ""


def _plan(invocation: Invocation, declaration: declarations.Declaration) -> results.Result:
    connection, live = invocation.inputs.connection, invocation.inputs.live
    if live is None:
        inputs.check_server(connection)
    proposal = propose(declaration, connection, live)
    plan = proposal.plan
    invocation.show_plan(plan)
    invocation.log.annotate(annotation.warning(str(problem)) for problem in proposal.problems)
    page = pages.page(
        invocation,
        pages.plan_mark(invocation, "plan", plan, digest=plan.digest),
        remarks=_refusals(invocation, plan),
        next_step=REVIEW_NEXT if plan.steps else "",
    )
    invocation.log.add_summary(comment.plan(plan, page.in_summary))
    thread = comments.of_event(invocation)
    shown = thread and thread.show(comment.plan(plan, page.about), page.mark, create=plan.differs)
    return invocation.result(summary=words.summary(plan), comment_url=shown.url if shown else "")


def _refusals(invocation: Invocation, plan: plans.Plan) -> tuple[str, ...]:
    """Return, and warn, why a guard will refuse to apply the plan; nothing if none will."""
    try:
        guards.check(plan, invocation.inputs.allowed, now=clock.now())
    except errors.GuardError as refusal:
        message = f"apply will refuse this: {refusal.message}; {refusal.hint} (the Action has an input of that name)"
        invocation.warn(message)
        return (message,)
    return ()
