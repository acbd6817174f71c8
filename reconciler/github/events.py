"""What happened in the repository: the event that GitHub started the workflow for."""

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
DEPENDABOT = "dependabot[bot]"  # its pull requests get a read-only token, as a fork's do


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`commit` is what a person knows: a pull request's head, not the merge that GitHub tests; once merged, the merge.

    `pull` is the pull request's number, None for other events, and `is_merged` tells that it is. `is_untrusted` says
    that the token can only read and that there are no secrets. `branch` is the one that the commit came to: the base
    of a pull request, None for a tag; `default_branch` is empty where the event does not name it. `run` is the
    workflow run's number, 0 outside of one.
    """

    name: str
    repository: str
    commit: str
    pull: int | None
    is_merged: bool
    is_untrusted: bool
    branch: str | None
    default_branch: str
    workflow: str  # the file of the workflow, from the root of the repository; empty outside of one
    run: int
    run_url: str
    api_url: str


def read(environ: Mapping[str, str]) -> Event:
    """Return the event; `errors.UsageError` when there is none to be read."""
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
        pull=_number(pull),
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
    """Return the branch of a reference; None for a tag and for anything else."""
    return ref.removeprefix("refs/heads/") if isinstance(ref, str) and ref.startswith("refs/heads/") else None


def _is_untrusted(pull: Mapping[str, Any], repository: str) -> bool:
    """Tell whether the pull request comes from elsewhere; a fork that is gone has no repository any more."""
    origin, author = _at(pull, "head", "repo", "full_name"), _at(pull, "user", "login")
    return bool(origin != repository or author == DEPENDABOT)
