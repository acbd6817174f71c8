"""What was reviewed: the plan that our comment showed in the pull request which brought a commit."""

from __future__ import annotations

import dataclasses

from reconciler import errors, model, reviewing
from reconciler.documents import marks
from reconciler.github import conversation


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """The digest that was shown; `why_not` says why there is none."""

    digest: str = ""
    why_not: str = ""


def find(thread: conversation.Thread | None, plan: model.Plan, commit: str) -> Reviewed:
    """Return what our comment in the commit's pull request showed for the target of the plan."""
    if thread is None:
        return Reviewed(why_not=f"no merged pull request brought commit {commit[:12]}")
    about = marks.scope(plan.environment, plan.spec_path), marks.key(plan.target)
    shown = [mark for _, mark in thread.ours() if (mark.scope, mark.key) == about]
    if not shown:
        return Reviewed(why_not=f"pull request {thread.number} has no comment of ours with a plan for this target")
    if not shown[0].digest:
        return Reviewed(why_not=f"the plan in pull request {thread.number} was applied already, or there was none")
    return Reviewed(digest=shown[0].digest)


def check(reviewed: Reviewed, plan: model.Plan) -> None:
    """Raise `errors.StaleError` unless the plan is the one that was reviewed."""
    if reviewed.why_not:
        raise errors.StaleError(
            f"no reviewed plan: {reviewed.why_not}",
            hint=f"review the plan above and apply it with expect-digest: {plan.digest}, "
            "or set require-reviewed-plan: warn",
        )
    reviewing.check_digest(reviewed.digest, plan)
