"""Run a command and write the resources that it used to a file, as JSON; a program that stays small.

A process inherits its parent's peak memory, so a large parent cannot measure a small child.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

if __name__ == "__main__":
    started = time.perf_counter()
    process = subprocess.Popen(sys.argv[2:], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    cost = {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}
    pathlib.Path(sys.argv[1]).write_text(json.dumps(cost), encoding="utf-8")
    sys.exit(process.returncode)
