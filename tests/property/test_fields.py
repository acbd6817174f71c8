"""The law of the table of fields, which every row keeps: also one that is added later, without a test of its own."""

from __future__ import annotations

import base64
import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from reconciler import errors
from reconciler.documents import schedules
from reconciler.plan import diff
from reconciler.repospec import importer, loader
from reconciler.schedule import arguments, faults, fields, kinds, model, places, records, redaction, rows
from reconciler.temporal import convert
from tests.property import strategies
from tools import generation

ID = "governance:a"
KEYS = {"charter": "A", "cron": "0 3 * * *", "entrypoint": "A"}
BARE = {"charter": "A", "cron": "0 3 * * *", "workflow_id": "a", "args": []}  # nothing in it follows from the id
ROWS = fields.ROWS
PLANTED = "ghp_0123456789abcdefghijABCDEFGHIJ012345"
REFERENCE = generation.REFERENCE.read_text(encoding="utf-8")

_texts = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
_durations = st.integers(1, 10**5).map(lambda seconds: f"{seconds}s")
_crons = st.builds("{} {} * * {}".format, st.integers(0, 59), st.integers(0, 23), st.integers(0, 6))
_json_texts = strategies.json_of(_texts, _texts)
ENCODED = st.one_of(
    st.builds(
        lambda kind, data: {"encoding": "json/protobuf", "message_type": kind, "data": data}, _texts, _json_texts
    ),
    st.binary(max_size=8).map(lambda data: {"encoding": "binary/plain", "base64": base64.b64encode(data).decode()}),
    st.builds(
        lambda kind, data: {
            "encoding": "binary/protobuf",
            "message_type": kind,
            "base64": base64.b64encode(data).decode(),
        },
        _texts,
        st.binary(max_size=8),
    ),
    _json_texts.map(lambda data: {"encoding": "json/plain", "data": {"encoding": "a/b", "data": data}}),
    _json_texts.map(lambda data: {"encoding": "json/plain", "data": {"encoding": "gzip", "data": data}}),
)
_calendars = st.fixed_dictionaries({"hour": st.integers(0, 23), "day_of_week": st.sampled_from(("mon", "tue-fri"))})
_intervals = st.builds(lambda hours: {"every": f"{hours}h", "offset": "15m"}, st.integers(1, 100))


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return what a spec can have under a key of this kind."""
    match kind:
        case kinds.Flag():
            return st.booleans()
        case kinds.Text():
            return _texts
        case kinds.Whole():
            return st.integers(kind.lowest, kind.highest)
        case kinds.Number():
            return st.sampled_from((1, 1.5, 2.0, 7.25))
        case kinds.Duration():
            return _durations
        case kinds.Moment():
            return st.integers(2000, 2100).map("{}-01-01T00:00:00Z".format)
        case kinds.Overlap() | kinds.Choice():
            return st.sampled_from(kind.declared()["enum"])
        case kinds.Texts():
            return st.lists(_texts, min_size=1, max_size=3, unique=True)
        case kinds.Payload():
            return _texts
        case _:
            return values_with_parts(kind)


def values_with_parts(kind: Any) -> st.SearchStrategy[Any]:
    """Return likewise values that have parts."""
    match kind:
        case kinds.Named():
            return st.dictionaries(_texts, values_of(kind.of), min_size=1, max_size=3)
        case records.Attribute():
            return st.one_of(_texts, st.integers(-100, 100), st.booleans(), st.lists(_texts, min_size=1, max_size=2))
        case records.Optional():
            return values_of(kind.of)
        case records.Versioning():
            return st.just("auto_upgrade") | st.fixed_dictionaries({"deployment": _texts, "build_id": _texts})
        case records.Record():
            parts = {part.name: values_of(part.kind) for part in kind.parts}
            return st.fixed_dictionaries({}, optional=parts).filter(bool)
        case records.Calendars():
            return st.lists(_calendars, min_size=1, max_size=2)
        case records.Intervals():
            return st.lists(_intervals, min_size=1, max_size=2)
        case _:
            raise AssertionError(f"no values for {kind}: add them here")


def values(row: rows.Row) -> st.SearchStrategy[Any]:
    """Return what a spec can have under the row's key."""
    match row:
        case rows.Crons():
            return st.one_of(_crons, st.lists(_crons, min_size=1, max_size=3, unique=True))
        case arguments.Named():
            return st.dictionaries(_texts, _json_texts, max_size=3) if row.key == "input" else _texts
        case arguments.Arguments():
            return st.lists(_json_texts | ENCODED, max_size=3)
        case rows.Identity():
            return _texts.map("governance:{}".format)
        case rows.Countdown():
            return st.integers(0, 100)
        case rows.Field(key="timezone"):
            return st.sampled_from(("UTC", "Europe/Berlin", "Asia/Tokyo"))
        case rows.Field(key="not_secret"):
            return st.just(["input"])
        case rows.Field(key="ignore"):
            return st.just(["input"])
        case rows.Field() | rows.Times():
            return values_of(row.kind).filter(lambda value: not any(row.check(value)))
        case _:
            raise AssertionError(f"no values for {row}: add them here")


