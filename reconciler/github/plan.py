"""The Action's `plan`: show what an apply would change, in the log, the step summary, and a comment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from reconciler import errors
from reconciler.github import comments, endings, inputs, pages, results
from reconciler.github.invocation import Invocation
from reconciler.plan import guards, plans
from reconciler.report import annotation, comment, words
from reconciler.runtime import clock
from reconciler.schedule import declarations
from reconciler.usecases.plan import propose

REVIEW_NEXT = "**Next:** review, then merge; apply verifies that the plan is unchanged."
_UNTRUSTED = (
    "this pull request has no access to secrets, so the server cannot be read and the repo-spec is only validated; "
    "to get a plan, set the live input to a snapshot"
)


def run(invocation: Invocation) -> results.Result:
    """Plan a spec without environments, or one environment of the spec."""
    return reported(invocation, _single)


def reported(invocation: Invocation, attempt: Callable[[Invocation], results.Result | str]) -> results.Result:
    """Call `attempt`, which returns a result or the reason that nothing has to be planned, and return the result.

    Without a plan, report why in the comment that shows an earlier one.
    """
    try:
        result = attempt(invocation)
    except errors.ReconcilerError as error:
        failed = endings.failed(invocation, error)
        if not isinstance(error, errors.GitHubError):
            comments.invalidate(invocation, "Plan failed", error.sentence)
        return failed
    if isinstance(result, results.Result):
        return result
    with contextlib.suppress(OSError):  # a file that cannot be removed could not be written either
        invocation.inputs.plan_file.unlink(missing_ok=True)  # an earlier plan, not this run's
    ended = endings.nothing_to_do(invocation, result)
    comments.invalidate(invocation, "Nothing to do", result)
    return ended


def _single(invocation: Invocation) -> results.Result | str:
    declaration = invocation.load_spec()
    return why_not(invocation, declaration.disabled) or _plan(invocation, declaration)


def why_not(invocation: Invocation, disabled: str) -> str:
    """Return why there is nothing to plan, such as the reason in `disabled`; empty if there is something to plan."""
    if disabled or invocation.inputs.live is not None:
        return disabled
    return _UNTRUSTED if invocation.event.is_untrusted else ""


def _plan(invocation: Invocation, declaration: declarations.Declaration) -> results.Result:
    connection, live = invocation.inputs.connection, invocation.inputs.live
    if live is None:
        inputs.check_server(connection)
    proposal = propose(declaration, connection, live, progress=invocation.progress)
    plan = proposal.plan
    invocation.show_plan(plan)
    invocation.log.annotate(annotation.warning(str(problem)) for problem in proposal.problems)
    page = pages.page(
        invocation,
        pages.plan_mark(invocation, "plan", plan, digest=plan.digest),
        remarks=refusals(invocation, plan),
        next_step=REVIEW_NEXT if plan.steps else "",
    )
    invocation.log.add_summary(comment.plan(plan, page.in_summary))
    thread = comments.of_event(invocation)
    shown = thread and thread.show(comment.plan(plan, page.about), page.mark, create=plan.differs)
    return invocation.result(summary=words.summary(plan), comment_url=shown.url if shown else "")


def refusals(invocation: Invocation, plan: plans.Plan, where: str = "") -> tuple[str, ...]:
    """Warn if a guard will refuse to apply the plan, and return why, prefixed with `where`; empty if none will."""
    try:
        guards.check(plan, invocation.inputs.allowed, now=clock.now())
    except errors.GuardError as refusal:
        message = (
            f"apply will refuse this: {where}{refusal.message}; {refusal.hint} "
            "(use the Action input with the same name)"
        )
        invocation.warn(message)
        return (message,)
    return ()
