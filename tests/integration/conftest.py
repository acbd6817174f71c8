"""GitHub's API on the loopback interface with the adapter connected to it, and what the tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.github import client
from tests.support import github_client, github_server, program
from tools import devserver


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
def repository(github: github_server.GitHub, pauses: github_client.Pauses) -> Iterator[client.Repository]:
    with github_client.opened(github, pauses=pauses) as made:
        yield made


@pytest.fixture
def impatient(github: github_server.GitHub, pauses: github_client.Pauses) -> Iterator[client.Repository]:
    """The same, for a GitHub that hangs."""
    with github_client.opened(github, pauses=pauses, timeout=1) as made:
        yield made


@pytest.fixture(scope="module")
def shared_program(
    dev_server: devserver.DevServer, namespaces: Iterator[str], tmp_path_factory: pytest.TempPathFactory
) -> program.Program:
    """The program in a folder and a namespace that all tests of a file share, as their service does."""
    folder = tmp_path_factory.mktemp("service")
    return program.Program(folder=folder, address=dev_server.address, namespace=next(namespaces))
