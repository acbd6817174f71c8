"""Write charters as YAML text. The only module that uses ruamel.yaml."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ruamel.yaml
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from reconciler import json_text

_OTHER_IN_YAML_1_1 = re.compile(  # strings in YAML 1.2, but other types to the many parsers that implement YAML 1.1
    r"y|yes|n|no|on|off"
    r"|[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"  # a base-60 number
    r"|[-+]?0(o?[0-7_]+|b[01_]+|x[0-9a-f_]+)"
    r"|[-+]?\.?[0-9][0-9_]*(\.[0-9_]*)?(e[-+]?[0-9]+)?",
    re.IGNORECASE | re.ASCII,
)


def block(value: Mapping[str, Any] | Sequence[Any], indent: int) -> list[str]:
    """Return the lines of a value in block style, with a list's dashes or an object's keys at column `indent`.

    Strings that are not printable are quoted on one line, so indentation is never part of a value.
    """
    written = io.StringIO()
    _yaml().dump(_formatted(value), written)
    lines = _escaped(written.getvalue()).splitlines()
    outer = len(lines[0]) - len(lines[0].lstrip(" "))
    return [" " * indent + line[outer:] for line in lines]


def flow(value: Any, indent: int | None = None) -> str:
    """Return a value in flow style, as JSON; its parts are on separate, indented lines if `indent` is not None."""
    text = _escaped(json.dumps(value, ensure_ascii=False, indent=None if indent is None else 2))
    return text if indent is None else text.replace("\n", "\n" + " " * indent)


def _escaped(text: str) -> str:
    """Escape the characters that `json_text` does, all of which are in double quotes, as YAML does."""
    return json_text.escaped(text, _escape)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # libyaml does not accept surrogate pairs


def _yaml() -> ruamel.yaml.YAML:
    yaml = ruamel.yaml.YAML()
    yaml.version = None
    yaml.width = sys.maxsize
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _formatted(value: Any, key: str = "") -> Any:
    """Return the value with quotes around crons, as people write them, and around strings that parsers could misread.

    The latter are strings that are not printable, or that YAML 1.1 does not read as strings.
    """
    match value:
        case Mapping():
            return {_formatted(name): _formatted(inner, name) for name, inner in value.items()}
        case str() if key == "cron" or not value.isprintable():
            return DoubleQuotedScalarString(value)
        case str() if _OTHER_IN_YAML_1_1.fullmatch(value):
            return SingleQuotedScalarString(value)
        case str():
            return value
        case Iterable():
            return [_formatted(inner, key) for inner in value]
        case _:
            return value
