"""How an invocation ends: with nothing to do, with a failure, or with the outcomes of an apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from reconciler import errors
from reconciler.github import comments, conversation, pages, results
from reconciler.github.invocation import Invocation
from reconciler.plan import plans
from reconciler.report import annotation, comment


def nothing_to_do(invocation: Invocation, reason: str) -> results.Result:
    """Report why there is nothing to do."""
    invocation.log.write(f"Nothing to do: {reason}.")
    invocation.log.annotate([annotation.notice(reason)])
    page = pages.page(invocation, pages.mark(invocation, "plan"))
    invocation.log.add_summary(comment.failed("Nothing to do", reason, page.in_summary))
    return invocation.result(summary=f"nothing to do: {reason}")


def failed(invocation: Invocation, error: errors.ReconcilerError) -> results.Result:
    """Report an error in the log, on the lines of the spec that it concerns, and in the step summary."""
    invocation.log.write(f"Error: {error.message}" + (f"\n{error.hint}" if error.hint else ""))
    invocation.log.annotate(annotation.error(error))
    page = pages.page(invocation, pages.mark(invocation, "plan"))
    title = f"{invocation.inputs.command.capitalize()} failed"
    invocation.log.add_summary(comment.failed(title, error.sentence, page.in_summary))
    return invocation.result(code=error.exit_code, summary=error.message.partition("\n")[0])


def broken_off(
    invocation: Invocation,
    thread: conversation.Thread | None,
    error: BaseException,
    report: Callable[[str], object] | None,
) -> None:
    """Report why an apply ended early: with `report`, or in our comment if `report` is None (nothing was written).

    If nothing was written, the reviewed plan can still be applied.
    """
    reason = error.sentence if isinstance(error, errors.ReconcilerError) else errors.reason(error)
    if report is not None:
        report(reason)
    else:
        comments.invalidate(invocation, "Apply failed", reason, thread, keep_digest=True)


def applied(
    invocation: Invocation,
    thread: conversation.Thread | None,
    page: pages.Page,
    render: Callable[[comment.About], str],
    outcomes: Iterable[plans.Outcome],
    *,
    create: bool,
) -> str:
    """Report an apply in the step summary, in annotations, and in the plan's comment; return the comment's URL."""
    invocation.log.add_summary(render(page.in_summary))
    failed = (outcome for outcome in outcomes if outcome.status is not plans.Status.DONE)
    invocation.log.annotate(map(annotation.outcome, failed))
    return comments.show_outcome(invocation, thread, render(page.about), page.mark, create=create)
