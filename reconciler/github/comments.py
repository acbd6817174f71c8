"""An invocation's comments: which pull request they are on, and how outdated ones are marked."""

from __future__ import annotations

import dataclasses

from reconciler import errors
from reconciler.documents import marks
from reconciler.github import client, conversation, pages, reviews
from reconciler.github.invocation import Invocation
from reconciler.plan import plans, rollouts
from reconciler.report import comment


def of_event(invocation: Invocation) -> conversation.Thread | None:
    """Return the conversation on the event's pull request; None without a pull request or if comments are disabled."""
    number = invocation.event.pull_request
    if number is None or not invocation.inputs.comment or invocation.event.is_untrusted:
        return None
    return _of(invocation, invocation.required_repository(), number)


def of_commit(invocation: Invocation) -> conversation.Thread | None:
    """Return the conversation on the pull request that introduced the event's commit, or None if it is not needed.

    An error from GitHub is raised if a reviewed plan is required; otherwise, it is only a warning.
    """
    repository, inputs = invocation.repository, invocation.inputs
    requires_review = inputs.require_reviewed_plan != "false"
    if repository is None or not (inputs.comment or requires_review):
        return None
    if invocation.event.pull_request is not None:
        return _of(invocation, repository, invocation.event.pull_request)
    try:
        commit = invocation.event.commit
        merged = [pull for pull in repository.pull_requests_of(commit) if pull.is_merged]
        merged.sort(key=lambda pull: pull.merge_commit_sha != commit)
        return _of(invocation, repository, merged[0].number) if merged else None
    except errors.GitHubError as error:
        if requires_review and inputs.expect_digest is None:
            raise
        invocation.warn(error.sentence)
        return None


def show_outcome(
    invocation: Invocation, thread: conversation.Thread | None, body: str, mark: marks.Mark, *, create: bool
) -> str:
    """Show the outcome in our comment and return its URL; empty without a comment. A failure is only a warning."""
    if thread is None or not invocation.inputs.comment:
        return ""
    try:
        shown = thread.show(body, mark, create=create)
    except errors.ReconcilerError as error:  # the apply has ended, even if the comment cannot be updated
        invocation.warn(f"applied, but the comment could not be updated: {error.sentence}")
        return ""
    return shown.url if shown else ""


def invalidate(
    invocation: Invocation,
    title: str,
    reason: str,
    thread: conversation.Thread | None = None,
    *,
    keep_digest: bool = False,
) -> None:
    """Replace the plans in our existing comments with a title and a reason; a failure to do so is only a warning.

    `thread` defaults to the event's. With `keep_digest`, the reviewed plan can still be applied. A comment that
    does not prove a review is then left unchanged: with this run's mark, its digest would be accepted as reviewed.
    """
    if invocation.repository is None or not invocation.inputs.comment:
        return
    try:
        thread = thread or of_event(invocation)
        if thread is None:
            return
        for key in dict.fromkeys(mark.key for _, mark in thread.ours() if _is_about(invocation, mark)):
            mark = dataclasses.replace(pages.mark(invocation, "plan"), key=key)
            if keep_digest:
                mark = dataclasses.replace(mark, digest=reviews.shown(thread, mark.scope, key).digest)
            if mark.digest or not keep_digest:
                body = comment.failed(title, reason, pages.page(invocation, mark).about)
                thread.show(body, mark, create=False)
    except errors.ReconcilerError as error:
        invocation.warn(error.sentence)


def _is_about(invocation: Invocation, mark: marks.Mark) -> bool:
    """Return whether a mark is about this invocation's target, as far as the target is known."""
    if mark.scope != pages.mark(invocation, "plan").scope:
        return False
    match invocation.plan:
        case plans.Plan(target=target):
            return mark.key == marks.key(target)
        case rollouts.Rollout(planned=[first, *_]):
            return mark.key == marks.key_of_several(first.target.namespace)
    connection = invocation.inputs.connection
    namespace = connection.namespace or connection.environ.get("TEMPORAL_NAMESPACE") or "default"
    return marks.is_of(mark, namespace)


def _of(invocation: Invocation, repository: client.Repository, number: int) -> conversation.Thread:
    invocation.pull_request = number
    files = (invocation.event.workflow, invocation.inputs.plan_workflow or "")
    return conversation.Thread(
        repository=repository,
        number=number,
        author=invocation.author(repository),
        key=invocation.marker_key,
        workflows=frozenset(file.rpartition("/")[2] for file in files if file),
    )
