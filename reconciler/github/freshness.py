"""Whether the commit that a run applies is still the newest: a run of an older one would roll production back."""

from __future__ import annotations

import hashlib
import pathlib
import posixpath

from reconciler import errors, input_files
from reconciler.github import api, events

_LIMIT = 64 * 1024 * 1024  # bytes, far above what a spec may have
_OVERRIDE = "to apply it anyway, set allow-older-commit: true"


def check(hub: api.Repository | None, event: events.Event, applied: str, spec: pathlib.Path) -> None:
    """Raise unless the event's commit is the head of its branch and includes `applied`, the last applied commit.

    An older one is accepted when the newer has the same spec and the same workflow: it does what the newer would do.
    Raises `errors.StaleError` when it is older, and GitHubError (or UsageError without a token) when that cannot be
    found out: what is unknown is not applied.
    """
    if hub is None:
        raise errors.UsageError(
            "there is no token for GitHub, so it is unknown whether a newer commit exists",
            hint=f"leave github-token at its default; {_OVERRIDE}",
        )
    try:
        _check_branch(hub, event, spec)
        _check_applied(hub, event, applied, spec)
    except errors.GitHubError as error:
        raise type(error)(f"nothing is applied: {error.message}", hint=f"{error.hint}; {_OVERRIDE}") from error


def _check_branch(hub: api.Repository, event: events.Event, spec: pathlib.Path) -> None:
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
        if _is_same_at(head, hub, event, spec):
            return
        raise errors.StaleError(
            f"commit {event.commit} is older than {head}, the head of branch {event.branch}, and the spec or "
            "the workflow may have changed between them: applying it could undo what was merged since",
            hint=f"the run of the newer commit applies both; {_OVERRIDE}",
        )
    raise errors.StaleError(
        f"commit {event.commit} is no longer part of branch {event.branch}, whose head is {head}: it was force-pushed",
        hint=f"run the workflow for the head; {_OVERRIDE}",
    )


def _check_applied(hub: api.Repository, event: events.Event, applied: str, spec: pathlib.Path) -> None:
    if applied in ("", event.commit):
        return
    relation = _relation(hub, applied, event.commit)
    is_included = relation in ("ahead", "identical")
    if not is_included and not (relation == "behind" and _is_same_at(applied, hub, event, spec)):
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


def _is_same_at(commit: str, hub: api.Repository, event: events.Event, spec: pathlib.Path) -> bool:
    """Return whether a commit has this very spec, and this run's workflow as the event's commit has it.

    A spec that the repository does not have, as one that a step generates, is never the same.
    """
    path = posixpath.normpath(spec.as_posix())
    if not event.workflow or path.startswith(("/", "..")):
        return False
    there = hub.blob(path, commit)
    try:
        here = input_files.read(spec, _LIMIT)
    except OSError:  # it was removed since it was loaded
        return False
    if there is None or there != _git_hash(here, there):
        return False
    workflow = hub.blob(event.workflow, event.commit)
    return workflow is not None and workflow == hub.blob(event.workflow, commit)


def _git_hash(content: bytes, like: str) -> str:
    """Return what Git calls a file's content, by the algorithm of another such hash."""
    algorithm = "sha256" if len(like) == hashlib.sha256().digest_size * 2 else "sha1"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
