"""The action as its users get it, and a runner's environment to run it in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator

ROOT = pathlib.Path(__file__).parents[2]
TIMEOUT = 600  # seconds, for an install on a slow machine

_LEFT_OUT = ("tests/", "bench/", "docs/", ".github/", "examples/")  # of no use to who runs it
_KEPT = ("PIP_", "SSL_CERT_", "REQUESTS_CA_BUNDLE", "LANG", "LC_", "PYENV_ROOT")  # ways to an index and to Pythons
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


def tree(place: pathlib.Path) -> pathlib.Path:
    """Copy what git has of the working tree, as it stands, and return where it is."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.split("\0"):
        source = ROOT / name
        if name and not name.startswith(_LEFT_OUT) and (source.is_file() or source.is_symlink()):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, place / name, follow_symlinks=False)
    return place


def command(action: pathlib.Path) -> list[str]:
    """Return the command line of the action's step."""
    return ["bash", str(action / "action" / "run.sh")]


def install(action: pathlib.Path, kept: pathlib.Path) -> None:
    """Put the action into `kept`, once for all workers of a test run: what an install leaves there.

    Its packages are those of the tests. With ACTION_INSTALL=whole the action installs itself; AssertionError when it
    does not.
    """
    kept.mkdir(parents=True, exist_ok=True)
    with _alone(kept / ".lock"):
        if environments(kept):
            return
        if os.environ.get("ACTION_INSTALL") == "whole":
            _installed(action, kept)
        else:
            _linked(action, kept / key(action))


def _installed(action: pathlib.Path, kept: pathlib.Path) -> None:
    done = subprocess.run(
        command(action),
        cwd=kept,
        env=environment(kept / "home") | {"RUNNER_TEMP": str(kept), "INPUT_COMMAND": "validate"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT,
    )
    assert environments(kept), done.stdout + done.stderr


def _linked(action: pathlib.Path, place: pathlib.Path) -> None:
    made = place.with_name(f"{place.name}.linked")
    subprocess.run([sys.executable, "-I", "-m", "venv", "--without-pip", str(made)], check=True)
    (packages,) = made.glob("lib/python*/site-packages")
    packages.joinpath("linked.pth").write_text(f"{action}\n{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    place.symlink_to(made.name)


def key(action: pathlib.Path) -> str:
    """Return the name of the folder that this action's environment has, with the Python of `environment`."""
    asked = (
        "import pathlib, runpy, sys; print(runpy.run_path(sys.argv[1])['environment_key'](pathlib.Path(sys.argv[2])))"
    )
    done = subprocess.run(
        ["python3", "-I", "-c", asked, action / "action" / "install.py", action],
        env=environment(action),
        capture_output=True,
        text=True,
        check=True,
    )
    return f"reconciler-{done.stdout.strip()}"


def environments(kept: pathlib.Path) -> list[pathlib.Path]:
    """Return the environments in place there."""
    return [path for path in kept.glob("reconciler-*") if path.is_symlink()]


def environment(home: pathlib.Path, search_path: Iterable[pathlib.Path] = ()) -> dict[str, str]:
    """Return what a runner's steps have: nothing of the developer's own but the way to a package index.

    `python3` is the Python of the tests, outside their environment; `search_path` stands in front of it.
    """
    kept = {name: value for name, value in os.environ.items() if name.startswith(_KEPT) or name.lower() in _PROXIES}
    own = pathlib.Path(sys.prefix, "bin")
    path = [*search_path, pathlib.Path(sys.base_prefix, "bin"), *map(pathlib.Path, _search_path())]
    return {
        **_pip(),
        **kept,
        "PATH": os.pathsep.join(str(each) for each in path if each != own),
        "HOME": str(home),
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }


def _search_path() -> list[str]:
    return os.environ.get("PATH", os.defpath).split(os.pathsep)


def _pip() -> dict[str, str]:
    """Return where pip finds the developer's configuration and cache, which are looked for under HOME."""
    configured = pathlib.Path(os.environ.get("XDG_CONFIG_HOME") or pathlib.Path.home() / ".config", "pip", "pip.conf")
    cached = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache", "pip")
    places = {"PIP_CONFIG_FILE": configured, "PIP_CACHE_DIR": cached}
    return {name: str(place) for name, place in places.items() if place.exists()}


@contextlib.contextmanager
def _alone(guard: pathlib.Path) -> Iterator[None]:
    """Keep the workers apart."""
    with guard.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
