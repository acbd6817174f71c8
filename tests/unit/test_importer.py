from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Collection, Iterator
from typing import Any

import pytest
import yaml
from temporalio.api.common.v1 import message_pb2 as common_pb2

from reconciler import errors
from reconciler.plan import build
from reconciler.repospec import importer, loader
from reconciler.schedule import declarations, encodings, model, ownership
from reconciler.temporal import payloads
from tests.unit import builders

SPEC = """\
# The work of this repository.
schema_version: "0.1.4"   # kept as it is
gates: {review: true}

governance:
  schedules:
    # The first one.
    - charter: COMMUNITY
      cron: "0 * * * *"       # hourly
      entrypoint: COMMUNITY
"""


def test_charters_are_added_below_the_others_and_every_comment_stays() -> None:
    imported = importer.add(SPEC, builders.PATH, [named("engineering"), named("community")])
    assert imported.text == SPEC + (
        '    - charter: ENGINEERING\n      cron: "0 * * * *"\n      entrypoint: COMMUNITY\n'
    )
    assert imported.added == ("ENGINEERING",)
    assert imported.skipped == ("governance:community is already declared",)


RENAMED = """\
temporal:
  prefix: 'reports:'
  schedules:
    - name: night
      was: nightly
      cron: "0 * * * *"
      entrypoint: night
"""


@pytest.mark.parametrize("ids", [("reports:nightly",), ("reports:nightly", "nightly")])
def test_a_schedule_that_a_charter_renames_is_already_declared(ids: tuple[str, ...]) -> None:
    found = [dataclasses.replace(builders.schedule("x"), id=id_) for id_ in (*ids, "reports:other")]
    imported = importer.add(RENAMED, "spec.yaml", found, named=ids)
    renames = {
        1: "reports:nightly is already declared: a charter renames it (was)",
        2: "2 schedules (nightly, reports:nightly) are already declared: charters rename them (was)",
    }
    assert (imported.added, imported.skipped, imported.refused) == (("OTHER",), (renames[len(ids)],), ())


def test_a_new_charter_does_not_get_the_former_name_of_another() -> None:
    live = dataclasses.replace(builders.schedule("x"), id="reports:Nightly")  # not the ID of a charter NIGHTLY
    assert importer.add(RENAMED, "spec.yaml", [live]).added == ("Nightly-2",)


def test_an_import_that_would_make_the_spec_invalid_reports_the_problem() -> None:
    text = RENAMED.replace("nightly", "staging:day")
    text = text.replace("'reports:'", "'${environment}:'\n  environments: {staging: {}, production: {}}")
    live = dataclasses.replace(builders.schedule("x"), id="production:day")
    with pytest.raises(errors.UsageError) as caught:
        importer.add(text, "spec.yaml", [live], declarations.Choice(environment="production"))
    assert "cannot replace 'staging:day', which environment 'staging' declares" in caught.value.message


@pytest.mark.parametrize(
    ("prefixes", "warning"),
    [
        (None, "no schedules match reports:*; pass another --prefix, or --id"),
        (("zzz:",), "no schedules match zzz:*; pass another --prefix, or --id"),
        (("",), "the namespace has no schedules; check --namespace and --address"),
    ],
)
def test_an_import_that_matches_nothing_warns(prefixes: ownership.Prefixes | None, warning: str) -> None:
    choice = declarations.Choice(prefixes=prefixes, owner="acme/app")
    assert importer.add(RENAMED, "spec.yaml", [], choice).warnings == (warning,)


@pytest.mark.parametrize("text", [None, '{"governance": {"schedules": []}}'])
def test_invisible_characters_are_written_as_escapes_and_read_back(text: str | None) -> None:
    note = 'é 中 \u202ea\u2066\u200b\xa0\x85\u2028\ufeff\\\U000e0041"💩'
    imported = importer.add(text, "spec.yaml", [builders.schedule("a", note=note, input={note: [note]})])
    assert imported.text.replace("\n", "").isprintable()
    assert ("\\u202E" in imported.text, "é 中 " in imported.text) == (True, True)
    schedule = loader.parse(imported.text, "spec.yaml").charters[0].schedule
    assert (schedule.note, imported.left_out) == (note, ())


