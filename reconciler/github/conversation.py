"""Our one comment in a pull request, our one issue about a drift: found by mark and author, edited, never doubled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from reconciler import errors
from reconciler.credentials import held
from reconciler.documents import marks
from reconciler.github import api

_LARGEST_RUN = 2**63 - 1
_TRIES = 3  # at writing a comment that other runs write to as well


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """A pull request, and whose comments there are ours: those of the author, and with a key those that it signed.

    Without a key, every workflow of the repository can write as the author. What matters in a mark then counts only if
    it is `proven`: written by a run of one of the `workflows`, for a commit of this pull request.
    """

    hub: api.Repository
    number: int
    author: str
    key: str = dataclasses.field(default="", repr=False)
    workflows: frozenset[str] = frozenset()

    def proven(self, mark: marks.Mark) -> bool:
        """Return whether one of our runs wrote the mark; an error means that GitHub cannot say."""
        if self.key:
            return True
        if not 0 < mark.run <= _LARGEST_RUN:
            return False
        try:
            run = self.hub.action_run(mark.run)
        except api.NotFoundError:
            return False
        if run.workflow.rpartition("/")[2] not in self.workflows:
            return False
        return {run.head_sha, mark.commit} <= self.hub.commits_of(self.number)

    def _is_newer(self, shown: marks.Mark, mark: marks.Mark) -> bool:
        return shown.run > mark.run and self.proven(shown)

    def ours(self) -> list[tuple[api.Comment, marks.Mark]]:
        """Return our marked comments, oldest first; a mark that somebody else wrote is nobody's."""
        ours = (each for each in self.hub.comments(self.number) if _is(each.author, self.author))
        found = ((each, marks.find(each.body, self.key)) for each in ours)
        here = {self.number} if self.key else {0, self.number}
        return sorted(((each, mark) for each, mark in found if mark and mark.pull in here), key=lambda pair: pair[0].id)

    def show(self, body: str, mark: marks.Mark, *, create: bool) -> api.Comment | None:
        """Make our comment say this, unless a newer run has written it; None when there is none and none is wanted.

        Two runs that create one at the same time keep the older comment and delete the other. Raises
        `errors.GitHubError` when GitHub took the text and does not show it: it drops some updates without a word.
        """
        body = held.scrub(body)
        found = self._about(mark)
        if not found and not create:
            return None
        if not found:
            found = self._made(body, mark)
        kept, shown = found[0]
        for other, _ in found[1:]:
            self.hub.delete_comment(other.id)
        if self._is_newer(shown, mark):
            return kept
        try:
            return self._written(kept, body, mark)
        except api.NotFoundError:  # somebody deleted it meanwhile
            return self.show(body, mark, create=create)

    def _written(self, comment: api.Comment, body: str, mark: marks.Mark) -> api.Comment:
        """Edit a comment and read it back; once more where an older run wrote over it in between."""
        for _ in range(_TRIES):
            if not _same(comment.body, body):
                self.hub.edit_comment(comment.id, body)
            comment = self.hub.comment(comment.id)
            shown = marks.find(comment.body, self.key)
            if _same(comment.body, body) or (shown is not None and self._is_newer(shown, mark)):
                return comment
        raise errors.GitHubError(
            f"the comment in pull request {self.number} does not show what was written",
            hint="run it again; if that does not help, set comment: false and read the step summary",
        )

    def _made(self, body: str, mark: marks.Mark) -> list[tuple[api.Comment, marks.Mark]]:
        """Create our comment; return it with others about the same, which a run beside this one may have created."""
        made = self.hub.create_comment(self.number, body)
        if not _is(made.author, self.author):
            self.hub.delete_comment(made.id)
            raise errors.UsageError(
                f"the token comments as {made.author}, and comment-author is {self.author}",
                hint=f"leave comment-author empty, or set it to {made.author}",
            )
        return self._about(mark) or [(made, mark)]

    def _about(self, mark: marks.Mark) -> list[tuple[api.Comment, marks.Mark]]:
        return [(each, found) for each, found in self.ours() if (found.scope, found.key) == (mark.scope, mark.key)]


def track(
    hub: api.Repository,
    author: str,
    mark: marks.Mark,
    *,
    write: Callable[[marks.Mark | None], tuple[str, str]],
    is_open: bool,
    key: str = "",
) -> api.Issue | None:
    """Open, update, reopen or close our issue about a drift; None when there is none and none is wanted.

    `write` returns title and body, and hears the mark that the open issue has; with none open, the drift is a new one.
    """
    found = _issues_about(hub.issues(author), author, mark, key)
    before = next((pair for pair in found if pair[0].is_open), found[-1] if found else None)
    if before is None and not is_open:
        return None
    if before is None:
        made = hub.create_issue(*map(held.scrub, write(None)))
        found = _issues_about(hub.issues(author), author, mark, key) or [(made, mark)]
        before = found[0]
    for other, _ in found:
        if other.is_open and other.number != before[0].number:  # of a run beside this one
            hub.edit_issue(other.number, title=other.title, body=other.body, is_open=False)
    issue, known = before
    if not is_open and not issue.is_open:
        return None
    title, body = map(held.scrub, write(known if issue.is_open else None))
    if (issue.title, issue.is_open) == (title, is_open) and _same(issue.body, body):
        return issue
    changed = hub.edit_issue(issue.number, title=title, body=body, is_open=is_open)
    if not _same(changed.body, body):
        raise errors.GitHubError(
            f"issue {issue.number} does not show what was written", hint="run it again, and look at the step summary"
        )
    return changed


def _issues_about(
    issues: Iterable[api.Issue], author: str, mark: marks.Mark, key: str
) -> list[tuple[api.Issue, marks.Mark]]:
    marked = ((each, marks.find(each.body, key)) for each in issues if _is(each.author, author))
    about = ((each, found) for each, found in marked if found and found.kind == mark.kind)
    same = ((each, found) for each, found in about if (found.scope, found.key) == (mark.scope, mark.key))
    return sorted(same, key=lambda pair: pair[0].number)


def close_all(hub: api.Repository, author: str, scope: str, body: str, *, key: str = "") -> None:
    """Close our open issues about drifts of an environment, saying why."""
    for issue in hub.issues(author):
        found = marks.find(issue.body, key) if issue.is_open and _is(issue.author, author) else None
        if found and (found.kind, found.scope) == ("drift", scope):
            mark = marks.dumps(dataclasses.replace(found, digest=""), key)
            hub.edit_issue(issue.number, title=issue.title, body=held.scrub(f"{mark}\n\n{body}"), is_open=False)


def _is(login: str, other: str) -> bool:
    """Tell whether two logins are one: case does not count."""
    return login.lower() == other.lower()


def _same(shown: str, written: str) -> bool:
    """Tell whether GitHub shows what was written; it trims the ends and may have other line ends."""
    return shown.replace("\r\n", "\n").strip() == written.strip()
