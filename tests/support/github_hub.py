"""What the loopback GitHub holds: tokens, issues, pull requests and comments, to be arranged and looked at by tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from tests.support import github_shapes

JOB = "token-of-the-job"
FORK = "token-of-a-fork"
ADA = "token-of-ada"
BOT = "github-actions[bot]"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """Who comes with a token, and what it may do: permissions as a workflow names them."""

    login: str
    permissions: Mapping[str, str]
    is_installation: bool = False

    def may(self, level: str, *names: str) -> bool:
        """Say whether one of the permissions is given on this level; writing includes reading."""
        held = {self.permissions.get(name, "none") for name in names}
        return not names or bool(held & ({"write"} if level == "write" else {"read", "write"}))


def _tokens() -> dict[str, Token]:
    reads = {"actions": "read", "contents": "read", "issues": "read", "pull-requests": "read"}
    writes = {"actions": "read", "contents": "read", "issues": "write", "pull-requests": "write"}
    return {
        JOB: Token(login=BOT, permissions=writes, is_installation=True),
        FORK: Token(login=BOT, permissions=reads, is_installation=True),
        ADA: Token(login="ada", permissions=writes),
    }


@dataclasses.dataclass(slots=True)
class Hub:
    """One repository and those who may use it."""

    repository: str = "acme/schedules"
    tokens: dict[str, Token] = dataclasses.field(default_factory=_tokens)
    issues: dict[int, github_shapes.Issue] = dataclasses.field(default_factory=dict)
    comments: dict[int, github_shapes.Comment] = dataclasses.field(default_factory=dict)
    commits: set[str] = dataclasses.field(default_factory=set)  # beside those of pull requests
    action_runs: dict[int, tuple[str, str]] = dataclasses.field(default_factory=dict)  # workflow file and commit
    branches: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # commits, oldest first
    trees: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)  # the files of commits, by path
    has_truncated_trees: bool = False  # as those of large repositories are
    has_issues: bool = True
    _clock: int = 0

    def add_issue(self, title: str, *, author: str | None = "ada", body: str = "") -> github_shapes.Issue:
        """Open an issue as somebody does."""
        number = len(self.issues) + 1
        issue = github_shapes.Issue(number=number, author=author, title=title, body=body, touched=self.tick())
        self.issues[number] = issue
        return issue

    def add_pull(
        self, title: str, *, head_sha: str, author: str = "ada", merge_commit_sha: str | None = None
    ) -> github_shapes.Issue:
        """Open a pull request; with the commit that it was merged as, it is merged."""
        issue = self.add_issue(title, author=author)
        issue.pull = github_shapes.Pull(
            head_sha=head_sha, merge_commit_sha=merge_commit_sha, is_merged=merge_commit_sha is not None
        )
        issue.is_open = merge_commit_sha is None
        return issue

    def merge(self, number: int, sha: str) -> None:
        """Merge a pull request as a commit."""
        issue = self.issues[number]
        assert issue.pull
        issue.pull.merge_commit_sha, issue.pull.is_merged = sha, True
        issue.is_open, issue.touched = False, self.tick()
        self.advance("main", sha)

    def advance(self, branch: str, sha: str) -> None:
        """Push a commit to a branch, which may have it already."""
        commits = self.branches.setdefault(branch, [])
        if sha not in commits:
            commits.append(sha)

    def ancestors(self, sha: str) -> list[str] | None:
        """Return the history of a commit, itself last; None when no branch has it."""
        found = (commits[: commits.index(sha) + 1] for commits in self.branches.values() if sha in commits)
        return next(found, None)

    def add_comment(self, number: int, body: str, *, author: str | None = "ada") -> github_shapes.Comment:
        """Comment as somebody does."""
        moment = self.tick()
        comment = github_shapes.Comment(id=moment, number=number, author=author, body=body, touched=moment)
        self.comments[comment.id] = comment
        return comment

    def comments_of(self, number: int) -> list[github_shapes.Comment]:
        """Return a conversation, oldest first."""
        return [each for each in self.comments.values() if each.number == number]

    def pulls_of(self, sha: str) -> list[github_shapes.Issue]:
        """Return the pull requests that a commit belongs to."""
        pulls = [(each, each.pull) for each in self.issues.values() if each.pull]
        return [each for each, pull in pulls if sha in {pull.head_sha, pull.merge_commit_sha}]

    def tick(self) -> int:
        """Return a moment after all others."""
        self._clock += 1
        return self._clock