def test_a_missing_spec_is_created() -> None:
    assert importer.add(None, builders.PATH, [builders.schedule("community", paused=True)]).text == (
        'governance:\n  schedules:\n    - charter: COMMUNITY\n      cron: "0 * * * *"\n'
        "      entrypoint: COMMUNITY\n      paused: true\n"
    )


def test_what_looks_like_a_reference_is_escaped_and_read_back() -> None:
    odd = builders.schedule("community", input={"run": "${HOME}/bin $${x} ${", "${key}": 1}, note="${id}")
    odd = dataclasses.replace(odd, id="${community}", action=dataclasses.replace(odd.action, workflow_id="${id}"))
    text = "governance:\n  vars: {q: other}\n  defaults: {task_queue: '${q}', note: 'of ${charter}'}\n  schedules: []\n"
    for start in (None, text):
        imported = importer.add(start, "spec.yaml", [odd])
        assert imported.left_out == ()
        assert "$${HOME}/bin $$${x} $${" in imported.text
        declaration = loader.parse(imported.text, "spec.yaml")
        live = builders.live(odd)
        assert build.plan(declaration, live, builders.TARGET).steps == ()
    flow = importer.add('{"governance": {"schedules": []}}', "spec.yaml", [odd])
    assert loader.parse(flow.text, "spec.yaml").charters[0].schedule.note == "${id}"


def test_an_import_knows_what_a_charter_inherits_by_its_name_and_its_id() -> None:
    text = "governance:\n  defaults: {note: '${charter} is ${id}'}\n  schedules: []\n"
    own = builders.schedule("community", note="COMMUNITY is governance:community")
    imported = importer.add(text, "spec.yaml", [own])
    assert "note:" not in imported.text.partition("schedules")[2]
    assert loader.parse(imported.text, "spec.yaml").charters[0].schedule.note == own.note


def test_an_import_reads_the_spec_with_the_variables_of_the_run() -> None:
    text = "governance:\n  vars: {q: null}\n  defaults: {task_queue: '${q}'}\n  schedules: []\n"
    variable = declarations.Variable(name="q", text="scheduler-tasks", source="--var q")
    imported = importer.add(text, "s", [builders.schedule()], declarations.Choice(variables=(variable,)))
    assert "task_queue" not in imported.text.partition("schedules")[2]
    with pytest.raises(errors.InvalidSpecError, match="variable 'q' has no value"):
        importer.add(text, "s", [builders.schedule()])


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ((), "args: []"),
        ((1, "two", None, {"a": [True]}), "args: [1, two, null, {a: [true]}]"),
        (({"encoding": "text/plain"},), "args: [{encoding: json/plain, data: {encoding: text/plain}}]"),
        (({"user": 12345678901234567890},), "args: [{user: 12345678901234567890}]"),
        ((2**64 - 1, 2**63, -(2**63)), "args: [18446744073709551615, 9223372036854775808, -9223372036854775808]"),
        (({"encoding": "gzip", "data": 1},), "args: [{encoding: json/plain, data: {encoding: gzip, data: 1}}]"),
        ((model.Message(message_type="", value={}),), '{encoding: json/protobuf, message_type: "", data: {}}'),
        ((encodings.opaque("binary/protobuf", b"x"),), '{encoding: binary/protobuf, message_type: "", base64: eA==}'),
        ((model.Message(message_type="acme.Order", value={"id": "7"}),), "message_type: acme.Order"),
        ((encodings.opaque("binary/plain", b"\0\1"),), "{encoding: binary/plain, base64: AAE=}"),
        ((encodings.opaque("binary/protobuf", b"x", {"messageType": b"a.B"}),), "encoding: binary/protobuf"),
        (builders.arguments("governance:other"), "temporalScheduleId: governance:other"),
    ],
)
def test_the_arguments_of_any_workflow_are_written_as_they_are(
    given: tuple[model.AnyArgument, ...], written: str
) -> None:
    live = builders.schedule("a", workflow="Nightly", arguments=given)
    imported = importer.add(None, builders.PATH, [live])
    assert (imported.left_out, steps(imported.text, live)) == ((), [])
    assert yaml.safe_load(written) in _parts(yaml.safe_load(imported.text)) or written in imported.text


