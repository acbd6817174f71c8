"""`import` of a schedule that Temporal's own command line made."""

from __future__ import annotations

from tests.support import program
from tools import devserver


def test_nothing_that_is_empty_is_reported_as_lost(
    reconciler: program.Program, dev_server: devserver.DevServer
) -> None:
    """The command line sends an empty header with every schedule."""
    made = ("--schedule-id", "governance:made", "--cron", "0 * * * *", "--type", "T", "--task-queue", "q")
    dev_server.cli("schedule", "create", *made, "--input", "1", "--namespace", reconciler.namespace)
    done = reconciler.run("import")
    assert done.returncode == 0, done.stderr
    assert "charter: MADE" in done.stdout
    assert "      args:\n        - 1\n" in done.stdout
    assert done.stderr == ""
