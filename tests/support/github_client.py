"""The adapter for GitHub, connected to the loopback server."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

from reconciler.github import client
from tests.support import github_hub, github_server

SHA = "a" * 40


@dataclasses.dataclass(slots=True)
class Pauses:
    """Notes for how long it was asked to sleep, and does not."""

    seconds: list[float] = dataclasses.field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        """Note a pause."""
        self.seconds.append(seconds)


@contextlib.contextmanager
def opened(
    server: github_server.GitHub, token: str = github_hub.JOB, pauses: Pauses | None = None, *, timeout: int = 60
) -> Iterator[client.Repository]:
    """Give the adapter under test; a request may take `timeout` seconds."""
    sleep = (pauses or Pauses()).sleep
    made = client.Repository(
        api_url=server.api_url, repository=server.hub.repository, token=token, timeout=timeout, sleep=sleep
    )
    with contextlib.closing(made):
        yield made