def _parts(value: Any) -> Iterator[Any]:
    """Yield each part of a YAML document, and each key with its value."""
    yield value
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield {key: inner}
        yield from _parts(inner)
    for inner in value if isinstance(value, list) else ():
        yield from _parts(inner)


def test_what_only_a_codec_can_read_is_kept_and_never_written_as_text() -> None:
    secret = model.Opaque(encoding="binary/encrypted", sha256="a8590dfbc793" + "0" * 52, data=b"\x01")
    live = builders.schedule("a", memo={"m": secret, "team": "platform"}, summary=secret, arguments=(1, secret))
    imported = importer.add(None, builders.PATH, [live])
    assert "payload" not in imported.text
    (charter,) = yaml.safe_load(imported.text)["governance"]["schedules"]
    assert charter["memo"] == {"team": "platform", "m": None}
    assert charter["args"] == [1, None]
    assert sorted(charter["ignore"]) == ["args[1]", "memo.m", "static_summary"]
    assert imported.warnings == (
        *(f"governance:a: {without(path)}" for path in charter["ignore"]),
        "some payloads are encrypted, and only a codec can read them: pass --codec-endpoint",
    )
    assert (imported.left_out, steps(imported.text, live)) == ((), [])


def without(path: str) -> str:
    return (
        f"a repo-spec cannot express the value of {path}, so the path is listed under ignore, which preserves the live "
        f"value; a recreated schedule "
        f"{'passes null instead' if path.startswith('args') else 'lacks it'}"
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"user": 18446744073709551616, "amount": 5}',
        b"-9223372036854775809",
        b"1e400",
        rb'{"name": "\ud800"}',
        b"{not json",
        b"[" * 101 + b"]" * 101,
    ],
)
@pytest.mark.parametrize("encoding", ["json/plain", "json/protobuf"])
def test_an_argument_that_no_spec_can_express_is_named_and_never_replaced_unnoticed(data: bytes, encoding: str) -> None:
    payload = common_pb2.Payload(metadata={"encoding": encoding.encode()}, data=data)
    live = builders.schedule("a", workflow="Pay", arguments=("acct", payloads.read_argument(payload), 3))
    imported = importer.add(None, builders.PATH, [live])
    (charter,) = yaml.safe_load(imported.text)["governance"]["schedules"]
    assert (charter["args"], charter["ignore"]) == (["acct", None, 3], ["args[1]"])
    assert imported.warnings == (f"governance:a: {without('args[1]')}",)
    assert (imported.left_out, steps(imported.text, live)) == ((), [])


def test_times_that_never_come_are_left_out_and_the_others_stay() -> None:
    hourly = builders.schedule("a").timing.calendars[0]
    empty = dataclasses.replace(hourly, hour=(), comment="")
    imported = importer.add(None, builders.PATH, [builders.schedule("a", calendars=(hourly, empty), exclude=(empty,))])
    assert imported.added == ("A",)
    assert 'cron: "0 * * * *"' in imported.text


CANNOT = "this schedule cannot be expressed as a charter"
PAUSED = "the next apply will pause it"


