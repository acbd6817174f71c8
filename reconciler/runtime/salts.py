"""Random salts: the keys for the digests that replace secrets in plans and snapshots."""

from __future__ import annotations

import secrets

_BYTES = 16


def new() -> bytes:
    """Return a random salt."""
    return secrets.token_bytes(_BYTES)
