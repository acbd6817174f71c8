"""Check workflows with actionlint, which checks their shell code with the shellcheck in this environment.

On a machine without actionlint, and without Go or a network to build it, the check is skipped with a one-line message,
except in continuous integration.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

from tools import programs


def _main(workflows: list[str]) -> None:
    try:
        actionlint = programs.actionlint()
    except programs.MissingProgramError as error:
        if os.environ.get("CI") == "true":
            sys.exit(f"actionlint: {error}")
        sys.stderr.write(f"actionlint was skipped: {error}\n")
        return
    shellcheck = pathlib.Path(sys.executable).parent / "shellcheck"
    sys.exit(subprocess.run([actionlint, "-shellcheck", shellcheck, *workflows], check=False).returncode)


if __name__ == "__main__":
    _main(sys.argv[1:])