@pytest.mark.parametrize(
    ("schedule_id", "name"),
    [
        ("governance:cap-00A1-poc", "cap-00A1-poc"),
        ("governance:Foo", "Foo"),
        ("other", "other"),
        ("Governance:a", "Governance-a"),
        ("governance:", "governance"),
        ("governance: a", "a"),
        ("governance:İ", "schedule"),
        ("governance:straße", "stra-e"),
        ("governance:_x", "x"),
        (f"governance:{'x' * 201}", "x" * 190),
    ],
)
def test_an_id_that_follows_from_no_name_is_declared(schedule_id: str, name: str) -> None:
    live = dataclasses.replace(builders.schedule("x"), id=schedule_id)
    imported = importer.add(None, builders.PATH, [live, named("b")])
    assert sorted(imported.added) == sorted([name, "B"])
    assert (imported.left_out, steps(imported.text, live, named("b"))) == ((), [])


def test_an_id_that_no_one_could_read_has_no_charter_and_the_reason_is_reported() -> None:
    live = dataclasses.replace(builders.schedule("x"), id="governance:a\n")
    (left_out,) = importer.add(None, builders.PATH, [live]).left_out
    assert left_out.startswith(f"governance:a\n: {CANNOT}: 'id' is 'governance:a\\n', which contains an invisible")


@pytest.mark.parametrize("name", ["no", "on", "null", "1e3", "0x1f", "007", "1", "-1", "2026-01-01", "a.b/c", "1:30"])
def test_an_id_that_looks_like_another_value_of_yaml_is_still_a_name(name: str) -> None:
    live = named(name) if name[0].isalnum() and ":" not in name else builders.schedule(name)
    imported = importer.add(None, builders.PATH, [live])
    assert [charter.schedule.id for charter in loader.parse(imported.text, builders.PATH).charters] == [live.id]


DEFAULTS = """\
governance:
  defaults:
    exclude: [{month: 12}]
    timezone: Europe/Berlin
    start_at: 2027-01-01T00:00:00Z
    end_at: 2028-01-01T00:00:00Z
    jitter: 1m
    overlap: AllowAll
    catchup_window: 1h
    pause_on_failure: true
    keep_original_workflow_id: true
    paused: true
    remaining_actions: 3
    note: ours
    input: {a: 1}
    workflow: Other
    workflow_id: other
    task_queue: other
    execution_timeout: 1h
    run_timeout: 1h
    task_timeout: 10s
    retry_policy: {maximum_attempts: 3}
    memo: {a: 1}
    search_attributes: {A: x}
    priority: {key: 1}
    static_summary: words
    static_details: words
"""


def steps(text: str, *live: model.Schedule, choice: declarations.Choice | None = None) -> list[tuple[str, list[str]]]:
    """Return what a plan would change."""
    plan = build.plan(loader.parse(text, builders.PATH, choice), builders.live(*live), builders.TARGET)
    return [(change.id, [each.path for each in change.fields]) for change in plan.steps]


def named(name: str, **changes: Any) -> model.Schedule:
    """Return a schedule whose workflow is told its own name."""
    found = builders.schedule(name, **changes)
    (argument,) = builders.arguments(found.id)
    assert isinstance(argument, dict)
    action = dataclasses.replace(found.action, arguments=({**argument, "charter": name.upper()},))
    return dataclasses.replace(found, action=action)


def test_a_charter_takes_back_each_default_that_the_schedule_does_not_have() -> None:
    imported = importer.add(DEFAULTS, builders.PATH, [named("a")])
    assert imported.left_out == ()
    assert steps(imported.text, named("a")) == []
    for messages in ("exclude: []", "start_at: null", "jitter: 0s", "pause_on_failure: false", "memo: {}", "input: {}"):
        assert f"\n      {messages}\n" in imported.text.replace(": \n", ": null\n").replace(":\n", ": null\n")


def test_inherited_values_are_not_repeated() -> None:
    text = "governance:\n  defaults: {jitter: 60s, catchup_window: 5s, timezone: Asia/Tokyo}\n"
    live = named("a", jitter=datetime.timedelta(minutes=1), timezone="Asia/Tokyo")
    assert importer.add(text, builders.PATH, [live]).text == text + (
        '  schedules:\n    - charter: A\n      cron: "0 * * * *"\n      entrypoint: COMMUNITY\n'
    )


