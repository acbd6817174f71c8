"""What the user is told when GitHub refuses, and that nothing ever tells the token."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import pytest

from reconciler import errors
from reconciler.github import client
from tests.support import github_client, github_hub, github_routes, github_server

COMMENTS = "/issues/1/comments"
INTEGRATION = "Resource not accessible by integration"


def reported(ask: Callable[[], object], kind: type[errors.GitHubError] = errors.GitHubError) -> tuple[str, str]:
    """Return message and hint of the error that a call ends with."""
    with pytest.raises(kind) as raised:
        ask()
    assert type(raised.value) is kind
    assert raised.value.exit_code == errors.ExitCode.ERROR
    assert not any(token in str(raised.value) + raised.value.hint for token in (github_hub.JOB, github_hub.FORK))
    return raised.value.message, raised.value.hint


def test_a_token_that_github_does_not_know(github: github_server.GitHub) -> None:
    with github_client.opened(github, "token-that-expired") as repository:
        assert reported(lambda: repository.comments(1)) == (
            "cannot read the comments on acme/schedules#1: GitHub does not accept the token (Bad credentials)",
            "use the job's own token, `github.token`, or one that has not expired",
        )


@pytest.mark.parametrize(
    ("ask", "doing", "permission"),
    [
        (lambda repository: repository.create_comment(1, "new"), "comment on acme/schedules#1", "pull-requests: write"),
        (
            lambda repository: repository.edit_comment(2, "new"),
            "edit comment 2 in acme/schedules",
            "pull-requests: write",
        ),
        (lambda repository: repository.delete_comment(2), "delete comment 2 in acme/schedules", "pull-requests: write"),
        (lambda repository: repository.create_issue("t", "b"), "open an issue in acme/schedules", "issues: write"),
        (
            lambda repository: repository.edit_issue(1, title="t", body="b", is_open=True),
            "edit issue acme/schedules#1",
            "issues: write",
        ),
    ],
    ids=["create_comment", "edit_comment", "delete_comment", "create_issue", "edit_issue"],
)
def test_a_token_that_can_only_read_is_told_the_permission_to_write(
    github: github_server.GitHub, ask: Callable[[client.Repository], object], doing: str, permission: str
) -> None:
    with github_client.opened(github, github_hub.FORK) as repository:
        assert reported(lambda: ask(repository), client.ForbiddenError) == (
            f"cannot {doing}: the token does not have permission ({INTEGRATION})",
            f"set `{permission}` under the job's `permissions:`; the token for a pull request from a fork is read-only",
        )
    assert len(github.requests) == 1


@pytest.mark.parametrize(
    ("ask", "permission"),
    [
        (lambda repository: repository.comments(1), "pull-requests: read"),
        (lambda repository: repository.comment(2), "pull-requests: read"),
        (lambda repository: repository.pull_requests_of(github_client.SHA), "pull-requests: read"),
        (lambda repository: repository.issues("ada"), "issues: read"),
        (lambda repository: repository.issue(1), "issues: read"),
    ],
    ids=["comments", "comment", "pull_requests_of", "issues", "issue"],
)
def test_a_token_without_permissions_is_told_the_permission_to_read(
    github: github_server.GitHub, ask: Callable[[client.Repository], object], permission: str
) -> None:
    github.hub.tokens[github_hub.FORK] = github_hub.Token(
        login=github_hub.BOT, permissions={"contents": "read"}, is_installation=True
    )
    with github_client.opened(github, github_hub.FORK) as repository:
        message, hint = reported(lambda: ask(repository), client.ForbiddenError)
    assert message.endswith(f"the token does not have permission ({INTEGRATION})")
    assert hint == f"set `{permission}` under the job's `permissions:`"


def test_a_persons_token_is_told_its_permission(github: github_server.GitHub) -> None:
    github.hub.tokens[github_hub.ADA] = github_hub.Token(login="ada", permissions={})
    with github_client.opened(github, github_hub.ADA) as repository:
        assert reported(lambda: repository.create_issue("t", "b"), client.ForbiddenError) == (
            "cannot open an issue in acme/schedules: GitHub refused the request "
            "(Resource not accessible by personal access token)",
            "give the token the `issues: write` permission",
        )


def test_a_pull_request_that_is_not_there(repository: client.Repository) -> None:
    assert reported(lambda: repository.comments(7), client.NotFoundError) == (
        "cannot read the comments on acme/schedules#7: "
        "GitHub did not find it, or the token has no access to it (Not Found)",
        "check the repository and the number, and that the token has `pull-requests: read`",
    )


def test_a_repository_without_issues(github: github_server.GitHub, repository: client.Repository) -> None:
    github.hub.has_issues = False
    assert reported(lambda: repository.create_issue("t", "b")) == (
        "cannot open an issue in acme/schedules: GitHub no longer has it (Issues are disabled for this repo)",
        "check that issues are enabled in the repository",
    )


def test_a_text_that_is_too_long(repository: client.Repository) -> None:
    assert reported(lambda: repository.create_comment(1, "x" * 65_537)) == (
        "cannot comment on acme/schedules#1: GitHub rejected the request "
        "(Validation Failed; Body is too long (maximum is 65536 characters))",
        "fix the problem that GitHub reports; text can be at most 65,536 characters long",
    )


def test_a_commit_that_is_not_there(repository: client.Repository) -> None:
    message, _ = reported(lambda: repository.pull_requests_of("c" * 40))
    assert message.endswith(f"GitHub rejected the request (No commit found for SHA: {'c' * 40})")


def test_a_github_that_is_not_there(github: github_server.GitHub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    unreachable = client.Repository(
        api_url=address, repository="acme/schedules", token=github_hub.JOB, sleep=lambda _: None
    )
    assert reported(lambda: unreachable.comments(1), client.OutageError) == (
        f"cannot read the comments on acme/schedules#1: GitHub at {address} cannot be reached (Connection refused)",
        "check GITHUB_API_URL, make sure that this machine can connect to it, then run again",
    )
    unreachable.close()
    assert github.requests == []


def test_a_github_that_gives_no_answer(github: github_server.GitHub, impatient: client.Repository) -> None:
    github.inject("GET", COMMENTS, "cut", times=3)
    github.inject("GET", COMMENTS, "hang")
    assert reported(lambda: impatient.comments(1), client.OutageError) == (
        f"cannot read the comments on acme/schedules#1: GitHub at {github.api_url} did not respond within 1 s",
        "wait, then run again",
    )


ELSEWHERE = {"Location": "https://login.example/"}


@pytest.mark.parametrize(
    "answer",
    [
        github_routes.Answer(data="<html>Please log in</html>"),
        github_routes.Answer(data='{"id": 1'),
        github_routes.Answer(data=[{}]),
        github_routes.Answer(status=301, data="", headers=ELSEWHERE),
        github_routes.Answer(status=307, data={"message": "Temporary Redirect"}, headers=ELSEWHERE),
    ],
    ids=["page", "cut JSON", "other JSON", "other host", "redirect"],
)
@pytest.mark.parametrize("many", [True, False])
def test_an_address_that_is_not_githubs(
    github: github_server.GitHub, repository: client.Repository, answer: github_routes.Answer, many: bool
) -> None:
    github.inject("GET", COMMENTS, answer)
    github.inject("PATCH", "/issues/comments/2", answer)
    message, hint = reported(lambda: repository.comments(1) if many else repository.edit_comment(2, "new"))
    assert message.endswith(f"{github.api_url} does not respond like GitHub's API")
    assert hint == "check GITHUB_API_URL"
    assert len(github.requests) == 1


@pytest.mark.parametrize(
    ("api_url", "repository", "expected"),
    [
        ("api.github.example", "a/b", "the address of GitHub's API is not a valid URL"),
        ("", "a/b", "the address of GitHub's API is not a valid URL"),
        ("https://api.github.example", "just-a-name", "the name of the GitHub repository is not valid"),
        ("https://api.github.example", "a/b/../c", "the name of the GitHub repository is not valid"),
    ],
)
def test_settings_that_cannot_be_used(api_url: str, repository: str, expected: str) -> None:
    message, _ = reported(lambda: client.Repository(api_url=api_url, repository=repository, token=github_hub.JOB))
    assert message == expected


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("", "the GitHub token is empty"),
        (
            f"{github_hub.JOB}\n",
            "the GitHub token contains a space, a line break, or another character that is not valid in a token",
        ),
        (
            f"{github_hub.JOB}é",
            "the GitHub token contains a space, a line break, or another character that is not valid in a token",
        ),
    ],
    ids=["empty", "line break", "letter"],
)
def test_a_token_that_cannot_be_one_is_not_quoted(token: str, expected: str) -> None:
    message, hint = reported(lambda: client.Repository(api_url="https://github.example", repository="a/b", token=token))
    assert message == expected
    assert hint == "use the job's own token, `github.token`"


@pytest.mark.parametrize("status", [401, 403, 404, 418, 422, 503])
def test_a_server_that_says_the_token_does_not_make_us_say_it(
    github: github_server.GitHub, repository: client.Repository, status: int
) -> None:
    answer = github_server.failing(status, f"no, {github_hub.JOB} may not")
    github.inject("GET", COMMENTS, answer, times=4)
    with pytest.raises(errors.GitHubError) as raised:
        repository.comments(1)
    assert "(no, *** may not)" in raised.value.message


def test_a_reason_is_not_cut_within_the_token(github: github_server.GitHub, repository: client.Repository) -> None:
    github.inject("GET", COMMENTS, github_server.failing(418, "x" * 295 + github_hub.JOB))
    message, _ = reported(lambda: repository.comments(1))
    assert github_hub.JOB[:5] not in message


def test_no_log_says_the_token(
    github: github_server.GitHub, repository: client.Repository, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="github")  # it is silent unless asked
    github.inject("GET", COMMENTS, github_server.failing())
    github.inject("GET", COMMENTS, github_server.limited(after=1))
    repository.create_comment(1, "new")
    repository.comments(1)
    repository.login()
    assert {each.name.partition(".")[0] for each in caplog.records} == {"github", "reconciler", "urllib3"}
    assert github_hub.JOB not in "\n".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records)
