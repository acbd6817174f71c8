"""Where Temporal's programs are: on PATH, in the user's cache, downloaded by the SDK, or built from source by Go."""

from __future__ import annotations

import asyncio
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import temporalio.testing

CLI_VERSION = "v1.5.1"  # of the Temporal command line; the server in it is 1.29.1
SERVER_VERSION = "v1.31.2"
CLI_MODULE = f"github.com/temporalio/cli/cmd/temporal@{CLI_VERSION}"
SERVER_MODULE = f"go.temporal.io/server/cmd/server@{SERVER_VERSION}"


class MissingServerError(Exception):
    """There is no server to run, and no way to get one."""


def command_line() -> pathlib.Path:
    """Return the path of a `temporal` that can run the dev server, fetching it when need be."""
    return find() or _download() or _build(CLI_MODULE, _cached_cli())


def find() -> pathlib.Path | None:
    """Return a `temporal` that is already here."""
    on_path = shutil.which("temporal")
    if on_path:
        return pathlib.Path(on_path)
    return _cached_cli() if _cached_cli().is_file() else None


def server() -> pathlib.Path:
    """Return the path of the server by itself, which no release of the dev server has in this version yet."""
    cached = _cache(f"temporal-server-{SERVER_VERSION}") / "server"
    return cached if cached.is_file() else _build(SERVER_MODULE, cached)


def _cached_cli() -> pathlib.Path:
    return _cache(f"temporal-cli-{CLI_VERSION}") / "temporal"


def _cache(name: str) -> pathlib.Path:
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return cache / "reconciler" / name


def _download() -> pathlib.Path | None:
    place = _cached_cli()
    _tell(f"no temporal on PATH or in {place.parent}: downloading {CLI_VERSION}")

    async def fetch(folder: str) -> None:
        environment = await temporalio.testing.WorkflowEnvironment.start_local(
            dev_server_download_version=CLI_VERSION, download_dest_dir=folder
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


def _build(module: str, place: pathlib.Path) -> pathlib.Path:
    go = shutil.which("go")
    if go is None:
        raise MissingServerError(
            f"{place.name} is neither on PATH nor in the cache, and could not be downloaded; "
            f"install Temporal's command line (https://docs.temporal.io/cli), or Go to build {module} from source"
        )
    _tell(f"building {module} from source with Go; once, 2 to 5 minutes")
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place.parent) as folder:
        built = subprocess.run(
            [go, "install", "-ldflags=-s -w", module], env={**os.environ, "GOBIN": folder}, check=False
        )
        if built.returncode:
            raise MissingServerError(f"go install {module} failed; its output stands above")
        return _keep(pathlib.Path(folder) / place.name, place)


def _keep(binary: pathlib.Path, place: pathlib.Path) -> pathlib.Path:
    """Move a fetched program to its place in the cache, in one step."""
    binary.replace(place)
    return place


def _tell(text: str) -> None:
    sys.stderr.write(f"servers: {text}\n")
    sys.stderr.flush()
