"""The operations of GitHub's REST API that the loopback GitHub has, with what they need and which schema they keep."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.support import github_hub, github_shapes

LONGEST_TEXT = 65_536  # characters
_COMMENTS = ("issues", "pull-requests")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was let in."""

    hub: github_hub.Hub
    shapes: github_shapes.Shapes
    token: github_hub.Token
    found: tuple[str, ...]  # what the path names
    query: Mapping[str, str]
    body: Any


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status and a body: JSON, a list to be cut into pages, text as it is, or none."""

    status: int = 200
    data: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


class Refusal(Exception):  # noqa: N818  # an answer, not an error of the server
    """Carries the answer that a request gets instead."""

    def __init__(self, status: int, message: str, *errors: github_shapes.Json) -> None:
        super().__init__(message)
        self.answer = Answer(status=status, data=github_shapes.refusal(status, message, *errors))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An operation: the permissions of which one is needed, and the schemas of what it takes and gives."""

    method: str
    path: re.Pattern[str]  # behind the repository's, but for /user
    work: Callable[[Asked], Answer]
    permissions: tuple[str, ...] = ()
    takes: str = ""
    gives: str = ""


def _user(asked: Asked) -> Answer:
    if asked.token.is_installation:
        raise Refusal(403, "Resource not accessible by integration")
    return Answer(data=asked.shapes.account(asked.token.login))


def _comments(asked: Asked) -> Answer:
    issue = _issue_of(asked)
    return Answer(data=[asked.shapes.comment(each, issue) for each in asked.hub.comments_of(issue.number)])


def _create_comment(asked: Asked) -> Answer:
    issue = _issue_of(asked)
    _refuse_too_long(asked.body["body"], resource="IssueComment", field="data")
    comment = asked.hub.add_comment(issue.number, asked.body["body"], author=asked.token.login)
    return Answer(status=201, data=asked.shapes.comment(comment, issue))


def _read_comment(asked: Asked) -> Answer:
    return _with_comment(asked, _comment_of(asked))


def _edit_comment(asked: Asked) -> Answer:
    comment = _comment_of(asked)
    if len(asked.body["body"]) <= LONGEST_TEXT:
        comment.body, comment.touched = asked.body["body"], asked.hub.tick()
    return _with_comment(asked, comment)


def _delete_comment(asked: Asked) -> Answer:
    del asked.hub.comments[_comment_of(asked).id]
    return Answer(status=204)


def _pulls(asked: Asked) -> Answer:
    (sha,) = asked.found
    found = asked.hub.pulls_of(sha)
    if not found and sha not in asked.hub.commits and asked.hub.ancestors(sha) is None:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    return Answer(data=[asked.shapes.pull_request(each) for each in found])


def _pull(asked: Asked) -> Answer:
    issue = _pull_of(asked)
    return Answer(data=asked.shapes.whole_pull_request(issue))


def _pull_commits(asked: Asked) -> Answer:
    pull = _pull_of(asked).pull
    assert pull
    return Answer(data=[asked.shapes.commit(each) for each in (*pull.earlier, pull.head_sha)])


def _pull_of(asked: Asked) -> github_shapes.Issue:
    issue = _issue_of(asked)
    if not issue.pull:
        raise Refusal(404, "Not Found")
    return issue


def _action_run(asked: Asked) -> Answer:
    number = int(asked.found[0])
    if number not in asked.hub.action_runs:
        raise Refusal(404, "Not Found")
    return Answer(data=asked.shapes.action_run(number, *asked.hub.action_runs[number]))


def _ref(asked: Asked) -> Answer:
    (branch,) = asked.found
    commits = asked.hub.branches.get(branch)
    if not commits:
        raise Refusal(404, "Not Found")
    return Answer(data=asked.shapes.ref(branch, commits[-1]))


def _compare(asked: Asked) -> Answer:
    base, head = (asked.hub.ancestors(sha) for sha in asked.found)
    if base is None or head is None:
        raise Refusal(404, "Not Found")
    return Answer(data=asked.shapes.comparison(base, head))


def _contents(asked: Asked) -> Answer:
    (path,), tree = asked.found, asked.hub.trees.get(asked.query.get("ref", ""), {})
    if path not in tree:
        raise Refusal(404, "Not Found")
    return Answer(data=asked.shapes.content(path, tree[path]))


def _tree(asked: Asked) -> Answer:
    (sha,) = asked.found
    if sha not in asked.hub.trees:
        raise Refusal(404, "Not Found")
    return Answer(data=asked.shapes.tree(sha, asked.hub.trees[sha], truncated=asked.hub.has_truncated_trees))


def _issues(asked: Asked) -> Answer:
    _refuse_disabled(asked)
    state, creator = asked.query.get("state", "open"), asked.query.get("creator")
    found = [
        each
        for each in reversed(asked.hub.issues.values())
        if state in {"all", "open" if each.is_open else "closed"} and creator in {None, each.author}
    ]
    return Answer(data=[_shown(asked, each) for each in found])


def _create_issue(asked: Asked) -> Answer:
    _refuse_disabled(asked)
    body = asked.body.get("body") or ""
    _refuse_too_long(body, resource="Issue", field="body")
    issue = asked.hub.add_issue(str(asked.body["title"]), author=asked.token.login, body=body)
    return Answer(status=201, data=_shown(asked, issue))


