"""An apply stays easy to follow: few of our functions are between the command and the server."""

from __future__ import annotations

import subprocess
import sys

from tests.support import program

MOST = 14


def test_few_functions_lead_from_the_command_to_the_rpc(reconciler: program.Program) -> None:
    reconciler.declare("governance:\n  schedules:\n    - {charter: A, cron: '0 3 * * *', entrypoint: A}\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.call_depth", "create_schedule", "apply", "--yes"],
        cwd=reconciler.folder,
        env=reconciler.environment(PYTHONPATH=":".join(sys.path)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    chain = done.stderr.splitlines()
    frames = chain[: chain.index("cli/apply.py:apply") + 1]
    assert len(frames) <= MOST, "\n".join(frames)
    assert "plan/apply.py:apply" in frames
