"""GitHub's API on the loopback interface, and the adapter that is connected to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.github import api
from tests.support import github_client, github_server


@pytest.fixture
def github() -> Iterator[github_server.GitHub]:
    """A repository with one open pull request."""
    with github_server.running() as served:
        served.hub.add_pull("Change a cron", head_sha=github_client.SHA)
        yield served


@pytest.fixture
def pauses() -> github_client.Pauses:
    return github_client.Pauses()


@pytest.fixture
def repository(github: github_server.GitHub, pauses: github_client.Pauses) -> Iterator[api.Repository]:
    with github_client.opened(github, pauses=pauses) as made:
        yield made
