"""The JSON of a request's body, without what two readers of it could understand differently."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import fastapi

_SHOWN = 100  # characters of a key in a message


class RefusedError(fastapi.HTTPException):
    """A body that is JSON and still ambiguous or too large; an HTTPException, which the framework passes on."""


class Request(fastapi.Request):
    """A request whose body has no duplicate keys (RFC 8259, section 4) and no number that is too long to read."""

    async def json(self) -> Any:
        """Return the value of the body; `json.JSONDecodeError` where it is not JSON."""
        if not hasattr(self, "_json"):
            try:
                self._json = json.loads(await self.body(), object_pairs_hook=_unique)
            except (json.JSONDecodeError, UnicodeDecodeError):
                raise
            except ValueError:  # Python's own limit of digits
                raise RefusedError(400, "a number in the body has too many digits") from None
        return self._json


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise RefusedError(400, f"the key {json.dumps(name[:_SHOWN])} appears twice in one object of the body")
        values[name] = value
    return values
