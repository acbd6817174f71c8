"""Run a command of the program and print the chain of our functions that leads to an RPC, innermost first.

`python -m tests.support.call_depth RPC COMMAND…`; the chain continues from a task to the function that created it.
"""

from __future__ import annotations

import asyncio
import pathlib
import sys
import types
from typing import Any

import reconciler
from reconciler import __main__

PACKAGE = pathlib.Path(reconciler.__file__).parent


class Recorder:
    """A profile function that remembers the chain to every new task, and prints the one to the first RPC."""

    def __init__(self, rpc: str) -> None:
        self._rpc = rpc
        self._chains: dict[int, tuple[object, tuple[str, ...]]] = {}  # by the id of a coroutine, which it keeps alive

    def __call__(self, frame: types.FrameType, event: str, _: object) -> None:
        """Look at a call."""
        if event != "call":
            return
        name = frame.f_code.co_name
        if name == "create_task" and "coro" in frame.f_locals:
            coroutine = frame.f_locals["coro"]
            self._chains[id(coroutine)] = coroutine, self._chain(frame)
        elif name == self._rpc and "temporalio" in frame.f_code.co_filename:
            sys.setprofile(None)
            print(*self._chain(frame), sep="\n", file=sys.stderr)

    def _chain(self, frame: types.FrameType) -> tuple[str, ...]:
        coroutine = _current_coroutine()
        created = self._chains[id(coroutine)][1] if id(coroutine) in self._chains else ()
        return (*_frames(frame), *created)


def _frames(frame: types.FrameType | None) -> list[str]:
    """Return our functions on the stack, down to the event loop where it runs a task."""
    frames = []
    while frame is not None and frame.f_code.co_qualname != "Handle._run":
        path = pathlib.Path(frame.f_code.co_filename)
        if path.is_relative_to(PACKAGE):
            frames.append(f"{path.relative_to(PACKAGE)}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return frames


def _current_coroutine() -> Any:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs
        return None
    return task.get_coro() if task else None


if __name__ == "__main__":
    rpc = sys.argv.pop(1)
    sys.setprofile(Recorder(rpc))
    __main__.main()
