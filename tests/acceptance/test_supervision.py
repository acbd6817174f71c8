"""What supervises the programs: systemd, over a real datagram socket, and the image's health check."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from reconciler.runtime import systemd
from tests.support import program, service, worker_process


@pytest.fixture(params=["a file", "an abstract name"])
def listener(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket as systemd has it, and its name as it is in NOTIFY_SOCKET."""
    name = str(tmp_path / "notify") if request.param == "a file" else f"@{tmp_path}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind("\0" + name[1:] if name.startswith("@") else name)
        bound.settimeout(program.TIMEOUT)
        yield bound, name


def test_the_service_reports_that_it_is_ready_and_that_it_stops(
    reconciler: program.Program, database_url: str, listener: tuple[socket.socket, str]
) -> None:
    bound, name = listener
    reconciler.declare("governance: {schedules: []}")
    with service.running(reconciler, database_url, NOTIFY_SOCKET=name) as served:
        assert bound.recv(100) == b"READY=1"
        with served.client("") as client:
            assert client.get("/healthz").status_code == 200
        assert served.end()[0] == 0
        assert bound.recv(100) == b"STOPPING=1"


def test_the_worker_reports_that_it_is_ready_and_that_it_stops(
    reconciler: program.Program, database_url: str, listener: tuple[socket.socket, str]
) -> None:
    bound, name = listener
    with worker_process.started(reconciler, database_url, NOTIFY_SOCKET=name) as worker:
        assert bound.recv(100) == b"READY=1"
        worker.until(200)
        worker.tell(signal.SIGTERM)
        assert bound.recv(100) == b"STOPPING=1"
        assert worker.wait() == 0


def test_a_socket_that_is_gone_is_logged_and_ends_nothing(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    systemd.notify(systemd.READY, {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert caplog.messages == ["systemd was not notified"]


def test_outside_systemd_nothing_is_sent(caplog: pytest.LogCaptureFixture) -> None:
    systemd.notify(systemd.READY, {})
    assert caplog.messages == []


def test_the_health_check_of_the_image_fails_once_the_process_does_not_respond(
    reconciler: program.Program, database_url: str
) -> None:
    text = (pathlib.Path(__file__).parents[2] / "Dockerfile").read_text(encoding="utf-8")
    (command,) = re.findall(r"^ +CMD (\[.*\])$", text, re.MULTILINE)
    python, *arguments = json.loads(command)
    assert python == "python3"

    def code(url: str) -> int:
        environment = {**os.environ, "HEALTH_URL": f"{url}/healthz"}
        done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, check=False)
        return done.returncode

    reconciler.declare("governance: {schedules: []}")
    with service.running(reconciler, database_url) as served:
        assert code(served.url) == 0
        served.end()
        assert code(served.url) == 1
