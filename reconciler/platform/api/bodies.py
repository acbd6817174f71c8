"""The JSON of a request body; anything that two parsers could interpret differently is rejected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import fastapi

_SHOWN = 100  # characters of a key in a message


class RefusedError(fastapi.HTTPException):
    """A body that is valid JSON but ambiguous or too large; an HTTPException, because the framework passes those on."""


class Request(fastapi.Request):
    """A request that rejects duplicate keys in its body (RFC 8259, section 4) and numbers with too many digits."""

    async def json(self) -> Any:
        """Return the value of the body; raises `json.JSONDecodeError` if it is not valid JSON."""
        if not hasattr(self, "_json"):
            try:
                self._json = json.loads(await self.body(), object_pairs_hook=_unique)
            except (json.JSONDecodeError, UnicodeDecodeError):
                raise
            except ValueError:  # Python's own limit on digits
                raise RefusedError(400, "a number in the body has too many digits") from None
        return self._json


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise RefusedError(400, f"key {json.dumps(name[:_SHOWN])} appears twice in one object in the body")
        values[name] = value
    return values
