"""What the tests share: the real servers, a part of them for each test, and a clean end of the test process."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import pathlib
import signal
import sys
from collections.abc import Iterator

import pytest

from tests.support import fake_temporal, polls, postgres, program, servers
from tools import devserver

_ended_with: int | None = None


def _leave() -> None:
    """Leave as `reconciler` itself does: the SDK's threads may crash an interpreter that ends in the usual way."""
    if _ended_with is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(_ended_with)


atexit.register(_leave)  # the first to register is the last to run


# A shell without job control starts its background with SIGINT ignored, which what the tests start would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew")


def pytest_report_header() -> list[str]:
    """Tell which random cases the tests draw, so that a failure can be had again."""
    seeds = [f"{name}={os.environ.get(name) or 'steady'}" for name in ("ORACLE_SEED", "FUZZ_SEED", "CRASH_SEED")]
    return [f"seeds: {' '.join(seeds)}; backend: {servers.backend()}"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mix the files: those that wait for servers run beside those that compute, and always in the same order."""
    items.sort(key=lambda item: hashlib.sha256(item.location[0].encode()).digest())


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    global _ended_with
    _ended_with = int(session.exitstatus)


@pytest.fixture(scope="session")
def fresh_servers() -> Iterator[servers.Fresh]:
    """Temporal's dev servers, one at a time; where none can be had, the tests that need one fail."""
    with contextlib.closing(servers.Fresh()) as found:
        yield found


@pytest.fixture(scope="module")
def dev_server(request: pytest.FixtureRequest, fresh_servers: servers.Fresh) -> devserver.DevServer:
    """Temporal's dev server, which all tests of a file share, and often those of several files."""
    items = (item for item in request.session.items if item.path == request.path and isinstance(item, pytest.Function))
    return fresh_servers.with_namespaces(sum("namespace" in item.fixturenames for item in items))


@pytest.fixture(scope="module")
def namespaces(dev_server: devserver.DevServer, fresh_servers: servers.Fresh) -> Iterator[str]:
    """Namespaces that no test has used."""
    return fresh_servers.namespaces(dev_server)


@pytest.fixture
def namespace(namespaces: Iterator[str]) -> str:
    """A namespace that no other test uses."""
    return next(namespaces)


@pytest.fixture
def reconciler(dev_server: devserver.DevServer, namespace: str, tmp_path: pathlib.Path) -> program.Program:
    """The program, in an empty folder, with an empty namespace of the real server."""
    return program.Program(folder=tmp_path, address=dev_server.address, namespace=namespace)


@pytest.fixture
def polled(reconciler: program.Program) -> Iterator[program.Program]:
    """The same, with a worker in sight: without one, plan and status warn on standard error."""
    with polls.kept_up(reconciler.address, reconciler.namespace):
        yield reconciler


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL's superuser; where none can be had, the tests that need it fail."""
    with postgres.running(tmp_path_factory.getbasetemp().parent / "postgres.lock") as url:
        yield url


@pytest.fixture
def database_url(database_server: str) -> Iterator[str]:
    """The URL of a database that no other test uses."""
    with postgres.database(database_server) as url:
        yield url


@pytest.fixture
def fake() -> Iterator[fake_temporal.FakeTemporal]:
    with fake_temporal.running() as served:
        yield served
