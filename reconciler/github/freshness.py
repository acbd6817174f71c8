"""Whether the commit that a run applies is still the newest: a run of an older one would roll production back."""

from __future__ import annotations

from reconciler import errors
from reconciler.github import api, events

_OVERRIDE = "to apply it anyway, set allow-older-commit: true"


def check(hub: api.Repository | None, event: events.Event, applied: str) -> None:
    """Raise unless the event's commit is the head of its branch and includes `applied`, the last applied commit.

    Raises `errors.StaleError` when it is older, and GitHubError (or UsageError without a token) when that cannot be
    found out: what is unknown is not applied.
    """
    if hub is None:
        raise errors.UsageError(
            "there is no token for GitHub, so it is unknown whether a newer commit exists",
            hint=f"leave github-token at its default; {_OVERRIDE}",
        )
    try:
        _check_branch(hub, event)
        _check_applied(hub, event, applied)
    except errors.GitHubError as error:
        raise type(error)(f"nothing is applied: {error.message}", hint=f"{error.hint}; {_OVERRIDE}") from error


def _check_branch(hub: api.Repository, event: events.Event) -> None:
    if event.branch is None:
        raise errors.StaleError(
            f"commit {event.commit} came from no branch, so it cannot be compared with a newer one", hint=_OVERRIDE
        )
    try:
        head = hub.head_of(event.branch)
    except api.NotFoundError as error:
        raise errors.StaleError(f"branch {event.branch} no longer exists: {error.message}", hint=_OVERRIDE) from None
    if head == event.commit:
        return
    if _relation(hub, event.commit, head) == "ahead":
        raise errors.StaleError(
            f"commit {event.commit} is older than {head}, the head of branch {event.branch}: applying it could undo "
            "what was merged since",
            hint=f"the run of the newer commit applies both; {_OVERRIDE}",
        )
    raise errors.StaleError(
        f"commit {event.commit} is no longer part of branch {event.branch}, whose head is {head}: it was force-pushed",
        hint=f"run the workflow for the head; {_OVERRIDE}",
    )


def _check_applied(hub: api.Repository, event: events.Event, applied: str) -> None:
    if applied in ("", event.commit):
        return
    if _relation(hub, applied, event.commit) not in ("ahead", "identical"):
        raise errors.StaleError(
            f"commit {event.commit} does not include {applied}, which was applied last: applying it could undo that",
            hint=f"merge {applied[:12]} first; {_OVERRIDE}",
        )


def _relation(hub: api.Repository, base: str, head: str) -> api.Relation:
    """Return how two commits relate; one that the repository has lost is no part of its history."""
    try:
        return hub.relation(base, head)
    except api.NotFoundError:
        return "diverged"