def test_for_an_environment_a_charter_declares_what_is_live_there() -> None:
    text = "governance:\n  environments:\n    staging: {defaults: {task_queue: staging, jitter: 1m}, charters: {}}\n"
    choice = declarations.Choice(environment="staging")
    imported = importer.add(text, builders.PATH, [named("a", task_queue="staging")], choice)
    assert imported.text.endswith('      cron: "0 * * * *"\n      jitter: 0s\n      entrypoint: COMMUNITY\n')
    assert steps(imported.text, named("a", task_queue="staging"), choice=choice) == []
    with pytest.raises(errors.UsageError, match="no environment 'staging'"):
        importer.add(None, builders.PATH, [named("a")], choice)


def test_a_charter_omits_what_no_spec_can_express_and_the_plan_shows_just_that() -> None:
    nothing = model.Attribute(type=model.AttributeType.KEYWORD, value=None)
    team = model.Attribute(type=model.AttributeType.KEYWORD, value="platform")
    live = named("a", workflow_id="", search_attributes={"Empty": nothing, "Team": team}, task_queue="heavy")
    imported = importer.add(None, builders.PATH, [live])
    assert imported.added == ("A",)
    assert "Team: platform" in imported.text
    assert "task_queue: heavy" in imported.text
    assert "ignore: [workflow_id]" in imported.text or "ignore:\n        - workflow_id\n" in imported.text
    assert imported.left_out == ("governance:a: search_attributes.Empty cannot be expressed and would change",)
    assert steps(imported.text, live) == [("governance:a", ["search_attributes.Empty"])]


def test_odd_values_that_the_server_accepts_are_imported() -> None:
    live = named("a", remaining_actions=0, retry_policy=model.RetryPolicy(), summary="s" * 300)
    imported = importer.add(None, builders.PATH, [live])
    assert imported.left_out == ()
    assert "remaining_actions: 0\n" in imported.text
    assert steps(imported.text, live) == []


def test_a_schedule_without_times_is_reported_and_gets_no_charter() -> None:
    imported = importer.add(None, builders.PATH, [named("a", calendars=())])
    assert imported.added == ()
    assert imported.left_out == (f"governance:a: {CANNOT}: it has no times; {PAUSED}",)


def test_schedules_whose_ids_differ_only_in_case_have_a_charter_each() -> None:
    found = [named("Foo"), named("foo"), named("FOO")]
    imported = importer.add(None, builders.PATH, found)
    assert imported.added == ("FOO", "FOO-2", "Foo-3")
    assert (imported.left_out, steps(imported.text, *found)) == ((), [])


def test_what_belongs_to_another_owner_is_left_out_unless_it_is_named() -> None:
    theirs = named("a", owner="acme/other")
    choice = declarations.Choice(owner="acme/app")
    imported = importer.add(None, builders.PATH, [theirs], choice)
    assert imported.added == ()
    assert imported.skipped == (
        "governance:a is skipped because it belongs to acme/other; pass --owner acme/other if that is this repository, "
        "or --id governance:a to write a charter for it anyway",
    )
    taken = importer.add(None, builders.PATH, [theirs], choice, named=["governance:a"])
    assert taken.added == ("A",)
    assert taken.warnings == (
        "governance:a: belongs to acme/other: apply refuses this charter unless you pass --adopt to take it over",
    )


def test_what_is_skipped_is_reported_by_its_owner_however_many_schedules_there_are() -> None:
    declared = [named("community"), named("b1"), named("b2")]
    spec = importer.add(SPEC, builders.PATH, declared, declarations.Choice(owner="acme/app")).text
    theirs = [named(f"t{number:05}", owner="acme/other") for number in range(20_000)]
    one = named("x", owner="acme/third")
    imported = importer.add(spec, builders.PATH, [*declared, *theirs, one], declarations.Choice(owner="acme/app"))
    assert (imported.left_out, imported.warnings, imported.added) == ((), (), ())
    assert imported.skipped == (
        "3 schedules (governance:b1, governance:b2, governance:community) are already declared",
        "20,000 schedules (governance:t00000, governance:t00001, governance:t00002, …) are "
        "skipped because they belong to "
        "acme/other; pass --owner acme/other if that is this repository, or --id ID to write a charter for one anyway",
        "governance:x is skipped because it belongs to acme/third; pass --owner acme/third if that is this repository, "
        "or --id governance:x to write a charter for it anyway",
    )


