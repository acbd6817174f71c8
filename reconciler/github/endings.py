"""How an invocation ends without a plan: there is nothing to do, or it failed."""

from __future__ import annotations

from reconciler import errors
from reconciler.github import pages, results
from reconciler.github.invocation import Invocation
from reconciler.report import annotation, comment


def nothing_to_do(invocation: Invocation, reason: str) -> results.Result:
    """Report why there is nothing to do."""
    invocation.log.write(f"Nothing to do: {reason}.")
    invocation.log.annotate([annotation.notice(reason)])
    page = pages.page(invocation, pages.mark(invocation, "plan"))
    invocation.log.add_summary(comment.failed("Nothing to do", reason, page.in_summary))
    return invocation.result(summary=f"nothing to do: {reason}")


def failed(invocation: Invocation, error: errors.ReconcilerError) -> results.Result:
    """Report an error in the log, next to the lines of the spec that it is about, and in the step summary."""
    invocation.log.write(f"Error: {error.message}" + (f"\n{error.hint}" if error.hint else ""))
    invocation.log.annotate(annotation.error(error))
    page = pages.page(invocation, pages.mark(invocation, "plan"))
    title = f"{invocation.inputs.command.capitalize()} failed"
    invocation.log.add_summary(comment.failed(title, error.sentence, page.in_summary))
    return invocation.result(code=error.exit_code, summary=error.message.partition("\n")[0])
