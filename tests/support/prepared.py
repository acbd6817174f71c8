"""Processes of the program that have imported it already: a test starts thousands, and each import takes half a second.

A process of its own imports everything once and forks for each run. A fork has the arguments, environment, folder and
streams that a new process would have, and its exit code is its own. What a test starts as a new process
(`Program.start`), and what Python reads only when it starts, is not prepared.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pathlib
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn, cast

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
        request = {
            "module": module,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(environment),
        }
        streams = [os.pipe(), os.pipe(), os.pipe()]
        ours = [streams[0][1], streams[1][0], streams[2][0]]
        theirs = [streams[0][0], streams[1][1], streams[2][1]]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SIZE)
            asking.connect(self._path)
            socket.send_fds(asking, [json.dumps(request).encode()], theirs)
            for descriptor in theirs:
                os.close(descriptor)
            pid = int(asking.recv(64))
            watchdog = threading.Timer(timeout, _kill, (pid,))
            watchdog.start()
            try:
                out, err = _exchanged(ours, piped)
                code = int(asking.recv(64))
            finally:
                watchdog.cancel()
        return subprocess.CompletedProcess([module, *arguments], code, out, err)


def _exchanged(ours: Sequence[int], piped: str | None) -> tuple[str, str]:
    """Write the input, and read both outputs to their ends."""
    read: dict[int, str] = {}

    def reading(number: int) -> None:
        with open(ours[number], encoding="utf-8") as stream:  # noqa: PTH123  # a descriptor
            read[number] = stream.read()

    readers = [threading.Thread(target=reading, args=(number,)) for number in (1, 2)]
    for reader in readers:
        reader.start()
    with contextlib.suppress(BrokenPipeError), open(ours[0], "w", encoding="utf-8") as stream:  # noqa: PTH123
        stream.write(piped or "")
    for reader in readers:
        reader.join()
    return read[1], read[2]


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