def test_a_schedule_that_was_asked_for_and_cannot_have_a_charter_is_refused() -> None:
    timeless, fine = named("a", calendars=()), named("b")
    imported = importer.add(None, builders.PATH, [timeless, fine], named=[timeless.id, fine.id])
    assert (imported.added, imported.left_out) == (("B",), ())
    assert imported.refused == (f"governance:a: {CANNOT}: it has no times; {PAUSED}",)


def test_a_schedule_without_a_mark_is_imported_with_a_warning_that_it_gets_one() -> None:
    imported = importer.add(None, builders.PATH, [named("a"), named("b")], declarations.Choice(owner="acme/app"))
    assert (imported.left_out, imported.warnings) == (
        (),
        ("2 schedules have no owner's mark: the next apply will mark them as acme/app's",),
    )


def test_what_the_model_cannot_hold_is_reported() -> None:
    standup = dataclasses.replace(builders.calendar(), comment="standup")
    live = named("a", calendars=(standup,), exclude=(dataclasses.replace(builders.calendar("@daily"), comment="x"),))
    imported = importer.add(None, builders.PATH, [live], unexpressed={"governance:a": ["header cannot be said"]})
    assert imported.left_out == ()
    assert imported.warnings == (
        "governance:a: the calendar comment 'standup' cannot be expressed and will be lost when the times change",
        "governance:a: the calendar comment 'x' cannot be expressed and will be lost when the times change",
        "governance:a: header cannot be said",
    )


def test_a_secret_that_is_written_in_the_clear_is_reported_by_its_name() -> None:
    live = builders.schedule(
        "a",
        input={"model": "small", "auth": {"user": "x"}, "steps": [{"api_key": "hunter2"}]},
        memo={"db_password": "hunter3", "env": {"name": "TOKEN", "value": "hunter4"}},
        summary="see https://ada:hunter5@host/db",
        retry_policy=model.RetryPolicy(non_retryable_errors=("A", "password=hunter6")),
    )
    warnings = importer.add(None, builders.PATH, [live]).warnings
    assert {each.split()[1] for each in warnings if "in plain text" in each} == {
        *("args[0].input.auth", "args[0].input.steps[0].api_key", "memo.db_password", "memo.env.value"),
        *("static_summary", "retry_policy.non_retryable_errors[1]"),
    }
    assert "hunter" not in "".join(warnings)


@pytest.mark.parametrize(
    "other",
    ["twice: 1\ntwice: 2\n", "date: 2026-02-31\n", "a: {<<: 1}\n", "a: !!int abc\n", "a: &x 1\nb: &x 2\n", "a: !b c\n"],
)
def test_other_sections_are_unchanged(other: str) -> None:
    text = f"{other}governance: {{defaults: {{task_queue: heavy}}}}\n"
    imported = importer.add(text, builders.PATH, [named("a")])
    assert imported.text.startswith(other)
    assert imported.added == ("A",)


def imported_as(
    prefix: str, *ids: str, listed: Collection[str] = (), choice: declarations.Choice | None = None
) -> importer.Imported:
    text = SPEC.replace("governance:\n", f"governance:\n{prefix}")
    found = [dataclasses.replace(builders.schedule("x"), id=id_) for id_ in ids]
    return importer.add(text, "spec.yaml", found, choice, named=ids, listed=listed)


def prefix_line(imported: importer.Imported) -> list[str]:
    return [line for line in imported.text.splitlines() if "prefix" in line]


OWNED = declarations.Choice(owner="acme/app")


