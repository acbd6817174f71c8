"""What goes wrong with a file: bytes that are lost, doubled or foreign, and values that nobody would write."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

Path: TypeAlias = tuple[Any, ...]

LARGEST = 3 * 512 * 1024  # bytes; half as much again as a spec may have

_TOKENS = (
    *(b"\x00", b"\x07", b"\x1b[31m", b"\x7f", b"\x85", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"),
    *(
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xae",
        b"\xf0\x9f\x92\xa9",
        b"\xef\xbf\xbf",
    ),
    *(b"\r", b"\r\n", b"\t", b"\n", b"\n\n", b" ", b"  ", b"\n---\n", b"\n...\n", b"\n%YAML 9.9\n", b"%", b"@", b"`"),
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b"[[[[[[[[",
        b",",
        b":",
        b": ",
        b"- ",
        b"? ",
        b"|",
        b">-",
        b"#",
        b" #",
        b"'",
        b'"',
        b"\\",
    ),
    *(b"&a ", b"*a ", b"&a *a", b"<<: ", b"<<: *first\n", b"!!binary ", b"!!set ", b"!!python/object:os.system ", b"!"),
    *(
        b"null",
        b"~",
        b"NaN",
        b".nan",
        b"-.inf",
        b"Infinity",
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"0x",
        b"0o8",
        b"-0",
        b"1_0",
    ),
    *(
        b"9" * 25,
        b"-" + b"9" * 400,
        b"9" * 5000,
        b"1" * 300 + b".5",
        b"\\ud800",
        b"\\u0000",
        b"\\x00",
        b"\\N",
        b'"\\/"',
    ),
)
_LONG = (
    *(b"[" * 2000, b"{a: " * 400, b'{"a":' * 3000, b"- " * 1500, b"? " * 400, b"a" * 70_000, b" " * 3000, b"\n" * 3000),
    *(b"#" * 5000, b"*a, " * 3000, b"&a [" * 150, b"x: 1\n" * 20, b"\n  x: 1" * 300, b"<<: {}\n" * 100, b"[]," * 5000),
)
_NUMBERS = (
    *(0, -1, 1, 5, 60, 366, 2**31, -(2**31), 2**53, 2**63 - 1, 2**63, -(2**63), 10**30, 10**400),
    *(0.0, -0.0, 0.1, 2.5, 1e-320, 1e300, -1e300, float("inf"), float("-inf"), float("nan")),
)
_TEXTS = (
    *("", " ", "\n", "\t", "\x00", "\x1b]0;x\x07", "\u2028", "\u202e", "\ufeff", "\ud800", "a\udfff", "💩", "ß", "İ"),
    *(
        "a" * 250,
        "ü" * 150,
        "a" * 20_000,
        "a b " * 5000,
        "line\n" * 2000,
        "`" * 300,
        "[" * 500,
        "9" * 5000,
        "[" + "9" * 5000 + "]",
    ),
    *(
        "null",
        "true",
        "no",
        "NaN",
        "1e400",
        "0x10",
        "<<",
        "*",
        "&a",
        "|",
        "=",
        "../../../etc/passwd",
        "%s %n {0}",
        "\\u0000",
    ),
)
_TIMES = (
    *(
        "* * * * *",
        "* * * * * * *",
        "*/1 * * * * * *",
        "0 0 30 2 *",
        "0 0 29 2 1 2100",
        "0 0 31 12 * 2100",
        "60 * * * *",
    ),
    *(
        "0 24 * * *",
        "1-7 * * * 1-7",
        "5-1 * * * *",
        "*/0 * * * *",
        "*/99999999999 * * * *",
        "1,,2 * * * *",
        "? * L * MON#2",
    ),
    *(
        "@every 1s",
        "@every 0s",
        "@every 292y",
        "@every 1h/2h",
        "@every -1h",
        "@every",
        "@every 1s/999ms",
        "@reboot",
        "@",
    ),
    *("0 0 * * * # \ud800", "0 0 * * *" + " " * 3000, " " * 3000 + "0 0 * * *", "0 0 * * " + "1," * 3000 + "1", "# x"),
    *(
        "TZ= 0 0 * * *",
        "TZ=Mars/Olympus 0 0 * * *",
        "CRON_TZ=UTC 0 0 * * *",
        "TZ=UTC",
        "TZ=" + "x" * 5000 + " 0 0 * * *",
    ),
    *("30 2 * * *", "30 1 * * *", "0 1-3 * * 0", "59 59 23 31 12 * 2099", "0 0 1 1 * 1999-2101", "\u0660 * * * *"),
)
_DURATIONS = (
    *(
        "0",
        "0s",
        "1ns",
        "999ms",
        "1s",
        "-1s",
        "1.5h",
        "106751d",
        "106752d",
        "9223372036854775807ns",
        "1e3s",
        "1y",
        "P1D",
    ),
    *(
        "9" * 30 + "s",
        "9" * 5000 + "s",
        "0." + "9" * 4000 + "s",
        "1s" * 3000,
        ".s",
        "s",
        "1",
        "inf",
        "1 h",
        "１s",
        "1µs",
        "+1s",
    ),
)
_MOMENTS = (
    *("2027-01-01T00:00:00Z", "2027-01-01T00:00:00", "2027-01-01", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"),
    *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59.999999+00:00", "2027-02-30T00:00:00Z"),
    *(
        "1969-12-31T23:59:59Z",
        "2100-12-31T23:59:59Z",
        "2101-01-01T00:00:00Z",
        "2027-01-01T24:00:00Z",
        "20270101T000000Z",
    ),
    *("2027-W01-1T00:00:00Z", "2027-01-01T00:00:00+99:99", "2027-01-01T00:00:00.1234567891Z", "now", "1800000000"),
)
_ZONES = (
    *(
        "Europe/Berlin",
        "UTC",
        "Etc/GMT+12",
        "Pacific/Apia",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "EST5EDT",
        "localtime",
    ),
    *(
        "Mars/Olympus",
        "europe/berlin",
        "Europe",
        "..",
        "/etc/passwd",
        "../UTC",
        "UTC\x00",
        "zone.tab",
        "a/" * 3000,
        "\ud800",
    ),
    *("CET-1CEST", "Etc/Unknown", "UTC (with its own data)", "posixrules", "tzdata.zi", "x" * 300),
)
_WORDS = (
    *(
        "Skip",
        "AllowAll",
        "(unknown)",
        "skip",
        "Text",
        "Datetime",
        "KeywordList",
        "Int",
        "resume",
        "keep",
        "create",
        "delete",
    ),
    *(
        "pause",
        "new",
        "same",
        "removed",
        "owned",
        "pruned",
        "acme:",
        "acme/app",
        "governance:",
        "sha256:" + "0" * 64,
        "1.0",
    ),
    *(
        "1.99",
        "2.0",
        "0-59",
        "0-9999",
        "9999-0/0",
        "59-0",
        "0-59/15",
        "7",
        "13",
        "9999",
        "AAAA",
        "AAA",
        "json/plain",
        "COMMUNITY",
    ),
)
_KEYS = (
    *(
        "",
        "a",
        "charter",
        "cron",
        "input",
        "__proto__",
        "__class__",
        "json",
        "encoding",
        "sha256",
        "token",
        "name",
        "value",
    ),
    *(
        "reconciler.owner",
        "temporalScheduleId",
        "a.b",
        "a[0]",
        "[" + "9" * 5000 + "]",
        "\ud800",
        "\x00",
        "<<",
        "x" * 5000,
        "null",
        "1",
    ),
    *("Chartr", "crn", "governanc", "schedule", "overlapp", "time_zone"),
)


def mangled(data: bytes, choose: random.Random, others: Sequence[bytes]) -> bytes:
    """Return the bytes with up to four accidents."""
    for _ in range(choose.choice((1, 1, 1, 2, 3, 4))):
        data = choose.choice(_ACCIDENTS)(data, choose, others)[:LARGEST]
    return data


def _span(data: bytes, choose: random.Random) -> tuple[int, int]:
    """Return a part of the data, small more often than large."""
    start = choose.randrange(len(data) + 1)
    return start, min(start + choose.choice((1, 2, 5, 20, 100, 1000, len(data))), len(data))


def _flipped(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, _end = _span(data, choose)
    byte = bytes([data[start] ^ (1 << choose.randrange(8))]) if start < len(data) else b""
    return data[:start] + byte + data[start + 1 :]


def _random_byte(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, _end = _span(data, choose)
    return data[:start] + bytes([choose.randrange(256)]) + data[start + 1 :]


def _deleted(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, choose)
    return data[:start] + data[end:]


def _truncated(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: choose.randrange(len(data) + 1)]


def _duplicated(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, choose)
    times = choose.choice((2, 2, 2, 3, 10, 100))
    return data[:start] + data[start:end] * times + data[end:]


def _line_duplicated(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    place = choose.randrange(len(lines))
    target = choose.randrange(len(lines) + 1)
    return b"".join([*lines[:target], lines[place], *lines[target:]])


def _line_moved(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    taken = lines.pop(choose.randrange(len(lines)))
    lines.insert(choose.randrange(len(lines) + 1), taken)
    return b"".join(lines)


def _indented(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    place = choose.randrange(len(lines))
    lines[place] = choose.choice((b"  ", b" ", b"\t", b"- ", b"# ")) + lines[place]
    return b"".join(lines)


def _spliced(data: bytes, choose: random.Random, others: Sequence[bytes]) -> bytes:
    other = choose.choice(others)
    start, end = _span(other, choose)
    here = choose.randrange(len(data) + 1)
    return data[:here] + other[start:end] + choose.choice((data[here:], b""))


def _with_token(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, choose)
    token = choose.choice(_LONG) if choose.random() < 0.05 else choose.choice(_TOKENS)
    return data[:start] + token + data[choose.choice((start, end)) :]


def _reencoded(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    text = data.decode(errors="replace")
    return text.encode(choose.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "cp037")), errors="replace")


def _whitespace_changed(data: bytes, choose: random.Random, _: Sequence[bytes]) -> bytes:
    old, new = choose.choice(((b"\n", b"\r\n"), (b"\n", b"\r"), (b"  ", b"\t"), (b" ", b"\xc2\xa0"), (b": ", b":")))
    return data.replace(old, new, choose.choice((-1, 1, 5)))


_ACCIDENTS: tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...] = (
    *(_flipped, _random_byte, _deleted, _truncated, _duplicated, _line_duplicated, _line_moved, _indented, _spliced),
    *(_with_token, _with_token, _with_token, _with_token, _reencoded, _whitespace_changed),
)


def twisted(value: Any, choose: random.Random, others: Sequence[Any]) -> Any:
    """Return the JSON-like value with up to four of its nodes replaced, lost, repeated or renamed."""
    root = [copy.deepcopy(value)]
    for _ in range(choose.choice((1, 1, 1, 2, 3, 4))):
        paths = list(_paths(root))[1:]
        path = choose.choice(paths)
        _twist(_at(root, path[:-1]), path[-1], choose, _at(root, choose.choice(paths)), others)
    return root[0]


def _twist(parent: Any, key: Any, choose: random.Random, elsewhere: Any, others: Sequence[Any]) -> None:
    """Change the node under a key of its parent; `elsewhere` is another node of the same document."""
    match choose.randrange(16):
        case 0:
            del parent[key]
            if not isinstance(parent, (list, dict)) or parent == []:
                parent.append(None)
        case 1 | 2 if isinstance(parent, dict):
            parent[choose.choice(_KEYS)] = parent.pop(key)
        case 3 if isinstance(parent, dict):
            parent[choose.choice(_KEYS)] = hostile(choose)
        case 4:
            parent[key] = copy.deepcopy(elsewhere)
        case 5:
            other = choose.choice(others)
            parent[key] = copy.deepcopy(_at(other, choose.choice(list(_paths(other)))))
        case 6 if isinstance(parent[key], list) and parent[key]:
            parent[key] = parent[key] * choose.choice((2, 3, 50))
        case 7:
            parent[key] = [parent[key]]
        case 8 if isinstance(parent[key], str):
            parent[key] = _text_changed(parent[key], choose)
        case _:
            parent[key] = hostile(choose)


def _text_changed(text: str, choose: random.Random) -> str:
    place = choose.randrange(len(text) + 1)
    return text[:place] + choose.choice((*_TEXTS, "0", "-", ",", "/")) + text[place + choose.choice((0, 0, 1, 5)) :]


def hostile(choose: random.Random, depth: int = 0) -> Any:
    """Return a value that its place was not made for."""
    groups = (_NUMBERS, _TEXTS, _TIMES, _DURATIONS, _MOMENTS, _ZONES, _WORDS, (None, True, False))
    match choose.randrange(12):
        case 0 if depth < 4:
            return [hostile(choose, depth + 1) for _ in range(choose.choice((0, 1, 2, 5)))]
        case 1 if depth < 4:
            return {choose.choice(_KEYS): hostile(choose, depth + 1) for _ in range(choose.choice((0, 1, 2, 5)))}
        case 2 if depth == 0:
            return _nested(choose)
        case _:
            return choose.choice(choose.choice(groups))


def _nested(choose: random.Random) -> Any:
    """Return a value as deep as the limits of some reader, or somewhat deeper."""
    value: Any = choose.choice((None, 1, "a", {}))
    wrap: Callable[[Any], Any] = choose.choice((lambda inner: [inner], lambda inner: {"a": inner}))
    for _ in range(choose.choice((30, 90, 97, 110, 125, 200, 300))):
        value = wrap(value)
    return value


def _paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the path of every node, the root's first; what is nested out of all reason is one node."""
    yield at
    if len(at) > 20:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*at, index))


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value
