"""Our single drift issue: found by its mark and author; edited, closed, and reopened, but never opened twice."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable, Iterable

from reconciler import errors
from reconciler.credentials import held
from reconciler.documents import marks
from reconciler.github import client, conversation, responses


def track(
    repository: client.Repository,
    author: str,
    mark: marks.Mark,
    *,
    write: Callable[[datetime.datetime | None], tuple[str, str]],
    is_open: bool,
    key: str = "",
) -> responses.Issue | None:
    """Open, update, reopen, or close our drift issue; return None if none exists and none is needed.

    `write` returns the title and the text. It is called with the time when the drift was first seen, as recorded in
    the open issue, or with None if no issue is open, because the drift is then new.
    """
    issues = _about(repository.issues(author), author, mark, key)
    latest = next((pair for pair in issues if pair[0].is_open), issues[-1] if issues else None)
    if latest is None and not is_open:
        return None
    if latest is None:
        created = repository.create_issue(*map(held.scrub, write(None)))
        issues = _about(repository.issues(author), author, mark, key) or [(created, mark)]
        latest = issues[0]
    issue, shown = latest
    for other, _ in issues:
        if other.is_open and other.number != issue.number:  # opened by a concurrent run
            repository.edit_issue(other.number, title=other.title, body=other.body, is_open=False)
    if not is_open and not issue.is_open:
        return None
    title, body = map(held.scrub, write(shown.since if issue.is_open else None))
    if (issue.title, issue.is_open) == (title, is_open) and conversation.is_same_text(issue.body, body):
        return issue
    edited = repository.edit_issue(issue.number, title=title, body=body, is_open=is_open)
    if not conversation.is_same_text(edited.body, body):
        raise errors.GitHubError(
            f"issue {issue.number} does not contain what was written", hint="run it again, and check the step summary"
        )
    return edited


def close_all(repository: client.Repository, author: str, scope: str, body: str, *, key: str = "") -> None:
    """Replace the text of our open drift issues for an environment, and close them."""
    for issue in repository.issues(author):
        is_ours = issue.is_open and conversation.is_same_login(issue.author, author)
        mark = marks.find(issue.body, key) if is_ours else None
        if mark and (mark.kind, mark.scope) == ("drift", scope):
            line = marks.dumps(dataclasses.replace(mark, digest=""), key)
            repository.edit_issue(issue.number, title=issue.title, body=held.scrub(f"{line}\n\n{body}"), is_open=False)


def _about(
    issues: Iterable[responses.Issue], author: str, mark: marks.Mark, key: str
) -> list[tuple[responses.Issue, marks.Mark]]:
    """Return our issues with the same kind, scope, and target as the mark, oldest first."""
    ours = (issue for issue in issues if conversation.is_same_login(issue.author, author))
    pairs = ((issue, marks.find(issue.body, key)) for issue in ours)
    wanted = (mark.kind, mark.scope, mark.key)
    same = ((issue, found) for issue, found in pairs if found and (found.kind, found.scope, found.key) == wanted)
    return sorted(same, key=lambda pair: pair[0].number)
