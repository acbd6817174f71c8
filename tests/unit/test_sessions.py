"""A session runs coroutines one after another on its event loop."""

from __future__ import annotations

import asyncio
import types
import typing

from reconciler.plan import progress
from reconciler.runtime import sessions


class Large:
    """Stands for a result so large that formatting it takes a while."""

    formatted = 0

    def __repr__(self) -> str:
        self.formatted += 1
        return "large"


def test_a_result_is_returned_without_being_formatted() -> None:
    result = Large()

    async def read() -> Large:
        return result

    server = types.SimpleNamespace(schedules=None, pollers=None, attributes=None)
    with asyncio.Runner() as runner:
        session = sessions.Session(runner, typing.cast("typing.Any", server), progress.SILENT)
        assert session.run(read()) is result
    assert result.formatted == 0
