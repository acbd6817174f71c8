"""The prefix, marks, notes and identity by which this tool recognizes its own schedules."""

from __future__ import annotations

GOVERNANCE_PREFIX = "governance:"
MEMO_PREFIX = "reconciler."  # of memo names that are reserved for this tool
PAUSED_BY_US = "paused by reconciler: "
PAUSED_ON_FAILURE = ("paused due to workflow ", "paused, workflow ")  # what V1 and V2 write after a failed run
IDENTITY = "reconciler"  # the beginning of our calls' identity, unless --identity is given
MANAGED_BY_US = "managed by reconciler: "
OWNER_MARK = f"{MEMO_PREFIX}owner"
SEAL_MARK = f"{MEMO_PREFIX}paused"
