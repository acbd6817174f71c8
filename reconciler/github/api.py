"""What the Action needs of GitHub's REST API: comments, issues, and the pull requests of a commit."""

from __future__ import annotations

import dataclasses
import re
import time
import urllib.parse
from collections.abc import Callable
from typing import Literal, get_args

import github
import github.Issue
import github.IssueComment
import github.NamedUser
import github.Organization
import github.PaginatedList
import github.PullRequest

from reconciler import errors
from reconciler.credentials import held
from reconciler.github import calls

NotFoundError = calls.NotFoundError
ForbiddenError = calls.ForbiddenError
OutageError = calls.OutageError

ACTIONS_BOT = "github-actions[bot]"
_PER_PAGE = 100  # the most
_API_VERSION = "2022-11-28"

_READ_COMMENTS = "pull-requests: read"
_WRITE_COMMENTS = "pull-requests: write"
_READ_CONTENTS = "contents: read"
_READ_ISSUES = "issues: read"
_WRITE_ISSUES = "issues: write"


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
class Pull:
    """A pull request; `merge_commit_sha` is a test merge's while it is not merged."""

    number: int
    title: str
    is_merged: bool
    merge_commit_sha: str | None
    head_sha: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ActionRun:
    """A workflow run of GitHub Actions: the file of its workflow, and the commit that it ran for."""

    workflow: str
    head_sha: str


Relation = Literal["identical", "ahead", "behind", "diverged"]


