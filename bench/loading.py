"""The floor for validating a file: load its YAML with the C loader and check it with the published schema; a program.

Without a schema, it only loads the file: YAML, or a snapshot's JSON.
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

import yaml


def main(paths: list[str]) -> None:
    """Load the first file, and check it with the schema if there is one."""
    loaded = _loaded(pathlib.Path(paths[0]))
    for schema in paths[1:]:
        import jsonschema

        jsonschema.Draft202012Validator(_loaded(pathlib.Path(schema))).validate(loaded)


def _loaded(path: pathlib.Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=yaml.CSafeLoader)


if __name__ == "__main__":
    main(sys.argv[1:])
