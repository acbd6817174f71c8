"""Processes of the program that have imported it already: a test starts thousands, and each import takes half a second.

A process of its own imports everything once and forks for each run. A fork has the arguments, environment, folder and
streams that a new process would have, and its exit code is its own. What a test starts as a new process
by its command line, and what Python reads only when it starts, is not prepared.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pathlib
import pkgutil
import select
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Mapping, Sequence
from concurrent import futures
from typing import IO, NoReturn, Self, cast

READ_AT_START = ("PYTHON", "LC_", "LANG")  # names of variables that Python reads only when it starts
_ROOT = pathlib.Path(__file__).parents[2]
_SIZE = 1 << 20  # bytes of a request at most
_HIGHEST = 1024  # descriptors, of this process


class Prepared:
    """Runs modules of the program in forks of one process."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="reconciler-prepared-")
        self._path = str(pathlib.Path(self._folder.name) / "socket")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.prepared", self._path],
            cwd=_ROOT,
            stdin=subprocess.PIPE,  # whose end is the end of this process
            stdout=subprocess.PIPE,
        )
        ready = self._process.stdout.readline() if self._process.stdout else b""
        if ready != b"ready\n":
            raise AssertionError("the program could not be imported")

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        folder: pathlib.Path,
        environment: Mapping[str, str],
        piped: str | None,
        timeout: float,
    ) -> subprocess.CompletedProcess[str]:
        """Run `python -m MODULE` with these arguments to its end, as `subprocess.run` does."""
        source, sink = os.pipe()
        started = self._start(module, arguments, folder, environment, source)
        os.close(source)
        started.stdin = open(sink, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # a descriptor
        watchdog = threading.Timer(timeout, _kill, (started.pid,))
        watchdog.start()
        try:
            out, err = started.communicate(piped or "")
        finally:
            watchdog.cancel()
        return subprocess.CompletedProcess([module, *arguments], started.wait(), out, err)

    def start(
        self,
        module: str,
        arguments: Sequence[str],
        *,
        folder: pathlib.Path,
        environment: Mapping[str, str],
        into: IO[bytes] | None = None,
    ) -> Started:
        """Start `python -m MODULE` with these arguments and no input, its output in pipes, or in one file."""
        with pathlib.Path(os.devnull).open("rb") as nothing:
            return self._start(module, arguments, folder, environment, nothing.fileno(), into)

    def _start(
        self,
        module: str,
        arguments: Sequence[str],
        folder: pathlib.Path,
        environment: Mapping[str, str],
        source: int,
        into: IO[bytes] | None = None,
    ) -> Started:
        request = {
            "module": module,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
        }
        asking = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SIZE)
        asking.connect(self._path)
        pipes = [] if into else [os.pipe(), os.pipe()]
        outputs = [into.fileno()] * 2 if into else [end for _, end in pipes]
        socket.send_fds(asking, [json.dumps(request).encode()], [source, *outputs])
        started = Started(module, asking)
        for _, end in pipes:
            os.close(end)
        if pipes:
            started.stdout, started.stderr = (open(end, encoding="utf-8") for end, _ in pipes)  # noqa: PTH123, SIM115
        return started


class Started:
    """A run that goes on, with what `subprocess.Popen` has of one."""

    def __init__(self, name: str, asking: socket.socket) -> None:
        self.pid = int(asking.recv(64))
        self.returncode: int | None = None
        self.stdin: IO[str] | None = None
        self.stdout: IO[str] | None = None
        self.stderr: IO[str] | None = None
        self._name = name
        self._asking = asking

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | types.TracebackType | None) -> None:
        for stream in filter(None, (self.stdout, self.stderr)):
            stream.close()
        self.wait()

    def poll(self) -> int | None:
        """Return its exit code, None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end and return its exit code; `subprocess.TimeoutExpired` when that takes too long."""
        if self.returncode is None:
            if not select.select([self._asking], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self._name, timeout or 0)
            self.returncode = int(self._asking.recv(64))
            self._asking.close()
        return self.returncode

    def communicate(self, text: str = "", timeout: float | None = None) -> tuple[str, str]:
        """Write its input, if it reads one, and return what it prints until its end, on both streams."""
        streams = [stream for stream in (self.stdout, self.stderr) if stream]
        pool = futures.ThreadPoolExecutor(max_workers=2)
        read = [pool.submit(stream.read) for stream in streams]
        pool.shutdown(wait=False)
        if self.stdin:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                self.stdin.write(text)
        if futures.wait(read, timeout).not_done:
            raise subprocess.TimeoutExpired(self._name, timeout or 0)
        self.wait(timeout)
        for stream in streams:
            stream.close()
        out, err = [each.result() for each in read] or ("", "")
        return out, err

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _serve(path: str) -> None:
    """Answer requests until the process that started this one has ended."""
    _import_everything()
    gc.collect()
    gc.freeze()  # a search for garbage in a fork would copy all that was imported
    if len(list(pathlib.Path("/proc/self/task").iterdir())) != 1:
        raise AssertionError("a process with threads cannot be forked")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening, selectors.DefaultSelector() as waiting:
        listening.bind(path)
        listening.listen(64)
        waiting.register(listening, selectors.EVENT_READ)
        waiting.register(0, selectors.EVENT_READ)
        os.write(1, b"ready\n")
        while True:
            for key, _ in waiting.select():
                if key.fileobj is listening:
                    ended, run = _started(listening.accept()[0])
                    waiting.register(ended, selectors.EVENT_READ, run)
                elif key.data is None:  # the end of standard input
                    return
                else:
                    waiting.unregister(key.fd)
                    os.close(key.fd)
                    _report(*key.data)


def _started(asked: socket.socket) -> tuple[int, tuple[int, socket.socket]]:
    """Fork for a request, and report the process id; return what becomes readable once it has ended, and both."""
    text, descriptors, _, _ = socket.recv_fds(asked, _SIZE, 3)
    pid = os.fork()
    if pid == 0:
        _become(json.loads(text), descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    asked.send(str(pid).encode())
    return os.pidfd_open(pid), (pid, asked)


def _report(pid: int, asked: socket.socket) -> None:
    """Report the exit code of a process that has ended."""
    _, status = os.waitpid(pid, 0)
    with asked, contextlib.suppress(BrokenPipeError):
        asked.send(str(os.waitstatus_to_exitcode(status)).encode())


def _import_everything() -> None:
    import reconciler

    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("deepdiff")
    _fill_caches()


def _fill_caches() -> None:
    """Do once what every run does the same: build the commands, and compile the schema of the spec."""
    import click

    from reconciler.cli import commands
    from reconciler.repospec import loader

    commands.app.to_info_dict(click.Context(commands.app))
    loader.load(_ROOT / ".cogni" / "repo-spec.yaml")


def _become(request: Mapping[str, object], descriptors: Sequence[int]) -> NoReturn:
    """Be what a new process would be, and run the module as a program."""
    code = 1
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, _HIGHEST)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(  # noqa: SIM115
            2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False
        )
        os.chdir(str(request["folder"]))
        os.environ.clear()
        os.environ.update(cast("dict[str, str]", request["environment"]))
        time.tzset()
        sys.argv = [f"{request['module']}", *cast("list[str]", request["arguments"])]
        importlib.import_module(f"{request['module']}.__main__").main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve(sys.argv[1])
