"""The GitHub objects that the Action uses, as frozen data, and their conversion from PyGithub's objects."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

import github.Issue
import github.IssueComment
import github.NamedUser
import github.Organization
import github.PullRequest


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment in the conversation of a pull request or issue."""

    id: int
    author: str
    body: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """An issue that is not a pull request."""

    number: int
    author: str
    title: str
    body: str
    url: str
    is_open: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request; until it is merged, `merge_commit_sha` is that of a test merge."""

    number: int
    title: str
    is_merged: bool
    merge_commit_sha: str | None
    head_sha: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActionRun:
    """A GitHub Actions workflow run: its workflow file, and the commit that it ran for."""

    workflow: str
    head_sha: str


Relation = Literal["identical", "ahead", "behind", "diverged"]


def comment(response: github.IssueComment.IssueComment) -> Comment:
    """Return a comment."""
    return Comment(
        id=response.id, author=_author(response.user), body=response.body or "", url=_required(response.html_url)
    )


def issue(response: github.Issue.Issue) -> Issue:
    """Return an issue."""
    return Issue(
        number=response.number,
        author=_author(response.user),
        title=response.title,
        body=response.body or "",
        url=_required(response.html_url),
        is_open=response.state == "open",
    )


def pull_request(response: github.PullRequest.PullRequest) -> PullRequest:
    """Return a pull request."""
    return PullRequest(
        number=response.number,
        title=response.title,
        is_merged=response.merged_at is not None,
        merge_commit_sha=response.merge_commit_sha,
        head_sha=response.head.sha,
        url=_required(response.html_url),
    )


def relation(status: str) -> Relation:
    """Return the status of a comparison; raise ValueError if it is unknown."""
    for known in get_args(Relation):
        if status == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"unknown comparison status {status!r}")


def _author(user: github.NamedUser.NamedUser | github.Organization.Organization | None) -> str:
    """Return a login; for a deleted account, it is `ghost`, as on GitHub's website."""
    return user.login if user else "ghost"


def _required(url: str | None) -> str:
    """Return a URL that every GitHub object has; raise ValueError if it is missing."""
    if not url:
        raise ValueError("the response is not from GitHub")
    return url
