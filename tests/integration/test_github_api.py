"""GitHub through the adapter, on a loopback server that keeps to GitHub's published schema."""

from __future__ import annotations

import dataclasses

import pytest

from reconciler.github import client, responses
from tests.support import github_client, github_hub, github_server

SHA = github_client.SHA
MERGED = "b" * 40


def test_nothing_is_asked_before_it_is_needed(github: github_server.GitHub, repository: client.Repository) -> None:
    assert repository.name == "acme/schedules"
    assert github.asked() == []


def test_all_pages_of_a_conversation_are_read(github: github_server.GitHub, repository: client.Repository) -> None:
    written = [github.hub.add_comment(1, f"comment {number}").body for number in range(250)]
    assert [each.body for each in repository.comments(1)] == written
    assert [each.query.get("per_page") for each in github.requests] == ["100"] * 3


def test_a_comment_is_written_edited_read_and_deleted_with_one_request_each(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    made = repository.create_comment(1, "a plan")
    repository.edit_comment(made.id, "another plan")
    url = f"{github.web}/acme/schedules/pull/1#issuecomment-{made.id}"
    expected = responses.Comment(id=made.id, author=github_hub.BOT, body="another plan", url=url)
    assert repository.comment(made.id) == expected
    repository.delete_comment(made.id)
    assert github.hub.comments == {}
    one = f"/repos/acme/schedules/issues/comments/{made.id}"
    assert github.asked() == [
        "POST /repos/acme/schedules/issues/1/comments",
        f"PATCH {one}",
        f"GET {one}",
        f"DELETE {one}",
    ]


def test_a_comment_that_is_gone_is_deleted(repository: client.Repository) -> None:
    repository.delete_comment(12345)


def test_a_comment_of_a_deleted_account_is_a_ghosts(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    github.hub.add_comment(1, "boo", author=None)
    assert [each.author for each in repository.comments(1)] == ["ghost"]


def test_an_update_that_is_dropped_shows_when_it_is_read_back(repository: client.Repository) -> None:
    made = repository.create_comment(1, "a plan")
    repository.edit_comment(made.id, "x" * 65_537)
    assert repository.comment(made.id).body == "a plan"


def test_the_pull_request_of_a_merge_is_found(github: github_server.GitHub, repository: client.Repository) -> None:
    github.hub.merge(1, MERGED)
    expected = responses.PullRequest(
        number=1,
        title="Change a cron",
        is_merged=True,
        merge_commit_sha=MERGED,
        head_sha=SHA,
        url=f"{github.web}/acme/schedules/pull/1",
    )
    assert repository.pull_requests_of(MERGED) == (expected,)
    assert github.asked() == [f"GET /repos/acme/schedules/commits/{MERGED}/pulls"]


def test_an_open_pull_request_is_not_merged(repository: client.Repository) -> None:
    assert [(each.is_merged, each.merge_commit_sha) for each in repository.pull_requests_of(SHA)] == [(False, None)]


def test_a_commit_without_a_pull_request_has_none(github: github_server.GitHub, repository: client.Repository) -> None:
    github.hub.commits.add(MERGED)
    assert repository.pull_requests_of(MERGED) == ()


def test_all_issues_of_one_author_are_read_and_no_pull_requests(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    written = [github.hub.add_issue(f"issue {each}", author=github_hub.BOT).title for each in range(120)]
    github.hub.add_issue("not ours")
    github.hub.add_pull("ours, but no issue", author=github_hub.BOT, head_sha=SHA)
    github.hub.issues[2].is_open = False
    found = repository.issues(github_hub.BOT)
    assert [each.title for each in found] == written[::-1]
    assert [each.number for each in found if not each.is_open] == [2]
    assert len(github.requests) == 2


def test_an_issue_is_opened_closed_and_reopened_with_one_request_each(
    github: github_server.GitHub, repository: client.Repository
) -> None:
    made = repository.create_issue("Drift", "a plan")
    closed = repository.edit_issue(made.number, title="Drift", body="none", is_open=False)
    assert closed == dataclasses.replace(made, body="none", is_open=False)
    assert repository.issue(made.number) == closed
    assert repository.edit_issue(made.number, title="Drift again", body="", is_open=True) == dataclasses.replace(
        made, title="Drift again", body="", is_open=True
    )
    assert len(github.requests) == 4


def test_a_persons_token_is_that_persons(github: github_server.GitHub) -> None:
    with github_client.opened(github, github_hub.ADA) as repository:
        assert repository.login() == "ada"
        assert repository.login() == "ada"
    assert github.asked() == ["GET /user"]


def test_an_apps_token_is_that_of_its_bot(github: github_server.GitHub) -> None:
    github.hub.tokens["token-of-an-app"] = github_hub.Token(login="planner[bot]", permissions={}, is_installation=True)
    with github_client.opened(github, "token-of-an-app") as repository:
        assert repository.login() == "planner[bot]"
    assert github.asked() == ["GET /user", "POST /graphql"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_say_whose_it_is_is_the_jobs(
    github: github_server.GitHub, repository: client.Repository, status: int
) -> None:
    github.inject("POST", "/graphql", github_server.failing(status, "no"))
    assert repository.login() == "github-actions[bot]"


def test_github_enterprise_has_its_api_under_a_path() -> None:
    with github_server.running(prefix="/api/v3") as github, github_client.opened(github) as repository:
        github.hub.add_pull("Change a cron", head_sha=SHA)
        for number in range(101):
            github.hub.add_comment(1, str(number))
        assert len(repository.comments(1)) == 101
        assert repository.login() == github_hub.BOT
    assert [each.path for each in github.requests][::3] == [
        "/api/v3/repos/acme/schedules/issues/1/comments",
        "/api/graphql",
    ]


def test_it_says_which_program_it_is(github: github_server.GitHub, repository: client.Repository) -> None:
    repository.comments(1)
    assert github.requests[0].user_agent == "reconciler"
