"""The loopback GitHub itself: what the tests rely on and the adapter alone does not show."""

from __future__ import annotations

import httpx
import pytest

from tests.support import github_hub, github_server

HEADERS = {"Authorization": f"Bearer {github_hub.ADA}", "User-Agent": "test"}
COMMENTS = "/repos/acme/schedules/issues/1/comments"


def send_what_the_schema_does_not_have() -> None:
    with github_server.running() as github:
        github.hub.add_pull("Change a cron", head_sha="a" * 40)
        httpx.post(github.api_url + COMMENTS, json={"body": "new", "text": "no such field"}, headers=HEADERS)


def test_a_body_that_breaks_the_schema_fails_the_test_that_sent_it() -> None:
    with pytest.raises(AssertionError, match="CommentsPostBody: text: Extra inputs are not permitted"):
        send_what_the_schema_does_not_have()


def test_what_did_not_change_is_not_sent_again(github: github_server.GitHub) -> None:
    first = httpx.get(github.api_url + COMMENTS, headers=HEADERS)
    assert first.json() == []
    known = {**HEADERS, "If-None-Match": first.headers["ETag"]}
    assert httpx.get(github.api_url + COMMENTS, headers=known).status_code == 304
    github.hub.add_comment(1, "new")
    assert httpx.get(github.api_url + COMMENTS, headers=known).status_code == 200


def test_a_page_is_30_long_unless_asked_for_more_and_100_at_most(github: github_server.GitHub) -> None:
    for number in range(120):
        github.hub.add_comment(1, str(number))
    sizes = {}
    for asked in (None, 50, 1000):
        answer = httpx.get(
            github.api_url + COMMENTS, params={} if asked is None else {"per_page": asked}, headers=HEADERS
        )
        sizes[asked] = (len(answer.json()), answer.links["last"]["url"].rpartition("page=")[2])
    assert sizes == {None: (30, "4"), 50: (50, "3"), 1000: (100, "2")}
