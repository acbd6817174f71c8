"""Install this action into its own virtual environment, unless that already exists, and run its program.

Run by `run.sh` in isolated mode, so that the job's PYTHONPATH and similar settings have no effect; pip reads the job's
own configuration, so that a private index keeps working. It imports only the standard library.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import sysconfig
import types

ROOT = pathlib.Path(__file__).resolve().parent.parent
INSTALLED = ("pyproject.toml", "requirements-action.lock", "action", "reconciler")
PIP_INSTALL = ("-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")
# The job's settings determine where packages come from. Which ones are installed, and where, is decided here.
PIP_SETTINGS = {
    "PIP_USER": "0",
    "PIP_REQUIRE_HASHES": "0",
    "PIP_NO_DEPS": "0",
    **dict.fromkeys(("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_CONSTRAINT"), ""),
}


class InstallError(Exception):
    """The program cannot be installed; the message explains why and what to do."""


def main() -> None:
    """Install the program if needed and run it; on an error, write an annotation and exit with code 1."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends without a traceback
    try:
        environment = installed()
    except InstallError as error:
        sys.exit(_annotated(str(error)))
    python = str(environment / "bin" / "python")
    os.execv(python, [python, "-I", "-u", "-X", "utf8", "-m", "reconciler.github"])


def installed() -> pathlib.Path:
    """Return the environment that contains the program, creating it if it does not exist."""
    kept = os.environ.get("RECONCILER_INSTALL_DIR") or os.environ.get("RUNNER_TEMP")
    if not kept:
        raise InstallError("RUNNER_TEMP is not set: this script is part of the action and must run in a workflow")
    environment = pathlib.Path(kept, f"reconciler-{environment_key(ROOT)}")
    if not _complete(environment):
        commands = Commands()
        try:
            _make(environment, commands)
        except OSError as error:
            raise InstallError(f"the environment cannot be created at {environment}: {error.strerror}") from None
        finally:
            commands.close()
    return environment


def environment_key(root: pathlib.Path) -> str:
    """Return a key for the environment's name: a hash of this Python and everything in `root` that is installed."""
    digest = hashlib.sha256("\0".join((sys.base_prefix, sys.version, sysconfig.get_platform())).encode())
    for path in sorted(path for name in INSTALLED for path in (root / name, *(root / name).rglob("*"))):
        if path.is_file() and path.parent.name != "__pycache__":
            digest.update(f"\0{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


class Commands:
    """Runs the installation's commands, one after another, until a signal cancels the job."""

    def __init__(self) -> None:
        self._canceled_by = 0
        self._process: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._cancel)

    def run(self, command: list[str], failure: str) -> None:
        """Run a command without the inputs, because some are secrets and a package's build runs arbitrary code.

        Raises SystemExit with 128 plus the signal's number if the job was canceled, and InstallError with a message
        that begins with `failure` if the command fails.
        """
        variables = {name: value for name, value in os.environ.items() if not name.startswith("INPUT_")}
        self._process = subprocess.Popen(
            command, env=variables | PIP_SETTINGS, stdin=subprocess.DEVNULL, process_group=0
        )
        if self._canceled_by:  # before there was a process to terminate
            self._terminate()
        status = self._process.wait()
        self._process = None
        if self._canceled_by:
            sys.exit(128 + self._canceled_by)
        if status:
            raise InstallError(f"{failure}; see the log above for the reason")

    def close(self) -> None:
        """Restore the default signal handling; raise SystemExit if the job was canceled after the last command."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        if self._canceled_by:
            sys.exit(128 + self._canceled_by)

    def _cancel(self, number: int, _: types.FrameType | None) -> None:
        """Record the signal and terminate the running command; nothing else, such as the cleanup, is interrupted."""
        self._canceled_by = self._canceled_by or number
        self._terminate()

    def _terminate(self) -> None:
        """Terminate the command and the processes that it started."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just exited
                os.killpg(self._process.pid, signal.SIGTERM)


def _make(environment: pathlib.Path, commands: Commands) -> None:
    """Build in a temporary directory and move it into place atomically.

    The environment is therefore always complete, even if a build is killed or another one runs concurrently.
    """
    made = environment.with_name(f"{environment.name}.{secrets.token_hex(4)}")
    pip = [str(made / "bin" / "python"), *PIP_INSTALL]
    locked = ["--require-hashes", "--requirement", str(ROOT / "requirements-action.lock")]
    _print(f"::group::Install reconciler for Python {sys.version.split()[0]}")
    in_place = False
    try:
        made.mkdir(mode=0o700, parents=True)
        commands.run(
            [sys.executable, "-I", "-m", "venv", str(made)], f"{sys.executable} could not create a virtual environment"
        )
        commands.run([*pip, *locked], "reconciler's dependencies could not be installed")
        commands.run([*pip, "--no-deps", "--no-build-isolation", str(ROOT)], "reconciler could not be installed")
        in_place = _put_in_place(made, environment)
    finally:
        if not in_place:
            shutil.rmtree(made, ignore_errors=True)
        _print("::endgroup::")


def _put_in_place(made: pathlib.Path, environment: pathlib.Path) -> bool:
    """Link the environment to our build; return False if another process has already put its own in place."""
    if not _complete(environment):
        environment.unlink(missing_ok=True)  # it points to a build that no longer exists
    try:
        environment.symlink_to(made.name)
    except FileExistsError:
        if not _complete(environment):
            raise
        return False
    return True


def _complete(environment: pathlib.Path) -> bool:
    return os.access(environment / "bin" / "python", os.X_OK)


def _annotated(message: str) -> int:
    """Write an error as a GitHub annotation, set the `exit-code` output, and return the exit code."""
    for character, escape in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        message = message.replace(character, escape)
    _print(f"::error title=reconciler::{message}")
    if output := os.environ.get("GITHUB_OUTPUT"):
        with pathlib.Path(output).open("a", encoding="utf-8") as file:
            file.write("exit-code=1\n")
    return 1


def _print(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