@pytest.mark.parametrize(
    ("prefix", "ids", "others", "line"),
    [
        ("", ("nightly",), (), '  prefix: ["governance:", "nightly"]'),
        ("", ("acme:a", "acme:b"), (), '  prefix: ["governance:", "acme:"]'),
        ("", ("acme:a",), ("acme:b",), '  prefix: ["governance:", "acme:a"]'),
        ("", ("acme:a", "x:b"), ("acme:a2", "governance:c"), '  prefix: ["governance:", ""]'),
        ("  prefix: 'governance:'  # ours\n", ("acme:a",), (), '  prefix: ["governance:", "acme:"]  # ours'),
        ('  prefix: ["governance:"]\n', ("acme:a",), (), '  prefix: ["governance:", "acme:"]'),
        ('  prefix: "governance:"\n', ("governance:a",), (), '  prefix: "governance:"'),
        ("", tuple(f"{number}:a" for number in range(20)), (), '  prefix: ["governance:", ""]'),
        ("", ("x" * 300,), (), f'  prefix: ["governance:", "{"x" * 200}"]'),
    ],
)
def test_an_import_adds_the_prefix_that_covers_an_id_and_nothing_else(
    prefix: str, ids: tuple[str, ...], others: tuple[str, ...], line: str
) -> None:
    imported = imported_as(prefix, *ids, listed=(*ids, *others), choice=OWNED)
    assert (prefix_line(imported), len(imported.added), imported.left_out) == ([line], len(ids), ())
    declaration = loader.parse(imported.text, "spec.yaml", OWNED)
    live = [dataclasses.replace(builders.schedule("x"), id=id_) for id_ in (*ids, *others)]
    target = dataclasses.replace(builders.TARGET, prefixes=declaration.prefixes, owner="acme/app")
    plan = build.plan(declaration, builders.live(*live), target)
    changed = {change.id: [each.path for each in change.fields] for change in plan.steps if change.live}
    assert changed == {id_: ["owner"] for id_ in ids} | {id_: ["paused"] for id_ in others if id_ == "governance:c"}


def test_a_prefix_that_refers_to_a_variable_stays_one() -> None:
    variables = "  vars: {team: governance}\n"
    choice = OWNED
    for prefix, line in (
        ("'${team}:'", '  prefix: ["${team}:", "acme:"]'),
        ("['${team}:']", "  prefix: ['${team}:', \"acme:\"]"),
    ):
        imported = imported_as(f"{variables}  prefix: {prefix}\n", "acme:a", choice=choice)
        assert prefix_line(imported) == [line]
    escaped = imported_as(variables, "${team}:a", choice=choice)
    assert prefix_line(escaped) == ['  prefix: ["governance:", "$${team}:"]']


def test_prefixes_in_a_list_of_lines_get_a_line_more() -> None:
    imported = imported_as("  prefix:\n    - 'governance:' # ours\n    # theirs\n", "acme:a")
    assert "  prefix:\n    - 'governance:' # ours\n    # theirs\n    - 'acme:'\n  schedules:\n" in imported.text


@pytest.mark.parametrize(
    ("text", "prefixes"),
    [
        ("{governance: {schedules: []}}\n", ("governance:", "acme:")),
        ("governance: {schedules: []}\n", ("governance:", "acme:")),
        ("governance: {}\n", ("governance:", "acme:")),
        ("a: 1\n", ("acme:",)),
        (None, ("acme:",)),
    ],
)
def test_braces_and_a_missing_section_get_the_prefix_too(text: str | None, prefixes: tuple[str, ...]) -> None:
    live = [dataclasses.replace(builders.schedule("x"), id="acme:a")]
    found = loader.parse(importer.add(text, "spec.yaml", live).text, "spec.yaml")
    assert (found.prefixes, [each.schedule.id for each in found.charters]) == (prefixes, ["acme:a"])


