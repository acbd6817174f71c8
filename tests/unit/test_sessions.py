"""A session runs coroutines one after another on its event loop."""

from __future__ import annotations

import asyncio
import types
import typing

from reconciler.plan import progress
from reconciler.runtime import sessions


class Unprintable:
    """Stands for a result so large that formatting it takes a while."""

    def __repr__(self) -> str:
        raise AssertionError("the result was formatted")


def test_a_result_is_returned_without_being_formatted() -> None:
    async def read() -> Unprintable:
        return Unprintable()

    server = types.SimpleNamespace(schedules=None, pollers=None, attributes=None)
    with asyncio.Runner() as runner:
        session = sessions.Session(runner, typing.cast("typing.Any", server), progress.SILENT)
        assert isinstance(session.run(read()), Unprintable)
