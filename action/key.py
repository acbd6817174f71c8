"""Print what an installed environment is named after: this Python, and everything that goes into the environment."""

from __future__ import annotations

import hashlib
import pathlib
import sys
import sysconfig

INSTALLED = ("pyproject.toml", "requirements-action.lock", "action", "reconciler")


def key(root: pathlib.Path, *identity: str) -> str:
    """Return a name for an environment with what `root` holds, made by the Python of that identity."""
    digest = hashlib.sha256("\0".join(identity).encode())
    for path in sorted(path for name in INSTALLED for path in (root / name, *(root / name).rglob("*"))):
        if path.is_file() and path.parent.name != "__pycache__":
            digest.update(f"\0{path.relative_to(root)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]


if __name__ == "__main__":
    print(key(pathlib.Path(sys.argv[1]), sys.base_prefix, sys.version, sysconfig.get_platform()))
