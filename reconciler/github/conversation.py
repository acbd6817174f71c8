"""Our single comment on a pull request: found by its mark and author, and edited rather than posted twice."""

from __future__ import annotations

import dataclasses

from reconciler import errors
from reconciler.credentials import held
from reconciler.documents import marks
from reconciler.github import client, responses

_LARGEST_RUN = 2**63 - 1
_TRIES = 3  # attempts to write a comment that other runs also write to


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The conversation on a pull request. The author's comments are ours; with a key, only those signed with it.

    Without a key, any workflow in the repository can write as the author. A digest in a mark is then trusted only if
    the mark is proven: written by a run of one of the `workflows`, for a commit in this pull request.
    """

    repository: client.Repository
    number: int
    author: str
    key: str = dataclasses.field(default="", repr=False)
    workflows: frozenset[str] = frozenset()

    def is_proven(self, mark: marks.Mark) -> bool:
        """Return whether one of our runs wrote the mark; raise GitHubError if that cannot be determined."""
        if self.key:
            return True
        if not 0 < mark.run <= _LARGEST_RUN:
            return False
        try:
            run = self.repository.action_run(mark.run)
        except client.NotFoundError:
            return False
        if run.workflow.rpartition("/")[2] not in self.workflows:
            return False
        return {run.head_sha, mark.commit} <= self.repository.commits_of(self.number)

    def _is_newer(self, shown: marks.Mark, mark: marks.Mark) -> bool:
        return shown.run > mark.run and self.is_proven(shown)

    def ours(self) -> list[tuple[responses.Comment, marks.Mark]]:
        """Return our comments and their marks, oldest first."""
        comments = (each for each in self.repository.comments(self.number) if is_same_login(each.author, self.author))
        pairs = ((comment, marks.find(comment.body, self.key)) for comment in comments)
        numbers = {self.number} if self.key else {0, self.number}
        ours = ((comment, mark) for comment, mark in pairs if mark and mark.pull in numbers)
        return sorted(ours, key=lambda pair: pair[0].id)

    def show(self, body: str, mark: marks.Mark, *, create: bool) -> responses.Comment | None:
        """Replace our comment's text, unless a newer run wrote it; return None if none exists and `create` is False.

        If two runs create one at the same time, the older comment is kept and the other deleted. Raises
        `errors.GitHubError` if GitHub accepted the text but does not show it, because it silently drops some updates.
        """
        body = held.scrub(body)
        comments = self._about(mark)
        if not comments and not create:
            return None
        if not comments:
            comments = self._created(body, mark)
        kept, shown = comments[0]
        for other, _ in comments[1:]:
            self.repository.delete_comment(other.id)
        if self._is_newer(shown, mark):
            return kept
        try:
            return self._written(kept, body, mark)
        except client.NotFoundError:  # deleted since it was listed
            return self.show(body, mark, create=create)

    def _written(self, comment: responses.Comment, body: str, mark: marks.Mark) -> responses.Comment:
        """Edit a comment and read it back; repeat this if an older run overwrote it in between."""
        for _ in range(_TRIES):
            if not is_same_text(comment.body, body):
                self.repository.edit_comment(comment.id, body)
            comment = self.repository.comment(comment.id)
            shown = marks.find(comment.body, self.key)
            if is_same_text(comment.body, body) or (shown is not None and self._is_newer(shown, mark)):
                return comment
        raise errors.GitHubError(
            f"the comment on pull request {self.number} does not contain what was written",
            hint="run it again; if that does not help, set comment: false and read the step summary",
        )

    def _created(self, body: str, mark: marks.Mark) -> list[tuple[responses.Comment, marks.Mark]]:
        """Create our comment; return it and any others about the same target that concurrent runs have created."""
        comment = self.repository.create_comment(self.number, body)
        if not is_same_login(comment.author, self.author):
            self.repository.delete_comment(comment.id)
            raise errors.UsageError(
                f"comments made with this token are posted as {comment.author}, but comment-author is {self.author}",
                hint=f"leave comment-author empty, or set it to {comment.author}",
            )
        return self._about(mark) or [(comment, mark)]

    def _about(self, mark: marks.Mark) -> list[tuple[responses.Comment, marks.Mark]]:
        return [pair for pair in self.ours() if (pair[1].scope, pair[1].key) == (mark.scope, mark.key)]


def is_same_login(login: str, other: str) -> bool:
    """Return whether two logins are equal, ignoring case."""
    return login.lower() == other.lower()


def is_same_text(shown: str, written: str) -> bool:
    """Return whether GitHub shows what was written; it trims the text and may change line endings."""
    return shown.replace("\r\n", "\n").strip() == written.strip()
