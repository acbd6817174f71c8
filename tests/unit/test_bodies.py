"""The JSON of a request's body."""

from __future__ import annotations

import json
import time

import pytest
from starlette import types

from reconciler.platform.api import bodies

KEYS = 40_000  # some 400 KB, of 1 MiB that a body may have


async def test_a_duplicate_key_at_the_end_of_a_large_object_does_not_occupy_the_event_loop() -> None:
    text = json.dumps({f"{number:x}": 1 for number in range(KEYS)}).removesuffix("}") + f', "{KEYS - 1:x}": 1' + "}"

    async def receive() -> types.Message:
        return {"type": "http.request", "body": text.encode()}

    started = time.process_time()
    with pytest.raises(bodies.RefusedError) as refused:
        await bodies.Request({"type": "http"}, receive).json()
    assert time.process_time() - started < 5  # seconds; 0.05 is usual, and comparing every pair takes half a minute
    assert refused.value.detail == 'key "9c3f" appears twice in one object in the body'
