"""Comments, issues and pull requests as GitHub's REST API shows them, and its published schema to check them with."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import subprocess
import zlib
from collections.abc import Mapping
from typing import Any

import pydantic
from githubkit_schemas.v2022_11_28 import models

Json = dict[str, Any]

_DOCS = "https://docs.github.com/rest"
_BEGIN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_COUNTS = ("forks", "forks_count", "stargazers_count", "watchers_count", "watchers", "size")
_COUNTS_OF_ISSUES = ("open_issues", "open_issues_count")
_LINKS = ("comments", "commits", "statuses", "html", "issue", "review_comments", "review_comment")


@dataclasses.dataclass(slots=True, kw_only=True)
class Comment:
    """A comment under an issue or pull request; without an author once the account is deleted."""

    id: int
    number: int
    author: str | None
    body: str
    touched: int  # seconds on the server's own clock, which counts changes


@dataclasses.dataclass(slots=True, kw_only=True)
class Pull:
    """What a pull request has beside an issue."""

    head_sha: str
    merge_commit_sha: str | None
    is_merged: bool
    earlier: tuple[str, ...] = ()  # commits before the head


@dataclasses.dataclass(slots=True, kw_only=True)
class Issue:
    """An issue; a pull request is one too."""

    number: int
    author: str | None
    title: str
    body: str
    touched: int
    is_open: bool = True
    pull: Pull | None = None


def problems(model: str, text: str) -> list[str]:
    """Say where a body differs from the published schema: types, missing fields, fields that it does not have."""
    kind: Any = getattr(models, model)
    try:
        kind.model_validate_json(text, strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        return [f"{model}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return []


def refusal(status: int, message: str, *errors: Json) -> Json:
    """Return the body of an error, as documented."""
    found: Json = {"message": message, "documentation_url": _DOCS}
    return found | ({"errors": list(errors)} if errors else {} if status == 422 else {"status": str(status)})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shapes:
    """The shapes in one repository of one server."""

    api: str
    web: str
    repository: str

    @property
    def _at(self) -> str:
        return f"{self.api}/repos/{self.repository}"

    def user(self, login: str | None) -> Json | None:
        """Return an account as it stands at what it wrote; null when it is deleted."""
        if login is None:
            return None
        at = f"{self.api}/users/{login}"
        return {
            **_addresses("SimpleUser", at),
            "login": login,
            "id": _number(login),
            "node_id": f"U_{_number(login)}",
            "avatar_url": f"{self.web}/{login}.png",
            "gravatar_id": "",
            "url": at,
            "html_url": f"{self.web}/{login}",
            "type": "Bot" if login.endswith("[bot]") else "User",
            "site_admin": False,
        }

    def account(self, login: str) -> Json:
        """Return an account as it sees itself."""
        unknown = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio"))
        counts = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
        return {**(self.user(login) or {}), **unknown, **counts, "created_at": _time(0), "updated_at": _time(0)}

    def comment(self, comment: Comment, issue: Issue) -> Json:
        """Return a comment of an issue or pull request."""
        return {
            "id": comment.id,
            "node_id": f"IC_{comment.id}",
            "url": f"{self._at}/issues/comments/{comment.id}",
            "html_url": f"{self._page(issue)}#issuecomment-{comment.id}",
            "issue_url": f"{self._at}/issues/{comment.number}",
            "user": self.user(comment.author),
            "author_association": "NONE",
            "body": comment.body,
            "created_at": _time(comment.id),
            "updated_at": _time(comment.touched),
            "performed_via_github_app": None,
        }

    def issue(self, issue: Issue, comments: int) -> Json:
        """Return an issue; a pull request has one more key."""
        at = f"{self._at}/issues/{issue.number}"
        found: Json = {
            "id": issue.number + 1000,
            "node_id": f"I_{issue.number}",
            "url": at,
            "repository_url": self._at,
            **{f"{name}_url": f"{at}/{name}" for name in ("labels", "comments", "events")},
            "html_url": self._page(issue),
            "number": issue.number,
            "state": "open" if issue.is_open else "closed",
            "state_reason": None if issue.is_open else "completed",
            "title": issue.title,
            "body": issue.body or None,
            "user": self.user(issue.author),
            "labels": [],
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "locked": False,
            "active_lock_reason": None,
            "comments": comments,
            "closed_at": None if issue.is_open else _time(issue.touched),
            "created_at": _time(issue.number),
            "updated_at": _time(issue.touched),
            "author_association": "NONE",
        }
        if issue.pull:
            page = self._page(issue)
            urls = {"url": f"{self._at}/pulls/{issue.number}", "html_url": page}
            found["pull_request"] = {**urls, "diff_url": f"{page}.diff", "patch_url": f"{page}.patch"}
        return found

    def pull_request(self, issue: Issue) -> Json:
        """Return a pull request as lists show it."""
        assert issue.pull
        at = f"{self._at}/pulls/{issue.number}"
        ended = None if issue.is_open else _time(issue.touched)
        return {
            "id": issue.number + 2000,
            "node_id": f"PR_{issue.number}",
            "url": at,
            "html_url": self._page(issue),
            "diff_url": f"{self._page(issue)}.diff",
            "patch_url": f"{self._page(issue)}.patch",
            "issue_url": f"{self._at}/issues/{issue.number}",
            **{f"{name}_url": f"{at}/{name}" for name in ("commits", "review_comments", "review_comment", "comments")},
            "statuses_url": f"{self._at}/statuses/{issue.pull.head_sha}",
            "number": issue.number,
            "state": "open" if issue.is_open else "closed",
            "locked": False,
            "title": issue.title,
            "user": self.user(issue.author),
            "body": issue.body or None,
            "labels": [],
            "milestone": None,
            "created_at": _time(issue.number),
            "updated_at": _time(issue.touched),
            "closed_at": ended,
            "merged_at": ended if issue.pull.is_merged else None,
            "merge_commit_sha": issue.pull.merge_commit_sha,
            "assignee": None,
            "assignees": [],
            "requested_reviewers": [],
            "requested_teams": [],
            "head": self._branch("change", issue.pull.head_sha),
            "base": self._branch("main", "0" * 40),
            "_links": {"self": {"href": at}, **{name: {"href": f"{at}/{name}"} for name in _LINKS}},
            "author_association": "NONE",
            "auto_merge": None,
            "draft": False,
        }

    def whole_pull_request(self, issue: Issue) -> Json:
        """Return a pull request as it is shown alone."""
        assert issue.pull
        counts = dict.fromkeys(("comments", "review_comments", "commits", "additions", "deletions", "changed_files"), 1)
        states = {"mergeable": None, "mergeable_state": "unknown", "merged_by": None, "maintainer_can_modify": False}
        return {**self.pull_request(issue), **counts, **states, "merged": issue.pull.is_merged}

    def action_run(self, number: int, workflow: str, head_sha: str) -> Json:
        """Return a workflow run."""
        at = f"{self._at}/actions/runs/{number}"
        links = ("jobs", "logs", "check_suite", "artifacts", "cancel", "rerun", "workflow", "html")
        repository = {
            **_addresses("MinimalRepository", self._at),
            "id": _number(self.repository),
            "node_id": f"R_{_number(self.repository)}",
            "name": self.repository.partition("/")[2],
            "full_name": self.repository,
            "owner": self.user(self.repository.partition("/")[0]),
            "private": False,
            "description": None,
            "fork": False,
            "url": self._at,
        }
        return {
            "id": number,
            "node_id": f"WFR_{number}",
            "head_branch": "change",
            "head_sha": head_sha,
            "path": workflow,
            "run_number": number,
            "event": "pull_request",
            "status": "completed",
            "conclusion": "success",
            "workflow_id": _number(workflow),
            "url": at,
            "pull_requests": [],
            "created_at": _time(0),
            "updated_at": _time(0),
            **{f"{name}_url": f"{at}/{name}" for name in links},
            "head_commit": None,
            "repository": repository,
            "head_repository": repository,
            "display_title": "a run",
        }

    def ref(self, branch: str, sha: str) -> Json:
        """Return a branch as a Git reference."""
        at = f"{self._at}/git/refs/heads/{branch}"
        target = {"type": "commit", "sha": sha, "url": f"{self._at}/git/commits/{sha}"}
        return {"ref": f"refs/heads/{branch}", "node_id": f"REF_{branch}", "url": at, "object": target}

    def commit(self, sha: str) -> Json:
        """Return a commit."""
        at = f"{self._at}/commits/{sha}"
        git = {
            "url": at,
            "author": None,
            "committer": None,
            "message": "a commit",
            "comment_count": 0,
            "tree": {"sha": sha, "url": at},
        }
        return {
            "url": at,
            "sha": sha,
            "node_id": f"C_{sha}",
            "html_url": at,
            "comments_url": f"{at}/comments",
            "commit": git,
            "author": None,
            "committer": None,
            "parents": [],
        }

    def content(self, path: str, text: bytes) -> Json:
        """Return a file of a commit."""
        at = f"{self._at}/contents/{path}"
        return {
            **dict.fromkeys(("url", "git_url", "html_url", "download_url"), at),
            "_links": {"self": at, "git": at, "html": at},
            "type": "file",
            "name": path.rpartition("/")[2],
            "path": path,
            "size": len(text),
            "encoding": "base64",
            "content": base64.b64encode(text).decode(),
            "sha": _blob(text),
        }

    def tree(self, sha: str, files: Mapping[str, bytes], *, truncated: bool) -> Json:
        """Return the files of a commit."""
        at = f"{self._at}/git/trees/{sha}"
        entries = [
            {"path": path, "mode": "100644", "type": "blob", "size": len(text), "sha": _blob(text), "url": at}
            for path, text in files.items()
        ]
        return {"sha": sha, "url": at, "truncated": truncated, "tree": entries}

    def comparison(self, base: list[str], head: list[str]) -> Json:
        """Return how two histories relate, as comparing their last commits shows it."""
        ahead, behind = [each for each in head if each not in base], [each for each in base if each not in head]
        status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
        common = [each for each in base if each in head] or base
        at = f"{self._at}/compare/{base[-1]}...{head[-1]}"
        return {
            **{f"{name}url": at for name in ("", "html_", "permalink_", "diff_", "patch_")},
            "base_commit": self.commit(base[-1]),
            "merge_base_commit": self.commit(common[-1]),
            "status": status,
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [self.commit(each) for each in ahead],
        }

    def _page(self, issue: Issue) -> str:
        return f"{self.web}/{self.repository}/{'pull' if issue.pull else 'issues'}/{issue.number}"

    def _branch(self, ref: str, sha: str) -> Json:
        owner, _, name = self.repository.partition("/")
        repository = {
            **_addresses("Repository", self._at),
            "id": _number(self.repository),
            "node_id": f"R_{_number(self.repository)}",
            "name": name,
            "full_name": self.repository,
            "owner": self.user(owner),
            "private": False,
            "html_url": f"{self.web}/{self.repository}",
            "url": self._at,
            **dict.fromkeys(("license", "description", "mirror_url", "homepage", "language")),
            **dict.fromkeys(("pushed_at", "created_at", "updated_at"), _time(0)),
            **dict.fromkeys(_COUNTS + _COUNTS_OF_ISSUES, 0),
            **dict.fromkeys(("fork", "has_pages", "disabled"), False),
            "default_branch": "main",
        }
        return {"label": f"{owner}:{ref}", "ref": ref, "sha": sha, "user": self.user(owner), "repo": repository}


def _addresses(model: str, at: str) -> Json:
    """Return the addresses that the schema wants of an object and nobody reads here."""
    fields: Any = getattr(models, model).model_fields
    wanted = [name for name, field in fields.items() if name.endswith("_url") and field.is_required()]
    return {name: f"{at}/{name.removesuffix('_url')}" for name in wanted}


def _number(name: str) -> int:
    """Return an id that is always the same for a name."""
    return zlib.crc32(name.encode())


def _time(seconds: int) -> str:
    return (_BEGIN + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _blob(text: bytes) -> str:
    """Return Git's hash of a file."""
    done = subprocess.run(["git", "hash-object", "--stdin"], input=text, capture_output=True, check=True)
    return done.stdout.decode().strip()