class Repository:
    """One repository, as one token sees it; close it when it is done with.

    Every method may raise GitHubError; ForbiddenError and NotFoundError are the ones worth telling apart.
    """

    def __init__(
        self,
        *,
        api_url: str,
        repository: str,
        token: str,
        user_agent: str = "reconciler",
        timeout: int = calls.TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is sent yet. `repository` is `owner/name`, `timeout` seconds for each request."""
        held.hold(token)
        _check(api_url, repository, token)
        self.name = repository
        self._calls = calls.Calls(api_url=api_url, token=token, timeout=timeout, sleep=sleep)
        self._client = github.Github(
            base_url=api_url.rstrip("/"),
            auth=github.Auth.Token(token),
            user_agent=user_agent,
            timeout=timeout,
            per_page=_PER_PAGE,
            retry=None,
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
            api_version=_API_VERSION,
        )
        self._repository = self._client.get_repo(repository)
        self._login = ""

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def login(self) -> str:
        """Return who the token is, as it stands at what it writes; asked once.

        An installation's token may not read /user. Its app is the viewer of a GraphQL query; where even that is
        refused, it is taken for the token that Actions gives to each job.
        """
        if not self._login:
            call = calls.Call(doing="read whose token this is")
            try:
                self._login = self._calls.send(call, lambda: self._client.get_user().login)
            except ForbiddenError:
                self._login = self._viewer() or ACTIONS_BOT
        return self._login

    def comments(self, number: int) -> tuple[Comment, ...]:
        """Return the whole conversation of a pull request, oldest first."""
        call = calls.Call(doing=f"read the comments of {self.name}#{number}", permission=_READ_COMMENTS)
        found = self._repository.get_issue(number).get_comments()
        return self._calls.send(call, lambda: tuple(map(_comment, found)))

    def comment(self, comment_id: int) -> Comment:
        """Read one comment."""
        call = calls.Call(doing=f"read comment {comment_id} in {self.name}", permission=_READ_COMMENTS)
        return self._calls.send(call, lambda: _comment(self._lazy_comment(comment_id).complete()))

    def create_comment(self, number: int, body: str) -> Comment:
        """Add a comment; where an attempt stays without an answer, one of ours with the same text is taken for it."""
        call = calls.Call(doing=f"comment on {self.name}#{number}", permission=_WRITE_COMMENTS)
        issue = self._repository.get_issue(number)

        def made() -> Comment | None:
            found = self.comments(number)
            return next((each for each in reversed(found) if self._is_ours(each, body)), None)

        return self._calls.send(call, lambda: _comment(issue.create_comment(body)), made=made)

    def edit_comment(self, comment_id: int, body: str) -> None:
        """Replace a comment's text; one that is too long GitHub drops without a word, so read it back."""
        call = calls.Call(doing=f"edit comment {comment_id} in {self.name}", permission=_WRITE_COMMENTS)

        def edit() -> None:
            comment = self._lazy_comment(comment_id)
            comment.edit(body)
            _comment(comment)

        self._calls.send(call, edit)

    def delete_comment(self, comment_id: int) -> None:
        """Delete a comment; it may be gone already."""
        call = calls.Call(doing=f"delete comment {comment_id} in {self.name}", permission=_WRITE_COMMENTS)
        try:
            self._calls.send(call, self._lazy_comment(comment_id).delete)
        except NotFoundError:
            return

    def pulls_of(self, sha: str) -> tuple[Pull, ...]:
        """Return the pull request that brought a commit to the default branch; elsewhere all, merged and open."""
        call = calls.Call(doing=f"find the pull request of {sha} in {self.name}", permission=_READ_COMMENTS)
        found = self._repository.get_commit(sha).get_pulls()
        return self._calls.send(call, lambda: tuple(map(_pull, found)))

    def head_of(self, branch: str) -> str:
        """Return the commit that a branch points to now; NotFoundError when there is no such branch."""
        call = calls.Call(doing=f"read the head of branch {branch} in {self.name}", permission=_READ_CONTENTS)
        return self._calls.send(call, lambda: self._repository.get_git_ref(f"heads/{branch}").object.sha)

    def relation(self, base: str, head: str) -> Relation:
        """Return how `head` relates to `base`; NotFoundError when the repository no longer has one of them."""
        call = calls.Call(doing=f"compare {base[:12]} with {head[:12]} in {self.name}", permission=_READ_CONTENTS)
        compared = self._repository.compare(base, head, comparison_commits_per_page=1)
        return self._calls.send(call, lambda: _relation(compared.status))

    def blob(self, path: str, commit: str) -> str | None:
        """Return Git's hash of a file in a commit (a link is followed); None when the commit has no such file."""
        call = calls.Call(doing=f"read {path} of {commit[:12]} in {self.name}", permission=_READ_CONTENTS)

        def read() -> str | None:
            found = self._repository.get_contents(path, ref=commit)
            return None if isinstance(found, list) or found.type != "file" else found.sha

        try:
            return self._calls.send(call, read)
        except NotFoundError:
            return None

    def action_run(self, number: int) -> ActionRun:
        """Return a workflow run by its id; NotFoundError when this repository has none."""
        call = calls.Call(doing=f"read workflow run {number} in {self.name}", permission="actions: read")

        def read() -> ActionRun:
            run = self._repository.get_workflow_run(number)
            return ActionRun(workflow=run.path.partition("@")[0], head_sha=run.head_sha)

        return self._calls.send(call, read)

    def commits_of(self, number: int) -> frozenset[str]:
        """Return the commits of a pull request (GitHub lists up to 250), its head, and its merge commit if merged."""
        call = calls.Call(doing=f"read the commits of {self.name}#{number}", permission=_READ_COMMENTS)

        def read() -> frozenset[str]:
            pull = self._repository.get_pull(number)
            listed = {each.sha for each in pull.get_commits()}
            return frozenset(listed | {pull.head.sha} | ({pull.merge_commit_sha or ""} if pull.merged_at else set()))

        return self._calls.send(call, read)

    def issues(self, creator: str) -> tuple[Issue, ...]:
        """Return all issues that somebody opened, closed ones too, newest first."""
        call = calls.Call(doing=f"read the issues of {self.name}", permission=_READ_ISSUES)
        found = github.PaginatedList.PaginatedList(
            github.Issue.Issue,
            self._client.requester,
            f"{self._repository.url}/issues",
            {"state": "all", "creator": creator},
            # Only a pull request has this key; without it PyGithub would ask for each issue again to find it.
            attributesTransformer=lambda each: {"pull_request": None, **each},
        )
        return self._calls.send(call, lambda: tuple(_issue(each) for each in found if each.pull_request is None))

    def issue(self, number: int) -> Issue:
        """Read one issue."""
        call = calls.Call(doing=f"read issue {self.name}#{number}", permission=_READ_ISSUES)
        return self._calls.send(call, lambda: _issue(self._repository.get_issue(number).complete()))

    def create_issue(self, title: str, body: str) -> Issue:
        """Open an issue; where an attempt stays without an answer, one of ours that is the same is taken for it."""
        call = calls.Call(doing=f"open an issue in {self.name}", permission=_WRITE_ISSUES)

        def made() -> Issue | None:
            found = self.issues(self.login())
            return next((each for each in found if each.title == title and self._is_ours(each, body)), None)

        return self._calls.send(call, lambda: _issue(self._repository.create_issue(title, body)), made=made)

    def edit_issue(self, number: int, *, title: str, body: str, is_open: bool) -> Issue:
        """Replace an issue's title, text and state, and return what GitHub has now; a text too long is dropped."""
        call = calls.Call(doing=f"edit issue {self.name}#{number}", permission=_WRITE_ISSUES)

        def edit() -> Issue:
            issue = self._repository.get_issue(number)
            issue.edit(title=title, body=body, state="open" if is_open else "closed")
            return _issue(issue)

        return self._calls.send(call, edit)

    def _viewer(self) -> str:
        requester = self._client.requester
        query = {"query": "{ viewer { login } }"}

        def ask() -> str:
            _, answer = requester.requestJsonAndCheck("POST", requester.graphql_url, input=query)
            return str(((answer.get("data") or {}).get("viewer") or {}).get("login") or "")

        try:
            return self._calls.send(calls.Call(doing="read whose token this is"), ask)
        except (ForbiddenError, NotFoundError):
            return ""

    def _lazy_comment(self, comment_id: int) -> github.IssueComment.IssueComment:
        url = f"{self._repository.url}/issues/comments/{comment_id}"
        return github.IssueComment.IssueComment(self._client.requester, url=url)

    def _is_ours(self, found: Comment | Issue, body: str) -> bool:
        return found.body.splitlines() == body.splitlines() and found.author == self.login()


def _check(api_url: str, repository: str, token: str) -> None:
    """Refuse what no request can be made of; the token is never quoted."""
    if not _is_address(api_url):  # it may hold a password, and is not quoted
        raise errors.GitHubError(
            "the address of GitHub's API is not a valid URL",
            hint="check GITHUB_API_URL: https://HOST, without a password",
        )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
        raise errors.GitHubError(
            "the name of the GitHub repository is not valid", hint="check GITHUB_REPOSITORY: it is owner/name"
        )
    if not re.fullmatch(r"[!-~]+", token):
        problem = "holds a space, a line break or another character that no token has" if token else "is empty"
        raise errors.GitHubError(f"the GitHub token {problem}", hint="give the job's own token, `github.token`")


def _is_address(url: str) -> bool:
    """Return whether requests can be sent to the URL."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = re.fullmatch(r"[!-~]+", url) is not None and "@" not in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_plain and port != 0


def _comment(found: github.IssueComment.IssueComment) -> Comment:
    return Comment(id=found.id, author=_author(found.user), body=found.body or "", url=_present(found.html_url))


def _issue(found: github.Issue.Issue) -> Issue:
    return Issue(
        number=found.number,
        author=_author(found.user),
        title=found.title,
        body=found.body or "",
        url=_present(found.html_url),
        is_open=found.state == "open",
    )


def _pull(found: github.PullRequest.PullRequest) -> Pull:
    return Pull(
        number=found.number,
        title=found.title,
        is_merged=found.merged_at is not None,
        merge_commit_sha=found.merge_commit_sha,
        head_sha=found.head.sha,
        url=_present(found.html_url),
    )


def _relation(status: str) -> Relation:
    for known in get_args(Relation):
        if status == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"unknown comparison status {status!r}")


def _author(user: github.NamedUser.NamedUser | github.Organization.Organization | None) -> str:
    """Return a login; that of a deleted account is, as on GitHub's pages, ghost."""
    return user.login if user else "ghost"


def _present(url: str | None) -> str:
    """Return what every object of GitHub's has; ValueError when this is none."""
    if not url:
        raise ValueError("the answer is not GitHub's")
    return url
