"""All parts together, as `make stack` shows them: synced, fired, executed, recorded, and ended in order."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

from tools import stack

ROOT = pathlib.Path(__file__).parent.parent.parent


def test_the_stack_walks_from_a_sync_to_recorded_executions_and_ends_in_order() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.stack", "--once"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    messages = done.stdout
    assert ": 4 created, 0 updated, 0 resumed, 0 paused, 0 unchanged.\n" in messages
    assert re.search(r"^execution_requests: governance:community:\S+Z done$", messages, re.MULTILINE), messages
    assert "\nschedule_runs: 0 rows\n" in messages
    (made,) = re.findall(r'^  "id": "([0-9a-f-]{36})"', messages, re.MULTILINE)[:1]
    assert re.search(rf"^execution_requests: {made}:\S+Z done$", messages, re.MULTILINE), messages
    assert re.search(r"^PostgreSQL  host=\S+ dbname=\S+", messages, re.MULTILINE), messages
    assert not re.search(r"password|://[^/\s]*:[^/\s]*@|rcn_", messages), messages
    assert messages.endswith("\nThe stack has stopped.\n")


def test_the_stack_shows_a_database_without_its_password() -> None:
    for url in ("postgresql://me:hunter2@db:5433/app", "host=db port=5433 dbname=app user=me password=hunter2"):
        assert stack.without_password(url) == "host=db port=5433 dbname=app user=me"
