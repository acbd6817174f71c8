"""The event that started the workflow, as GitHub describes it in a file and in environment variables."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any

from reconciler import errors, input_files

_RUN = re.compile(r"[0-9]{1,18}")
_LIMIT = 64 * 1024 * 1024  # bytes; GitHub sends 25 MiB at most
DEPENDABOT = "dependabot[bot]"  # its pull requests get a read-only token, as do those from forks


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event and the workflow run that it started.

    `commit` is the commit that users recognize: the head of a pull request rather than GitHub's test merge, or the
    merge commit once it is merged. `pull_request` is the pull request's number, or None for other events.
    `is_untrusted` means that the token is read-only and that secrets are not available. `branch` is the branch that the
    commit was pushed to, or the base of the pull request; it is None for a tag. `default_branch` is empty if the event
    does not include it. `workflow` is the path of the workflow file in the repository. Outside a workflow, `workflow`
    is empty and `run` is 0.
    """

    name: str
    repository: str
    commit: str
    pull_request: int | None
    is_merged: bool
    is_untrusted: bool
    branch: str | None
    default_branch: str
    workflow: str
    run: int
    run_url: str
    api_url: str


def read(environ: Mapping[str, str]) -> Event:
    """Return the event; raise `errors.UsageError` if its file cannot be read."""
    payload = _payload(environ.get("GITHUB_EVENT_PATH", ""))
    pull = payload.get("pull_request") if isinstance(payload.get("pull_request"), dict) else None
    repository = environ.get("GITHUB_REPOSITORY", "")
    run, sha = environ.get("GITHUB_RUN_ID", ""), environ.get("GITHUB_SHA", "")
    is_merged = _at(pull, "merged") is True
    server = environ.get("GITHUB_SERVER_URL") or "https://github.com"
    return Event(
        name=environ.get("GITHUB_EVENT_NAME", ""),
        repository=repository,
        commit=str((_at(pull, "merge_commit_sha") if is_merged else _at(pull, "head", "sha")) or sha),
        pull_request=_number(pull),
        is_merged=is_merged,
        is_untrusted=pull is not None and _is_untrusted(pull, repository),
        branch=_at(pull, "base", "ref") or _branch(environ.get("GITHUB_REF") or payload.get("ref")),
        default_branch=str(_at(payload, "repository", "default_branch") or ""),
        workflow=environ.get("GITHUB_WORKFLOW_REF", "").partition("@")[0].removeprefix(f"{repository}/"),
        run=int(run) if _RUN.fullmatch(run) else 0,
        run_url=f"{server}/{repository}/actions/runs/{run}" if _RUN.fullmatch(run) and repository else "",
        api_url=environ.get("GITHUB_API_URL") or "https://api.github.com",
    )


def _payload(path: str) -> dict[str, Any]:
    if not path:
        return {}
    try:
        payload = json.loads(input_files.read(pathlib.Path(path), _LIMIT).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise errors.UsageError(f"the event in {path} cannot be read: {error}", hint="run it in a workflow") from None
    return payload if isinstance(payload, dict) else {}


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _number(pull: Mapping[str, Any] | None) -> int | None:
    number = _at(pull, "number")
    return number if isinstance(number, int) else None


def _branch(ref: object) -> str | None:
    """Return a ref's branch, or None for a tag or anything else."""
    return ref.removeprefix("refs/heads/") if isinstance(ref, str) and ref.startswith("refs/heads/") else None


def _is_untrusted(pull: Mapping[str, Any], repository: str) -> bool:
    """Return whether the pull request is from a fork or from Dependabot; a deleted fork has no repository."""
    origin, author = _at(pull, "head", "repo", "full_name"), _at(pull, "user", "login")
    return bool(origin != repository or author == DEPENDABOT)
