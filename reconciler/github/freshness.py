"""Check that the commit that a run applies is still the newest: applying an older one would undo newer changes."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
import posixpath

from reconciler import errors, input_files
from reconciler.github import client, events, responses
from reconciler.github.invocation import Invocation
from reconciler.repospec import patterns
from reconciler.schedule import declarations

_LIMIT = 64 * 1024 * 1024  # bytes, far above the size limit for a spec
_OVERRIDE = "to apply it anyway, set allow-older-commit: true"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The path of the spec that was loaded, and what it includes."""

    path: pathlib.Path
    inclusions: tuple[declarations.Inclusion, ...] = ()


def require(invocation: Invocation, declaration: declarations.Declaration, applied: str) -> None:
    """Check an invocation's commit and the spec at that commit, unless the inputs allow an older commit."""
    inputs = invocation.inputs
    if not inputs.allow_older_commit:
        spec = Spec(path=inputs.spec_path, inclusions=declaration.inclusions)
        check(invocation.repository, invocation.event, applied, spec)


def check(repository: client.Repository | None, event: events.Event, applied: str, spec: Spec) -> None:
    """Raise unless the event's commit is the head of its branch and includes `applied`, the last applied commit.

    An older commit is accepted if the newer one has the same spec and the same workflow, because both then have the
    same effect. Raises `errors.StaleError` if it is older, and GitHubError (UsageError without a token) if that cannot
    be determined: when in doubt, nothing is applied.
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
        raise type(error)(f"nothing was applied: {error.message}", hint=f"{error.hint}; {_OVERRIDE}") from error


def _check_branch(repository: client.Repository, event: events.Event, spec: Spec) -> None:
    if event.branch is None:
        raise errors.StaleError(
            f"commit {event.commit} does not come from a branch, so it cannot be compared with a newer one",
            hint=_OVERRIDE,
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
            "the workflow may have changed between them: applying the older one could undo what was merged since",
            hint=f"the run for the newer commit applies both; {_OVERRIDE}",
        )
    raise errors.StaleError(
        f"commit {event.commit} was removed from branch {event.branch}, whose head is {head}: "
        "the branch was force-pushed",
        hint=f"run the workflow for the head; {_OVERRIDE}",
    )


def _check_applied(repository: client.Repository, event: events.Event, applied: str, spec: Spec) -> None:
    if applied in ("", event.commit):
        return
    relation = _relation(repository, applied, event.commit)
    is_included = relation in ("ahead", "identical")
    if not is_included and not (relation == "behind" and _is_same_at(applied, repository, event, spec)):
        raise errors.StaleError(
            f"commit {event.commit} does not include {applied}, which was applied last: "
            f"applying {event.commit[:12]} could undo the changes in {applied[:12]}",
            hint=f"merge {applied[:12]} first; {_OVERRIDE}",
        )


def _relation(repository: client.Repository, base: str, head: str) -> responses.Relation:
    """Return how two commits relate; a commit that was removed from the repository is treated as diverged."""
    try:
        return repository.relation(base, head)
    except client.NotFoundError:
        return "diverged"


def _is_same_at(commit: str, repository: client.Repository, event: events.Event, spec: Spec) -> bool:
    """Return whether a commit has exactly this spec, and the same workflow file as the event's commit.

    The files that the spec includes must be the same too.
    A spec that is not in the repository, such as a generated one, is never treated as the same.
    """
    path = posixpath.normpath(spec.path.as_posix())
    if not event.workflow or path.startswith(("/", "..")):
        return False
    committed = repository.blob(path, commit)
    if committed is None or not _is_content(spec.path, committed):
        return False
    if spec.inclusions and not _has_same_includes(commit, repository, spec, posixpath.dirname(path)):
        return False
    workflow = repository.blob(event.workflow, event.commit)
    return workflow is not None and workflow == repository.blob(event.workflow, commit)


def _has_same_includes(commit: str, repository: client.Repository, spec: Spec, folder: str) -> bool:
    """Return whether a commit has exactly the files that the spec includes and no others that match its patterns."""
    tree = repository.tree(commit)
    if tree is None:
        return False
    before = f"{folder}/" if folder else ""
    inside = {path.removeprefix(before): blob for path, blob in tree.items() if path.startswith(before)}
    main = spec.path.name
    matching = {
        name
        for name in inside
        if name != main and any(patterns.matches(each.pattern, name) for each in spec.inclusions)
    }
    included = {name for each in spec.inclusions for name in each.files}
    return matching == included and all(_is_content(spec.path.parent / name, inside[name]) for name in included)


def _is_content(path: pathlib.Path, committed: str) -> bool:
    """Return whether a file's content matches the Git hash of the committed file."""
    try:
        content = input_files.read(path, _LIMIT)
    except OSError:  # removed since it was loaded
        return False
    return committed == _git_hash(content, committed)


def _git_hash(content: bytes, like: str) -> str:
    """Return the Git hash of a file's content, using the algorithm of the hash `like`."""
    algorithm = "sha256" if len(like) == hashlib.sha256().digest_size * 2 else "sha1"
    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
