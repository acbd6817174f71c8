"""Check search attributes: values must fit their type, and the server must accept their names and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler import json_values
from reconciler.schedule import faults
from reconciler.timing import moments

_TYPES: dict[str, type | tuple[type, ...]] = {
    "Text": str,
    "Keyword": str,
    "Int": int,
    "Double": (int, float),
    "Bool": bool,
    "Datetime": str,
    "KeywordList": list,
}
_RESERVED = ("TemporalScheduledStartTime", "TemporalScheduledById", "TemporalNamespaceDivision")
_VALUE_SIZE = 2 * 1024  # the maximum size of one value, in bytes
_TOTAL_SIZE = 38_000  # bytes for all values; the server allows 40 KiB, including two values that it adds to each run
_COUNT = 98  # the server allows 100, including those two
_OVERHEAD = 64  # bytes per attribute, in addition to its name and value


def check(name: str, entry: Any) -> Iterator[faults.Fault]:
    """Yield what is wrong with one attribute."""
    if isinstance(entry, dict) and isinstance(entry.get("type"), str):
        wrong = _mismatch(str(entry["type"]), entry.get("value"))
        if wrong:
            yield faults.Fault(path=("value",), message=f"{name!r}: {wrong}")
    if isinstance(entry, int) and (wrong := _too_large(entry)):
        yield faults.Fault(message=f"{name!r}: {wrong}")
    if name in _RESERVED:
        message = f"{name!r} is reserved: the server sets it on each run, or uses it to hide runs"
        yield faults.Fault(message=message, hint="remove it")


def _mismatch(type_name: str, value: Any) -> str:
    """Return why a value does not fit the type; empty if it does."""
    if type_name not in _TYPES or value is None:
        return ""
    if not isinstance(value, _TYPES[type_name]) or (isinstance(value, bool) and type_name != "Bool"):
        return f"the value is not a valid {type_name}"
    if type_name == "Int" and isinstance(value, int):
        return _too_large(value)
    if type_name == "Datetime":
        try:
            moments.parse(str(value))
        except ValueError as error:
            return str(error)
    return ""


def _too_large(number: int) -> str:
    """Return what is wrong with a number that is not a valid Int; empty if it is."""
    return "" if -(2**63) <= number < 2**63 else "the number is too large for an Int, a signed 64-bit integer"


def check_sizes(attributes: Mapping[str, Any]) -> Iterator[faults.Fault]:
    """Yield a fault for each limit that the attributes of a charter's runs, or those in defaults, exceed in total."""
    yield from _sizes(attributes, "a run", "no run would start")


def check_own_sizes(attributes: Mapping[str, Any]) -> Iterator[faults.Fault]:
    """Yield a fault for each limit that a schedule's own attributes exceed in total."""
    yield from _sizes(attributes, "a schedule", "the schedule could not be created")


def _sizes(attributes: Mapping[str, Any], whose: str, effect: str) -> Iterator[faults.Fault]:
    sizes = {name: json_values.size(_value(entry)) for name, entry in attributes.items()}
    for name, size in sizes.items():
        if size > _VALUE_SIZE:
            message = f"{name!r} is {size} bytes long as JSON, but the server accepts at most {_VALUE_SIZE}"
            yield faults.Fault(path=(name,), message=message, hint="shorten it")
    total = sum(size + len(name.encode(errors="surrogatepass")) + _OVERHEAD for name, size in sizes.items())
    if len(sizes) > _COUNT or total > _TOTAL_SIZE:
        message = (
            f"{len(sizes)} search attributes with a total of about {total:,} bytes, but {whose} can have at most "
            f"{_COUNT} with a total of {_TOTAL_SIZE:,} bytes: {effect}"
        )
        yield faults.Fault(message=message, hint="move attributes that you do not search by to the memo")


def _value(entry: Any) -> Any:
    """Return the value of an attribute; a spec may write it with its type."""
    return entry.get("value") if isinstance(entry, dict) else entry