def _read_issue(asked: Asked) -> Answer:
    return Answer(data=_shown(asked, _issue_of(asked)))


def _edit_issue(asked: Asked) -> Answer:
    issue = _issue_of(asked)
    if len(asked.body.get("body") or "") <= LONGEST_TEXT:
        issue.title, issue.body = asked.body.get("title", issue.title), asked.body.get("body", issue.body)
        issue.is_open = asked.body.get("state", "open" if issue.is_open else "closed") == "open"
        issue.touched = asked.hub.tick()
    return Answer(data=_shown(asked, issue))


def _with_comment(asked: Asked, comment: github_shapes.Comment) -> Answer:
    return Answer(data=asked.shapes.comment(comment, asked.hub.issues[comment.number]))


def _shown(asked: Asked, issue: github_shapes.Issue) -> github_shapes.Json:
    return asked.shapes.issue(issue, comments=len(asked.hub.comments_of(issue.number)))


def _issue_of(asked: Asked) -> github_shapes.Issue:
    number = int(asked.found[0])
    if number not in asked.hub.issues:
        raise Refusal(404, "Not Found")
    return asked.hub.issues[number]


def _comment_of(asked: Asked) -> github_shapes.Comment:
    comment_id = int(asked.found[0])
    if comment_id not in asked.hub.comments:
        raise Refusal(404, "Not Found")
    return asked.hub.comments[comment_id]


def _refuse_too_long(text: str, *, resource: str, field: str) -> None:
    if len(text) > LONGEST_TEXT:
        message = f"Body is too long (maximum is {LONGEST_TEXT} characters)"
        error = {"resource": resource, "code": "unprocessable", "field": field, "message": message}
        raise Refusal(422, "Validation Failed", error)


def _refuse_disabled(asked: Asked) -> None:
    if not asked.hub.has_issues:
        raise Refusal(410, "Issues are disabled for this repo")


def _at(path: str) -> re.Pattern[str]:
    return re.compile(path + "$")


_COMMENTED, _COMMENT = _at(r"/issues/(\d+)/comments"), _at(r"/issues/comments/(\d+)")
_ISSUES, _ISSUE = _at(r"/issues"), _at(r"/issues/(\d+)")
_PULLS = _at(r"/commits/(\w+)/pulls")
_PULL, _PULL_COMMITS = _at(r"/pulls/(\d+)"), _at(r"/pulls/(\d+)/commits")
_ACTION_RUN = _at(r"/actions/runs/(\d+)")
_REF = _at(r"/git/ref/heads/([\w./-]+)")
_COMPARE = _at(r"/compare/(\w+)\.\.\.(\w+)")
_CONTENTS = _at(r"/contents/([\w./-]+)")
_TREE = _at(r"/git/trees/(\w+)")
_NEW_COMMENT = "ReposOwnerRepoIssuesIssueNumberCommentsPostBody"
_NEW_TEXT = "ReposOwnerRepoIssuesCommentsCommentIdPatchBody"
_NEW_ISSUE = "ReposOwnerRepoIssuesPostBody"
_NEW_STATE = "ReposOwnerRepoIssuesIssueNumberPatchBody"

USER = Route(method="GET", path=_at("/user"), work=_user, gives="PublicUser")
ROUTES = (
    Route(method="GET", path=_COMMENTED, work=_comments, permissions=_COMMENTS, gives="IssueComment"),
    Route(
        method="POST",
        path=_COMMENTED,
        work=_create_comment,
        permissions=_COMMENTS,
        takes=_NEW_COMMENT,
        gives="IssueComment",
    ),
    Route(method="GET", path=_COMMENT, work=_read_comment, permissions=_COMMENTS, gives="IssueComment"),
    Route(
        method="PATCH", path=_COMMENT, work=_edit_comment, permissions=_COMMENTS, takes=_NEW_TEXT, gives="IssueComment"
    ),
    Route(method="DELETE", path=_COMMENT, work=_delete_comment, permissions=_COMMENTS),
    Route(method="GET", path=_PULLS, work=_pulls, permissions=("pull-requests",), gives="PullRequestSimple"),
    Route(method="GET", path=_PULL, work=_pull, permissions=("pull-requests",), gives="PullRequest"),
    Route(method="GET", path=_PULL_COMMITS, work=_pull_commits, permissions=("pull-requests",), gives="Commit"),
    Route(method="GET", path=_ACTION_RUN, work=_action_run, permissions=("actions",), gives="WorkflowRun"),
    Route(method="GET", path=_REF, work=_ref, permissions=("contents",), gives="GitRef"),
    Route(method="GET", path=_COMPARE, work=_compare, permissions=("contents",), gives="CommitComparison"),
    Route(method="GET", path=_CONTENTS, work=_contents, permissions=("contents",), gives="ContentFile"),
    Route(method="GET", path=_TREE, work=_tree, permissions=("contents",), gives="GitTree"),
    Route(method="GET", path=_ISSUES, work=_issues, permissions=("issues",), gives="Issue"),
    Route(method="POST", path=_ISSUES, work=_create_issue, permissions=("issues",), takes=_NEW_ISSUE, gives="Issue"),
    Route(method="GET", path=_ISSUE, work=_read_issue, permissions=("issues",), gives="Issue"),
    Route(method="PATCH", path=_ISSUE, work=_edit_issue, permissions=("issues",), takes=_NEW_STATE, gives="Issue"),
)
