"""JSON values in canonical form, so that they can be compared."""

from __future__ import annotations

import decimal
import functools
import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

_WHOLE_LIMIT = 2**63
_DEPTH_LIMIT = 120  # nesting levels in a compared value; specs have fewer

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


def number(value: int | float) -> int | float:
    """Return the number in canonical form: JSON has a single number type, in which 2.0 and 2 are the same.

    Integers below 2**63 become ints, and larger ones become floats if that is lossless. A float becomes the int that
    its shortest digits denote, as PostgreSQL and JavaScript write it, so both spellings have the same canonical form.
    """
    if isinstance(value, float):
        return _digits(value) if value.is_integer() and abs(value) < _WHOLE_LIMIT else value
    if abs(value) < _WHOLE_LIMIT:
        return value
    try:
        near = float(value)
    except OverflowError:  # too large for a float
        return value
    return near if _digits(near) == value else value


def _digits(whole: float) -> int:
    return int(decimal.Decimal(repr(whole)))


def canonical(value: Json) -> Json:
    """Return the value with its numbers in canonical form, no matter how an SDK wrote them.

    Raises ValueError for values that JSON cannot contain (NaN, infinity) or that are nested too deeply.
    """
    return _canonical(value, 0)


def _canonical(value: Json, depth: int) -> Json:
    if depth > _DEPTH_LIMIT:
        raise ValueError(f"nested deeper than {_DEPTH_LIMIT} levels")
    match value:
        case float() if not math.isfinite(value):
            raise ValueError(f"{value} is not a JSON number")
        case float() | int() if not isinstance(value, bool):
            return number(value)
        case dict():
            return {_shared(name): _canonical(inner, depth + 1) for name, inner in value.items()}
        case list():
            return [_canonical(inner, depth + 1) for inner in value]
        case _:
            return value


@functools.lru_cache(maxsize=4096)
def _shared(name: str) -> str:
    """Return the first of several equal strings: thousands of schedules have the same names in their values."""
    return name


def short_float(number: float) -> float:
    """Return the number rounded to the six digits that survive the server's single precision."""
    return float(f"{number:.6g}")


def size(value: Json) -> int:
    """Return how many bytes a value occupies on the server."""
    return len(_COMPACT.encode(value).encode(errors="surrogatepass"))


_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
