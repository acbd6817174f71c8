"""What a command costs as a process: wall time, CPU time, and memory."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The resources that one process used, from its start to its end."""

    seconds: float
    cpu: float  # seconds of all its threads, user and system
    memory: int  # bytes, the peak of the resident set


def run(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    """Run a command to completion; raise RuntimeError with its error output if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "cost.json")
        launched = (sys.executable, "-I", "-S", str(_LAUNCHER), str(path), *command)
        done = subprocess.run(launched, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:6])} failed with {done.returncode}: {done.stderr[-2000:]}")
        return Cost(**json.loads(path.read_text(encoding="utf-8")))


_LAUNCHER = pathlib.Path(__file__).with_name("launcher.py")
