"""What this tool writes into a schedule to recognize it as its own later: prefix, marks, notes, identity."""

from __future__ import annotations

GOVERNANCE_PREFIX = "governance:"
MEMO_PREFIX = "reconciler."  # of names in a workflow's memo that are not the charter's
PAUSED_BY_US = "paused by reconciler: "
PAUSED_ON_FAILURE = ("paused due to workflow ", "paused, workflow ")  # what V1 and V2 write when a run has failed
IDENTITY = "reconciler"  # what our calls' identity begins with, unless --identity is given
MANAGED_BY_US = "managed by reconciler: "
OWNER_MARK = f"{MEMO_PREFIX}owner"
SEAL_MARK = f"{MEMO_PREFIX}paused"
