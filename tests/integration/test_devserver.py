"""The dev server starts on a busy machine: ports are not shared, and a start that lost its port is repeated."""

from __future__ import annotations

import socket
import subprocess
import sys

from tools import devserver, ports, programs

_MANY = "from tools import ports; print(*(ports.reserve() for _ in range(100)), flush=True); input()"


def test_two_processes_never_get_the_same_port() -> None:
    running = [
        subprocess.Popen([sys.executable, "-c", _MANY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    try:
        reserved = [port for each in running if each.stdout for port in each.stdout.readline().split()]
        assert len(reserved) == 300
        assert len(set(reserved)) == 300
    finally:
        for each in running:
            each.communicate("\n")


def test_a_server_whose_port_was_taken_during_its_start_is_started_on_another() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports.reserve()))
        listener.listen()
        taken = listener.getsockname()[1]
        server = devserver.DevServer(command_line=programs.command_line(), port=taken)
        try:
            server.start()
            assert server.port != taken
            assert "No such" not in server.cli("schedule", "list")
        finally:
            server.kill()
