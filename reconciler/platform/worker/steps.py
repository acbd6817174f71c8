"""What workflow and activities agree on: the names of the steps, which recorded histories hold."""

from __future__ import annotations

import datetime

VALIDATE_GRANT = "validate_grant"
BEGIN_RUN = "begin_run"
EXECUTE = "execute"
END_RUN = "end_run"

HEARTBEAT_TIMEOUT = datetime.timedelta(seconds=10)  # after which the execution of a dead worker is taken over
FIRST_RETRY = datetime.timedelta(seconds=1)  # of an execution, doubled each time
LONGEST_RETRY = datetime.timedelta(seconds=30)
