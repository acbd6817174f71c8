"""The largest schedule that a server accepts and can still read back."""

from __future__ import annotations

SCHEDULE_SIZE = 1_800_000  # bytes: V1 cannot describe one of 2,000,000; V2 cannot start one with a memo over 2 MiB
