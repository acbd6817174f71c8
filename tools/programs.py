"""Find programs that are not on PyPI: on PATH, in the user's cache, downloaded by the SDK, or built with Go.

Two of them are Temporal's; the other two run and check GitHub Actions workflows.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import temporalio.testing


class MissingProgramError(Exception):
    """The program is not available, and cannot be obtained."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A specific version of a program, and where it comes from."""

    name: str  # of the executable
    package: str  # what Go builds
    version: str
    home: str  # where other ways to install it are documented
    title: str  # of its directory in the cache

    @property
    def module(self) -> str:
        """Return the argument for `go install`."""
        return f"{self.package}@{self.version}"

    @property
    def place(self) -> pathlib.Path:
        """Return its path in the cache, whether or not it exists."""
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        return cache / "reconciler" / f"{self.title}-{self.version}" / self.name


CLI = Program(
    name="temporal",
    package="github.com/temporalio/cli/cmd/temporal",
    version="v1.5.1",  # includes server 1.29.1
    home="https://docs.temporal.io/cli",
    title="temporal-cli",
)
SERVER = Program(
    name="server",
    package="go.temporal.io/server/cmd/server",
    version="v1.31.2",
    home="https://github.com/temporalio/temporal",
    title="temporal-server",
)
ACT = Program(name="act", package="github.com/nektos/act", version="v0.2.89", home="https://nektosact.com", title="act")
ACTIONLINT = Program(
    name="actionlint",
    package="github.com/rhysd/actionlint/cmd/actionlint",
    version="v1.7.12",
    home="https://github.com/rhysd/actionlint",
    title="actionlint",
)


def command_line() -> pathlib.Path:
    """Return the path of a `temporal` that can run the dev server, fetching it if needed."""
    return find(CLI) or _download() or _build(CLI)


def server() -> pathlib.Path:
    """Return the path of the standalone server; no release of the dev server includes this version yet."""
    return _cached(SERVER) or _build(SERVER)


def act() -> pathlib.Path:
    """Return the path of `act`, which runs workflows on this machine."""
    return find(ACT) or _build(ACT)


def actionlint() -> pathlib.Path:
    """Return the path of `actionlint`, which checks workflows."""
    return find(ACTIONLINT) or _build(ACTIONLINT)


def find(program: Program) -> pathlib.Path | None:
    """Return a program that is already on this machine."""
    on_path = shutil.which(program.name)
    return pathlib.Path(on_path) if on_path else _cached(program)


def _cached(program: Program) -> pathlib.Path | None:
    return program.place if program.place.is_file() else None


def _download() -> pathlib.Path | None:
    place = CLI.place
    _tell(f"temporal is not on PATH or in {place.parent}: downloading {CLI.version}")

    async def fetch(folder: str) -> None:
        environment = await temporalio.testing.WorkflowEnvironment.start_local(
            dev_server_download_version=CLI.version, download_dest_dir=folder
        )
        await environment.shutdown()

    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        try:
            asyncio.run(fetch(folder))
        except RuntimeError as error:
            _tell(f"that failed: {error}")
            return None
        return _keep(next(path for path in pathlib.Path(folder).iterdir() if os.access(path, os.X_OK)), place)


def _build(program: Program) -> pathlib.Path:
    go = shutil.which("go")
    if go is None:
        raise MissingProgramError(
            f"{program.name} is neither on PATH nor in the cache, and could not be downloaded; "
            f"install it ({program.home}), or install Go to build {program.module} from source"
        )
    with _alone(program), tempfile.TemporaryDirectory(dir=program.place.parent) as folder:
        if program.place.is_file():  # another process has built it in the meantime
            return program.place
        _tell(f"building {program.module} from source with Go; this happens once and takes up to 5 minutes")
        built = subprocess.run(
            [go, "install", "-ldflags=-s -w", program.module], env={**os.environ, "GOBIN": folder}, check=False
        )
        if built.returncode:
            raise MissingProgramError(f"go install {program.module} failed; see its output above")
        return _keep(pathlib.Path(folder) / program.name, program.place)


@contextlib.contextmanager
def _alone(program: Program) -> Iterator[None]:
    """Prevent processes from fetching the same program at the same time."""
    program.place.parent.mkdir(parents=True, exist_ok=True)
    with (program.place.parent / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _keep(binary: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """Move a fetched program to its place in the cache, in one step."""
    binary.replace(place)
    return place


def _tell(text: str) -> None:
    sys.stderr.write(f"tools: {text}\n")
    sys.stderr.flush()


def _main() -> None:
    """Provide act before the tests, some of which are skipped without it."""
    try:
        sys.stdout.write(f"{act()}\n")
    except MissingProgramError as error:
        _tell(str(error))


if __name__ == "__main__":
    _main()
