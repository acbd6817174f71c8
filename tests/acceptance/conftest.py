"""Nothing that the program prints or writes in any acceptance test may hold a secret."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.support import program

# What a test itself gives to the program; an import writes a spec too, where the values must stand.
_GIVEN = {".yaml", ".toml", ".pem"}


@pytest.fixture(autouse=True)
def _no_secret_is_written(tmp_path: pathlib.Path) -> Iterator[None]:
    program.printed.clear()
    yield
    assert [text for text in program.printed if program.SECRET in text] == []
    written = (path for path in tmp_path.rglob("*") if path.is_file() and path.suffix not in _GIVEN)
    assert [path for path in written if program.SECRET.encode() in path.read_bytes()] == []
