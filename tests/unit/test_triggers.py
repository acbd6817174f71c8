from __future__ import annotations

import asyncio

import pytest

from reconciler import errors
from reconciler.platform.api import triggers


async def test_a_run_does_not_wait_without_limit_for_other_runs_of_its_schedule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triggers, "_TURN", 0.01)
    lock = asyncio.Lock()
    async with triggers.held(lock):
        with pytest.raises(errors.BusyError, match="other requests for this schedule"):
            async with triggers.held(lock):
                pass
    async with triggers.held(lock):
        pass
    assert not lock.locked()