@pytest.mark.parametrize("path", [".cogni/repo-spec.yaml", "schedules.yaml"])
def test_a_new_section_covers_no_schedule_that_stays_undeclared(path: str) -> None:
    live = [dataclasses.replace(builders.schedule("x"), id="stranger")]
    others = ("governance:foo", "stranger", "team:a")
    found = loader.parse(importer.add(None, path, live, listed=others).text, path)
    assert [id_ for id_ in others if ownership.covers(found.prefixes, id_)] == ["stranger"]


def test_a_new_section_with_the_empty_prefix_names_its_owner() -> None:
    live = [dataclasses.replace(builders.schedule("x"), id="stranger")]
    imported = importer.add(None, "schedules.yaml", live, declarations.Choice(prefixes=("",), owner="acme/app"))
    found = loader.parse(imported.text, "schedules.yaml")
    assert (found.prefixes, found.owner) == (("",), "acme/app")


def test_without_an_owner_an_id_that_only_an_empty_prefix_fits_is_left_out() -> None:
    imported = imported_as("", "nightly", "acme:b", listed=("nightly", "nightly-2", "acme:b"))
    assert imported.refused == (
        "nightly: no prefix covers it, and any prefix that did would also cover other schedules, "
        "which the next apply would "
        "pause; import those schedules as well, or specify --owner so that the empty prefix can be added",
    )
    assert prefix_line(imported) == ['  prefix: ["governance:", "acme:"]']


def test_a_prefix_that_is_a_whole_id_is_pointed_out_unless_it_was_chosen() -> None:
    live = dataclasses.replace(builders.schedule(), id="nightly")
    imported = importer.add(None, "spec.yaml", [live])
    assert "prefix: nightly" in imported.text
    (warning,) = imported.warnings
    assert warning.startswith(
        "the prefix 'nightly' is the whole ID of a schedule, so it also covers every other ID that begins "
    )
    assert importer.add(imported.text, "spec.yaml", [live]).warnings == ()
    assert importer.add(None, "spec.yaml", [live], declarations.Choice(prefixes=("nightly",))).warnings == ()


def test_a_chosen_prefix_is_added_whatever_else_it_covers() -> None:
    choice = declarations.Choice(prefixes=("ac", "b"))
    imported = imported_as("", "acme:a", listed=("acme:a", "acme:b"), choice=choice)
    assert prefix_line(imported) == ['  prefix: ["governance:", "ac"]']


def test_an_import_of_everything_needs_an_owner() -> None:
    choice = declarations.Choice(prefixes=("",))
    with pytest.raises(errors.UsageError, match="has an empty prefix, so schedules are identified by"):
        importer.add(None, "spec.yaml", [named("a")], choice)
    owned = dataclasses.replace(choice, owner="acme/app")
    text = importer.add(None, "spec.yaml", [named("a"), builders.schedule("b")], owned).text
    assert text.startswith("temporal:\n  owner: acme/app\n  prefix: ''\n  schedules:\n")
    assert [each.schedule.id for each in loader.parse(text, "spec.yaml", OWNED).charters] == [
        *("governance:a", "governance:b")
    ]


def test_an_id_with_an_invisible_character_neither_adds_a_prefix_nor_keeps_others_out() -> None:
    found = [dataclasses.replace(builders.schedule("x"), id=id_) for id_ in ("acme:\x1f", "governance:a")]
    imported = importer.add(None, ".cogni/repo-spec.yaml", found, OWNED)
    assert (len(imported.added), prefix_line(imported)) == (1, [])
    assert imported.left_out == (f"acme:\x1f: {CANNOT}: its ID contains an invisible character; it is left unchanged",)


def test_what_no_charter_can_express_adds_no_prefix() -> None:
    live = dataclasses.replace(builders.schedule("x", calendars=()), id="acme:a")
    imported = importer.add(SPEC, "spec.yaml", [live], OWNED)
    assert (imported.text, imported.left_out) == (
        SPEC,
        (f"acme:a: {CANNOT}: it has no times; it is left unchanged",),
    )