def refused(kind: Any) -> list[Any]:
    """Return values of a kind that its schema accepts, and that no server takes."""
    match kind:
        case kinds.Text() if kind.longest:
            return ["ä" * kind.longest]
        case kinds.Duration():
            return ["-1s", "1 hour"]
        case kinds.Moment():
            return ["noon"]
        case kinds.Named():
            return [{"A": value} for value in refused(kind.of)]
        case records.Attribute():
            return [{"type": "Datetime", "value": "noon"}]
        case records.Optional():
            return refused(kind.of)
        case records.Record():
            return [{part.name: value} for part in kind.parts for value in refused(part.kind)]
        case records.Calendars():
            return [[{"hour": "25"}]]
        case records.Intervals():
            return [[{"every": "1ms"}]]
        case _:
            return []


def refuse_what_no_server_takes(row: rows.Row) -> None:
    """Assert that a spec with such a value under the row's key is invalid."""
    for value in ["61 * * * *"] if isinstance(row, rows.Crons) else refused(getattr(row, "kind", None)):
        with pytest.raises(errors.InvalidSpecError):
            loader.parse(json.dumps({"governance": {"schedules": [{**KEYS, row.key: value}]}}), "spec.json")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_row_refuses_what_no_server_accepts(row: rows.Row) -> None:
    refuse_what_no_server_takes(row)


def keep_the_law(row: rows.Row, value: Any) -> None:
    """Assert all that holds for a schedule in which this field alone has a value."""
    others = BARE if isinstance(row, arguments.Arguments | rows.Identity) else KEYS
    plain = fields.read(others, ID)
    declared = {**others, row.key: value}
    schedule = fields.read(declared, ID)
    shown = fields.keys(schedule)

    named = {path.partition(".")[0].partition("[")[0] for path in (each.path for each in diff.diff(plain, schedule))}
    assert named <= set(row.roots)
    assert bool(named) == (plain != dataclasses.replace(schedule, id=plain.id))  # which plans show by themselves

    from_words = {key: word for key, word in shown.items() if key in row.roots or key in KEYS}
    assert fields.read({**declared, **_as_keys(from_words)}, ID) == schedule

    hidden = fields.redacted(schedule)
    assert schedules.decode(json.loads(json.dumps(schedules.encode(schedule)))) == hidden

    assert convert.read(schedule.id, convert.make(schedule), convert.make_own(schedule)) == _on_server(schedule)
    proto, own = convert.make(plain), convert.make_own(plain)
    convert.edit(proto, schedule)
    convert.edit_own(own, schedule)
    assert convert.read(schedule.id, proto, own) == _on_server(schedule)

    text = json.dumps({"governance": {"schedules": [declared]}})
    [charter] = loader.parse(text, "spec.json").charters
    assert charter.schedule == schedule

    if row in fields.TABLE:  # what steers this tool is not a part of the schedule
        assert PLANTED not in str(fields.redacted(_with_secrets(row, schedule)))

    imported = importer.add(None, "spec.yaml", [schedule])
    assert imported.left_out == ()
    [charter] = loader.parse(imported.text, "spec.yaml").charters
    assert charter.schedule == schedule

    assert f"| `{row.key}` |" in REFERENCE


def _with_secrets(row: rows.Row, schedule: model.Schedule) -> model.Schedule:
    """Return the schedule with a secret in place of every text that the row has in it."""
    paths = row.encode(schedule)
    assert paths or isinstance(row, rows.Crons | arguments.Named), "a row that has no place"
    values = {path: _planted(functools.reduce(getattr, path, schedule)) for path in paths}
    return places.replaced(schedule, values)


