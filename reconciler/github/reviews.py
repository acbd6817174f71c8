"""The reviewed plan: the one that our comment showed on the pull request for a commit."""

from __future__ import annotations

import dataclasses

from reconciler import errors
from reconciler.documents import marks
from reconciler.github import conversation
from reconciler.github.invocation import Invocation
from reconciler.plan import staleness


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """The digest that was shown, or why there is none."""

    digest: str = ""
    why_not: str = ""


def require(
    invocation: Invocation, thread: conversation.Thread | None, mark: marks.Mark, digest: str, *, is_empty: bool
) -> None:
    """Raise `errors.StaleError` unless the plan with this mark and digest was reviewed, if the inputs require that.

    An empty plan needs no review.
    """
    inputs = invocation.inputs
    if inputs.expect_digest is not None:
        staleness.check_digest(inputs.expect_digest, digest)
        return
    if is_empty or inputs.require_reviewed_plan == "false":
        return
    invocation.required_repository()
    # GitHub errors propagate: if it is unknown whether there was a review, do not assume that there was none.
    reviewed = find(thread, mark, invocation.event.commit)
    try:
        check(reviewed, digest)
    except errors.StaleError as error:
        if inputs.require_reviewed_plan == "true":
            raise
        invocation.warn(f"{error.message}; applying anyway")


def find(thread: conversation.Thread | None, mark: marks.Mark, commit: str) -> Reviewed:
    """Return what our comment on the pull request for `commit` showed for a mark's scope and key."""
    if thread is None:
        return Reviewed(why_not=f"no merged pull request contains commit {commit[:12]}")
    return shown(thread, mark.scope, mark.key)


def shown(thread: conversation.Thread, scope: str, key: str) -> Reviewed:
    """Return what our comment on a pull request showed for a scope and a target, if its mark proves that it is ours."""
    marked = [mark for _, mark in thread.ours() if (mark.scope, mark.key) == (scope, key)]
    if not marked:
        return Reviewed(why_not=f"pull request {thread.number} has no reconciler comment with a plan for this target")
    if not thread.key and any(mark.is_signed for mark in marked):
        return Reviewed(
            why_not=f"the comment on pull request {thread.number} is signed with a marker-key, but this run has none "
            "(plan and apply need the same key)"
        )
    proven = [mark for mark in marked if thread.is_proven(mark)]
    if not proven:
        return Reviewed(
            why_not=f"the comment on pull request {thread.number} was not written by a run of "
            f"{' or '.join(sorted(thread.workflows)) or 'a known workflow'} for a commit in that pull request "
            "(set plan-workflow to the workflow that plans)"
        )
    latest = max(mark.run for mark in proven)
    digests = {mark.digest for mark in proven if mark.run == latest}
    if len(digests) > 1:
        return Reviewed(why_not=f"comments on pull request {thread.number} contradict each other about run {latest}")
    if not all(digests):
        return Reviewed(why_not=f"the plan on pull request {thread.number} was already applied, or had no changes")
    return Reviewed(digest=digests.pop())


def check(reviewed: Reviewed, digest: str) -> None:
    """Raise `errors.StaleError` unless the plan with this digest is the one that was reviewed."""
    if reviewed.why_not:
        raise errors.StaleError(
            f"no reviewed plan: {reviewed.why_not}",
            hint=f"review the plan above and apply it with expect-digest: {digest}, or set require-reviewed-plan: warn",
        )
    staleness.check_digest(reviewed.digest, digest)
