"""The client of GitHub's REST API: comments, issues, commits, pull requests, and workflow runs."""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Callable

import github
import github.Issue
import github.IssueComment
import github.PaginatedList

from reconciler import errors
from reconciler.credentials import held
from reconciler.github import calls, responses

NotFoundError = calls.NotFoundError
ForbiddenError = calls.ForbiddenError
OutageError = calls.OutageError

ACTIONS_BOT = "github-actions[bot]"
_PER_PAGE = 100  # the maximum
_API_VERSION = "2022-11-28"

_READ_COMMENTS = "pull-requests: read"
_WRITE_COMMENTS = "pull-requests: write"
_READ_CONTENTS = "contents: read"
_READ_ISSUES = "issues: read"
_WRITE_ISSUES = "issues: write"


class Repository:
    """A repository that is accessed with one token; close it after use.

    Every method may raise GitHubError; callers may want to distinguish NotFoundError and ForbiddenError.
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
        """Send nothing yet. `repository` is `owner/name`; `timeout` is in seconds, per request."""
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
        """Close the connections."""
        self._client.close()

    def login(self) -> str:
        """Return the login that the token writes as; it is requested only once.

        An installation token cannot read /user. For such a token, the viewer in a GraphQL query is its app; if that is
        rejected too, the token is assumed to be the one that GitHub Actions gives to each job.
        """
        if not self._login:
            call = calls.Call(doing="identify the owner of the token")
            try:
                self._login = self._calls.send(call, lambda: self._client.get_user().login)
            except ForbiddenError:
                self._login = self._viewer() or ACTIONS_BOT
        return self._login

    def comments(self, number: int) -> tuple[responses.Comment, ...]:
        """Return the comments in the conversation of a pull request, oldest first."""
        call = calls.Call(doing=f"read the comments on {self.name}#{number}", permission=_READ_COMMENTS)
        comments = self._repository.get_issue(number).get_comments()
        return self._calls.send(call, lambda: tuple(map(responses.comment, comments)))

    def comment(self, comment_id: int) -> responses.Comment:
        """Read one comment."""
        call = calls.Call(doing=f"read comment {comment_id} in {self.name}", permission=_READ_COMMENTS)
        return self._calls.send(call, lambda: responses.comment(self._lazy_comment(comment_id).complete()))

    def create_comment(self, number: int, body: str) -> responses.Comment:
        """Add a comment; after an attempt without a response, look for the comment that it may have created."""
        call = calls.Call(doing=f"comment on {self.name}#{number}", permission=_WRITE_COMMENTS)
        issue = self._repository.get_issue(number)

        def find_created() -> responses.Comment | None:
            comments = self.comments(number)
            return next((comment for comment in reversed(comments) if self._is_ours(comment, body)), None)

        return self._calls.send(call, lambda: responses.comment(issue.create_comment(body)), find_created=find_created)

    def edit_comment(self, comment_id: int, body: str) -> None:
        """Replace a comment's text, and read it back, because GitHub silently drops text that is too long."""
        call = calls.Call(doing=f"edit comment {comment_id} in {self.name}", permission=_WRITE_COMMENTS)

        def edit() -> None:
            comment = self._lazy_comment(comment_id)
            comment.edit(body)
            responses.comment(comment)

        self._calls.send(call, edit)

    def delete_comment(self, comment_id: int) -> None:
        """Delete a comment, unless it no longer exists."""
        call = calls.Call(doing=f"delete comment {comment_id} in {self.name}", permission=_WRITE_COMMENTS)
        try:
            self._calls.send(call, self._lazy_comment(comment_id).delete)
        except NotFoundError:
            return

    def pull_requests_of(self, sha: str) -> tuple[responses.PullRequest, ...]:
        """Return the pull request that merged a commit into the default branch, or else all that contain it."""
        call = calls.Call(doing=f"find the pull request for commit {sha} in {self.name}", permission=_READ_COMMENTS)
        pulls = self._repository.get_commit(sha).get_pulls()
        return self._calls.send(call, lambda: tuple(map(responses.pull_request, pulls)))

    def head_of(self, branch: str) -> str:
        """Return the commit that a branch points to; raise NotFoundError if the branch does not exist."""
        call = calls.Call(doing=f"read the head of branch {branch} in {self.name}", permission=_READ_CONTENTS)
        return self._calls.send(call, lambda: self._repository.get_git_ref(f"heads/{branch}").object.sha)

    def relation(self, base: str, head: str) -> responses.Relation:
        """Return how `head` relates to `base`; raise NotFoundError if the repository no longer has one of them."""
        call = calls.Call(doing=f"compare {base[:12]} with {head[:12]} in {self.name}", permission=_READ_CONTENTS)
        comparison = self._repository.compare(base, head, comparison_commits_per_page=1)
        return self._calls.send(call, lambda: responses.relation(comparison.status))

    def blob(self, path: str, commit: str) -> str | None:
        """Return the Git hash of a file in a commit, following symbolic links; None if the commit has no such file."""
        call = calls.Call(doing=f"read {path} at commit {commit[:12]} in {self.name}", permission=_READ_CONTENTS)

        def read() -> str | None:
            content = self._repository.get_contents(path, ref=commit)
            return None if isinstance(content, list) or content.type != "file" else content.sha

        try:
            return self._calls.send(call, read)
        except NotFoundError:
            return None

    def tree(self, commit: str) -> dict[str, str] | None:
        """Return the Git hash of each file in a commit, by path, or None if there are too many for one response."""
        call = calls.Call(doing=f"list the files at commit {commit[:12]} in {self.name}", permission=_READ_CONTENTS)

        def read() -> dict[str, str] | None:
            tree = self._repository.get_git_tree(commit, recursive=True)
            files = {entry.path: entry.sha for entry in tree.tree if entry.type == "blob"}
            return None if tree.raw_data.get("truncated") else files

        try:
            return self._calls.send(call, read)
        except NotFoundError:
            return None

    def action_run(self, number: int) -> responses.ActionRun:
        """Return a workflow run by its id; raise NotFoundError if this repository does not have it."""
        call = calls.Call(doing=f"read workflow run {number} in {self.name}", permission="actions: read")

        def read() -> responses.ActionRun:
            run = self._repository.get_workflow_run(number)
            return responses.ActionRun(workflow=run.path.partition("@")[0], head_sha=run.head_sha)

        return self._calls.send(call, read)

    def commits_of(self, number: int) -> frozenset[str]:
        """Return the commits of a pull request (GitHub lists up to 250), its head, and any merge commit."""
        call = calls.Call(doing=f"read the commits in {self.name}#{number}", permission=_READ_COMMENTS)

        def read() -> frozenset[str]:
            pull = self._repository.get_pull(number)
            listed = {commit.sha for commit in pull.get_commits()}
            return frozenset(listed | {pull.head.sha} | ({pull.merge_commit_sha or ""} if pull.merged_at else set()))

        return self._calls.send(call, read)

    def issues(self, creator: str) -> tuple[responses.Issue, ...]:
        """Return all issues that `creator` opened, including closed ones, newest first."""
        call = calls.Call(doing=f"read the issues in {self.name}", permission=_READ_ISSUES)
        issues = github.PaginatedList.PaginatedList(
            github.Issue.Issue,
            self._client.requester,
            f"{self._repository.url}/issues",
            {"state": "all", "creator": creator},
            # Only pull requests have this key; for any other issue, PyGithub would send another request to look for it.
            attributesTransformer=lambda attributes: {"pull_request": None, **attributes},
        )
        return self._calls.send(
            call, lambda: tuple(responses.issue(issue) for issue in issues if issue.pull_request is None)
        )

    def issue(self, number: int) -> responses.Issue:
        """Read one issue."""
        call = calls.Call(doing=f"read issue {self.name}#{number}", permission=_READ_ISSUES)
        return self._calls.send(call, lambda: responses.issue(self._repository.get_issue(number).complete()))

    def create_issue(self, title: str, body: str) -> responses.Issue:
        """Open an issue; after an attempt without a response, look for the issue that it may have created."""
        call = calls.Call(doing=f"open an issue in {self.name}", permission=_WRITE_ISSUES)

        def find_created() -> responses.Issue | None:
            issues = self.issues(self.login())
            return next((issue for issue in issues if issue.title == title and self._is_ours(issue, body)), None)

        return self._calls.send(
            call, lambda: responses.issue(self._repository.create_issue(title, body)), find_created=find_created
        )

    def edit_issue(self, number: int, *, title: str, body: str, is_open: bool) -> responses.Issue:
        """Replace an issue's title, text, and state; return the issue as stored: GitHub drops text that is too long."""
        call = calls.Call(doing=f"edit issue {self.name}#{number}", permission=_WRITE_ISSUES)

        def edit() -> responses.Issue:
            issue = self._repository.get_issue(number)
            issue.edit(title=title, body=body, state="open" if is_open else "closed")
            return responses.issue(issue)

        return self._calls.send(call, edit)

    def _viewer(self) -> str:
        requester = self._client.requester
        query = {"query": "{ viewer { login } }"}

        def read() -> str:
            _, response = requester.requestJsonAndCheck("POST", requester.graphql_url, input=query)
            return str(((response.get("data") or {}).get("viewer") or {}).get("login") or "")

        try:
            return self._calls.send(calls.Call(doing="identify the owner of the token"), read)
        except (ForbiddenError, NotFoundError):
            return ""

    def _lazy_comment(self, comment_id: int) -> github.IssueComment.IssueComment:
        url = f"{self._repository.url}/issues/comments/{comment_id}"
        return github.IssueComment.IssueComment(self._client.requester, url=url)

    def _is_ours(self, written: responses.Comment | responses.Issue, body: str) -> bool:
        return written.body.splitlines() == body.splitlines() and written.author == self.login()


def _check(api_url: str, repository: str, token: str) -> None:
    """Raise GitHubError for settings that cannot be used to make requests; the token is never quoted."""
    if not _is_address(api_url):  # not quoted, because it may contain a password
        raise errors.GitHubError(
            "the address of GitHub's API is not a valid URL",
            hint="check GITHUB_API_URL: https://HOST, without a password",
        )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository, re.ASCII):
        raise errors.GitHubError(
            "the name of the GitHub repository is not valid", hint="check GITHUB_REPOSITORY: it must be owner/name"
        )
    if not re.fullmatch(r"[!-~]+", token):
        problem = (
            "contains a space, a line break, or another character that is not valid in a token" if token else "is empty"
        )
        raise errors.GitHubError(f"the GitHub token {problem}", hint="use the job's own token, `github.token`")


def _is_address(url: str) -> bool:
    """Return whether requests can be sent to the URL."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = re.fullmatch(r"[!-~]+", url) is not None and "@" not in parts.netloc
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and is_plain and port != 0
