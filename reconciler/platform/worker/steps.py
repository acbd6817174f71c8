"""Constants shared by the workflow and its activities; recorded histories contain the names of the steps."""

from __future__ import annotations

import datetime

VALIDATE_GRANT = "validate_grant"
BEGIN_RUN = "begin_run"
EXECUTE = "execute"
END_RUN = "end_run"

HEARTBEAT_TIMEOUT = datetime.timedelta(seconds=10)  # after which another worker takes over a dead worker's execution
FIRST_RETRY = datetime.timedelta(seconds=1)  # before an execution's first retry; doubled each time
LONGEST_RETRY = datetime.timedelta(seconds=30)
