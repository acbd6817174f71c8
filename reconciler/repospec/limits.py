"""The largest schedule that a server accepts and can still read back."""

from __future__ import annotations

# bytes: V1 cannot describe a schedule of 2,000,000 bytes; V2 cannot start one with a memo over 2 MiB
SCHEDULE_SIZE = 1_800_000
