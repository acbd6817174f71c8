"""Whether the commit that a run applies is still the newest: a run of an older one would undo newer changes."""

from __future__ import annotations

import hashlib
import pathlib
import posixpath

from reconciler import errors, input_files
from reconciler.github import client, events, responses

_LIMIT = 64 * 1024 * 1024  # bytes, far above the limit of a spec
_OVERRIDE = "to apply it anyway, set allow-older-commit: true"


def check(repository: client.Repository | None, event: events.Event, applied: str, spec: pathlib.Path) -> None:
    """Raise unless the event's commit is the head of its branch and includes `applied`, the last applied commit.

    An older commit is accepted if the newer one has the same spec and the same workflow, and so would do the same.
    Raises `errors.StaleError` if it is older, and GitHubError (UsageError without a token) if that cannot be
    determined: when in doubt, nothing is applied.
    """
    if repository is None:
        raise errors.UsageError(
            "the GitHub token is missing, so it is unknown whether a newer commit exists",
            hint=f"leave github-token at its default; {_OVERRIDE}",
        )
    try:
        _check_branch(repository, event, spec)
        _check_applied(repository, event, applied, spec)
    except errors.GitHubError as error:
        raise type(error)(f"nothing is applied: {error.message}", hint=f"{error.hint}; {_OVERRIDE}") from error


def _check_branch(repository: client.Repository, event: events.Event, spec: pathlib.Path) -> None:
    if event.branch is None:
        raise errors.StaleError(
            f"commit {event.commit} came from no branch, so it cannot be compared with a newer one", hint=_OVERRIDE
        )
    try:
        head = repository.head_of(event.branch)
    except client.NotFoundError as error:
        raise errors.StaleError(f"branch {event.branch} no longer exists: {error.message}", hint=_OVERRIDE) from None
    if head == event.commit:
        return
    if _relation(repository, event.commit, head) == "ahead":
        if _is_same_at(head, repository, event, spec):
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


def _check_applied(repository: client.Repository, event: events.Event, applied: str, spec: pathlib.Path) -> None:
    if applied in ("", event.commit):
        return
    relation = _relation(repository, applied, event.commit)
    is_included = relation in ("ahead", "identical")
    if not is_included and not (relation == "behind" and _is_same_at(applied, repository, event, spec)):
        raise errors.StaleError(
            f"commit {event.commit} does not include {applied}, which was applied last: applying it could undo that",
            hint=f"merge {applied[:12]} first; {_OVERRIDE}",
        )


def _relation(repository: client.Repository, base: str, head: str) -> responses.Relation:
    """Return how two commits relate; a commit that the repository no longer has has diverged."""
    try:
        return repository.relation(base, head)
    except client.NotFoundError:
        return "diverged"


def _is_same_at(commit: str, repository: client.Repository, event: events.Event, spec: pathlib.Path) -> bool:
    """Return whether a commit has exactly this spec, and the same file of this run's workflow as the event's commit.

    A spec that is not in the repository, such as a generated one, is never the same.
    """
    path = posixpath.normpath(spec.as_posix())
    if not event.workflow or path.startswith(("/", "..")):
        return False
    committed = repository.blob(path, commit)
    try:
        content = input_files.read(spec, _LIMIT)
    except OSError:  # removed since it was loaded
        return False
    if committed is None or committed != _git_hash(content, committed):
        return False
    workflow = repository.blob(event.workflow, event.commit)
    return workflow is not None and workflow == repository.blob(event.workflow, commit)


def _git_hash(content: bytes, like: str) -> str:
    """Return Git's hash of a file's content, with the algorithm of another hash."""
    algorithm = "sha256" if len(like) == hashlib.sha256().digest_size * 2 else "sha1"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
