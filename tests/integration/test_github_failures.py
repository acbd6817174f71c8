"""GitHub's failures through the adapter: what is repeated, what is waited for, and what the user is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reconciler import errors
from reconciler.github import client
from tests.support import github_client, github_hub, github_server

REPOS, PATHS = "/repos/", {"login": "/user"}
COMMENTS = "/issues/1/comments"
POST = "POST /repos/acme/schedules/issues/1/comments"
GET = "GET /repos/acme/schedules/issues/1/comments"

Use = Callable[[client.Repository], object]
USES: dict[str, tuple[str, Use]] = {  # each with the method of its request
    "login": ("GET", lambda repository: repository.login()),
    "comments": ("GET", lambda repository: repository.comments(1)),
    "comment": ("GET", lambda repository: repository.comment(2)),
    "create_comment": ("POST", lambda repository: repository.create_comment(1, "new")),
    "edit_comment": ("PATCH", lambda repository: repository.edit_comment(2, "new")),
    "delete_comment": ("DELETE", lambda repository: repository.delete_comment(2)),
    "pull_requests_of": ("GET", lambda repository: repository.pull_requests_of(github_client.SHA)),
    "issues": ("GET", lambda repository: repository.issues(github_hub.BOT)),
    "issue": ("GET", lambda repository: repository.issue(1)),
    "create_issue": ("POST", lambda repository: repository.create_issue("new", "text")),
    "edit_issue": ("PATCH", lambda repository: repository.edit_issue(1, title="t", body="b", is_open=True)),
}


@pytest.fixture(autouse=True)
def _commented(github: github_server.GitHub) -> None:
    assert github.hub.add_comment(1, "old", author=github_hub.BOT).id == 2


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    "fault", [github_server.failing(500), github_server.failing(503), "cut"], ids=["500", "503", "cut"]
)
def test_a_failure_of_github_is_got_over(
    github: github_server.GitHub,
    repository: client.Repository,
    pauses: github_client.Pauses,
    use: str,
    fault: github_server.Fault,
) -> None:
    method, ask = USES[use]
    github.inject(method, PATHS.get(use, REPOS), fault)
    ask(repository)
    assert [each.status for each in github.requests if each.method == method][:1] != [200]
    assert pauses.seconds == [1]


@pytest.mark.parametrize("use", USES)
def test_a_failure_that_stays_is_an_error_after_four_attempts(
    github: github_server.GitHub, repository: client.Repository, pauses: github_client.Pauses, use: str
) -> None:
    method, ask = USES[use]
    github.inject(method, PATHS.get(use, REPOS), github_server.failing(502), times=9)
    with pytest.raises(errors.GitHubError, match=r"^cannot .*returned 502 \(Server Error\)$") as raised:
        ask(repository)
    assert raised.value.hint == "wait, then run again"
    assert [each.method for each in github.requests].count(method) >= 4
    assert pauses.seconds == [1, 2, 4]


def test_only_the_page_that_failed_is_asked_for_again(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    for number in range(250):
        github.hub.add_comment(1, str(number))
    github.inject("GET", "/repositories/", github_server.failing())
    assert len(repository.comments(1)) == 251
    assert [each.query.get("page") for each in github.requests] == [None, "2", "2", "3"]


def test_a_request_that_hangs_is_asked_again(github: github_server.GitHub, impatient: client.Repository) -> None:
    github.inject("GET", COMMENTS, "hang")
    assert len(impatient.comments(1)) == 1


@pytest.mark.parametrize("fault", ["cut", "hang", github_server.failing(502)], ids=["cut", "hang", "502"])
def test_a_comment_that_was_made_without_an_answer_is_not_made_twice(
    github: github_server.GitHub, impatient: client.Repository, fault: github_server.Fault
) -> None:
    github.inject("POST", COMMENTS, fault, carried_out=True)
    made = impatient.create_comment(1, "a plan\nof two lines")
    assert [each.id for each in github.hub.comments_of(1)] == [2, made.id]
    assert github.asked().count(POST) == 1


def test_a_comment_that_was_not_made_is_sent_again(github: github_server.GitHub, repository: client.Repository) -> None:
    github.inject("POST", COMMENTS, "cut")
    repository.create_comment(1, "new")
    assert [each.body for each in github.hub.comments_of(1)] == ["old", "new"]
    assert github.asked() == [POST, GET, POST]


def test_the_same_words_of_somebody_else_are_not_taken_for_our_comment(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    github.hub.add_comment(1, "new", author="mallory")
    github.inject("POST", COMMENTS, "cut")
    assert repository.create_comment(1, "new").author == github_hub.BOT


def test_an_issue_that_was_opened_without_an_answer_is_not_opened_twice(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    github.inject("POST", "/issues", "cut", carried_out=True)
    made = repository.create_issue("Drift", "a plan")
    assert sorted(github.hub.issues) == [1, made.number]


def test_a_comment_of_the_last_attempt_is_found_too(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    github.inject("POST", COMMENTS, "cut", times=3)
    github.inject("POST", COMMENTS, "cut", carried_out=True)
    assert repository.create_comment(1, "new").body == "new"


def test_a_deletion_without_an_answer_is_done(github: github_server.GitHub, repository: client.Repository) -> None:
    github.inject("DELETE", "", "cut", carried_out=True)
    repository.delete_comment(2)
    assert github.hub.comments_of(1) == []


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("use", USES)
def test_a_rate_limit_is_waited_for(
    github: github_server.GitHub,
    repository: client.Repository,
    pauses: github_client.Pauses,
    use: str,
    status: int,
) -> None:
    method, ask = USES[use]
    github.inject(method, PATHS.get(use, REPOS), github_server.limited(after=7, status=status))
    ask(repository)
    assert pauses.seconds == [7]


def test_a_post_that_the_rate_limit_did_not_let_in_is_sent_again_at_once(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    github.inject("POST", COMMENTS, github_server.limited(after=1))
    repository.create_comment(1, "new")
    assert github.asked() == [POST, POST]


def test_a_limit_that_names_no_time_is_waited_for_a_minute(
    github: github_server.GitHub, repository: client.Repository, pauses: github_client.Pauses
) -> None:
    github.inject("GET", COMMENTS, github_server.limited(after=None))
    repository.comments(1)
    assert pauses.seconds == [60]


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_that_is_reset_soon_is_waited_for(
    github: github_server.GitHub, repository: client.Repository, pauses: github_client.Pauses, status: int
) -> None:
    github.inject("GET", COMMENTS, github_server.exhausted(seconds=20, status=status))
    repository.comments(1)
    assert 19 <= pauses.seconds[0] <= 21


@pytest.mark.parametrize(
    ("fault", "until"),
    [
        (lambda: github_server.limited(after=90), "90 s"),
        (lambda: github_server.limited(after=1800), "30 minutes"),
        (lambda: github_server.exhausted(seconds=2990), "50 minutes"),
    ],
    ids=["90 s", "half an hour", "primary"],
)
def test_a_limit_for_too_long_is_an_error_at_once(
    github: github_server.GitHub,
    repository: client.Repository,
    pauses: github_client.Pauses,
    fault: Callable[[], github_server.Fault],
    until: str,
) -> None:
    github.inject("GET", COMMENTS, fault())
    with pytest.raises(errors.GitHubError) as raised:
        repository.comments(1)
    assert raised.value.message == (
        f"cannot read the comments on acme/schedules#1: GitHub's rate limit lasts for another {until}"
    )
    assert raised.value.hint == f"run again in {until}"
    assert pauses.seconds == []


def test_all_pauses_together_have_an_end(
    github: github_server.GitHub, repository: client.Repository, pauses: github_client.Pauses
) -> None:
    github.inject("GET", COMMENTS, github_server.limited(after=20), times=9)
    with pytest.raises(errors.GitHubError, match="rate limit lasts"):
        repository.comments(1)
    assert pauses.seconds == [20, 20, 20]