def _planted(value: Any) -> Any:
    match value:
        case str():
            return PLANTED
        case dict():
            return {_planted(name): _planted(inner) for name, inner in value.items()}
        case list() | tuple():
            return type(value)(map(_planted, value))
        case model.Opaque():  # whose bytes are never shown
            return value
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            parts = {field.name: _planted(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return dataclasses.replace(value, **parts)
        case _:
            return value


def _as_keys(words: rows.Words) -> dict[str, Any]:
    """Return the words that are keys of a charter; a countdown is declared by where it starts."""
    return {key: word for key, word in words.items() if key in {row.key for row in ROWS}}


def _on_server(schedule: model.Schedule) -> model.Schedule:
    """Return what the server keeps: how values are shown is this tool's own."""
    attributes, memo = schedule.search_attributes or {}, schedule.memo or {}
    return dataclasses.replace(
        schedule, not_secret=(), ignore=(), manual_pauses="resume", memo=memo, search_attributes=attributes
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
def test_every_row_keeps_the_law(row: rows.Row) -> None:
    @hypothesis.settings(max_examples=8)
    @hypothesis.given(values(row))
    def keeps(value: Any) -> None:
        keep_the_law(row, value)

    keeps()


@pytest.mark.parametrize("row", diff.PAYLOADS, ids=lambda row: row.key)
def test_a_value_that_becomes_true_from_1_is_a_change_although_python_finds_them_equal(row: rows.Row) -> None:
    plain = fields.read(KEYS, ID)
    one, true = (
        places.replaced(plain, {path: _holding(value, path) for path in row.encode(plain)}) for value in (1, True)
    )
    assert one == true
    assert bool(diff.diff(one, true)) == bool(row.encode(plain))


def _holding(value: Any, path: places.Path) -> Any:
    """Return what the field at a path is with such a value in it."""
    match path[-1]:
        case "arguments":
            return ({"input": {"a": value}},)
        case "search_attributes":
            return {"A": model.Attribute(type=model.AttributeType.BOOL, value=value)}
        case "memo":
            return {"a": value}
        case _:
            return value


def test_every_row_makes_a_difference() -> None:
    """A row that is read nowhere would keep the law by doing nothing."""
    plain = fields.read(KEYS, ID)
    for row in fields.TABLE:
        example, *_ = row.declared()["examples"]
        keys = {key: value for key, value in KEYS.items() if key != "entrypoint" or row.key != fields.ARGUMENTS}
        assert fields.read({**keys, row.key: example}, ID) != plain, row.key


class _NotStored(rows.Field[Any]):
    """A row that forgets its value in documents."""

    def encode(self, schedule: model.Schedule) -> dict[places.Path, Any]:
        del schedule
        return {}


class _NotShown(rows.Field[Any]):
    """A row that plans do not show."""

    def words(self, schedule: model.Schedule, like: model.Schedule) -> rows.Words:
        del schedule, like
        return {}


class _NotRead(rows.Field[Any]):
    """A row whose key means nothing."""

    def read(self, keys: Any, draft: places.Draft) -> None:
        del keys
        draft[self.at.path] = self.default


class _NotRedacted(rows.Field[Any]):
    """A row that shows secrets."""

    def redact(self, schedule: model.Schedule, within: redaction.Redaction) -> dict[places.Path, Any]:
        del schedule, within
        return {}


class _NotChecked(rows.Field[Any]):
    """A row that accepts every value that has the right shape."""

    def check(self, value: Any) -> Iterator[faults.Fault]:
        del value
        yield from ()


BROKEN: dict[str, tuple[str, Callable[..., rows.Row]]] = {
    "not stored": ("pause_on_failure", _NotStored),
    "not shown": ("pause_on_failure", _NotShown),
    "not read": ("pause_on_failure", _NotRead),
    "not on the server": (
        "pause_on_failure",
        lambda **parts: rows.Field(**{**parts, "proto": "policies.keep_original_workflow_id"}),
    ),
    "a time at the place of another": ("start_at", lambda **parts: rows.Field(**{**parts, "proto": "spec.end_time"})),
    "values by name that are not on the server": ("memo", lambda **parts: rows.Field(**{**parts, "proto": ""})),
    "values of the schedule itself that are not on the server": (
        "schedule_memo",
        lambda **parts: rows.Field(**{**parts, "own": ""}),
    ),
    "parts that are not on the server": ("retry_policy", lambda **parts: rows.Field(**{**parts, "proto": ""})),
    "calendars that are not on the server": ("exclude", lambda **parts: rows.Field(**{**parts, "proto": ""})),
    "unknown to the schema": ("pause_on_failure", lambda **parts: rows.Field(**{**parts, "key": "pause_on_failures"})),
    "a text that is not redacted": ("workflow", _NotRedacted),
    "values by name that are not redacted": ("memo", _NotRedacted),
    "parts that are not redacted": ("priority", _NotRedacted),
    "calendars that are not redacted": ("exclude", _NotRedacted),
    "a text that is not checked": ("task_queue", _NotChecked),
    "a duration that is not checked": ("jitter", _NotChecked),
    "parts that are not checked": ("retry_policy", _NotChecked),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_an_incomplete_row_breaks_the_law(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key, break_row = BROKEN[broken]
    whole = next(row for row in fields.TABLE if row.key == key)
    assert isinstance(whole, rows.Field)
    parts = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    _whole_law(whole)
    row = break_row(**parts)
    table = tuple(row if each is whole else each for each in fields.TABLE)
    monkeypatch.setattr(fields, "TABLE", table)
    monkeypatch.setattr(fields, "ROWS", (fields.IDENTITY, *table, *fields.UNSHOWN, fields.FORMER))
    monkeypatch.setattr(convert, "_SINGLE", convert._single(table))
    monkeypatch.setattr(convert, "_OUTSIDE", convert._outside(table))
    with pytest.raises((AssertionError, KeyError, ValueError, pytest.fail.Exception)):
        _whole_law(row)


def _whole_law(row: rows.Row) -> None:
    example, *_ = row.declared()["examples"]
    value = {**example, "fairness_key": "a"} if row.key == "priority" else example
    assert fields.read({**KEYS, row.key: value}, ID) != fields.read(KEYS, ID)
    keep_the_law(row, value)
    refuse_what_no_server_takes(row)


def test_the_reference_is_where_the_readme_says() -> None:
    assert "docs/spec.md" in (pathlib.Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
