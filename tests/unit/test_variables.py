"""Variables of a repo-spec: their values, their references, and every mistake."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from reconciler import errors
from reconciler.plan import advice
from reconciler.repospec import loader
from reconciler.schedule import declarations

SPEC = """\
governance:
  vars:
    region: eu
    limit: 3
    half: 0.5
    flag: true
    names: [a, "${region}"]
    nested: {limit: "${limit}", text: "at most ${limit}", deep: ["${names}"]}
    queue: reports-${region}
  defaults:
    task_queue: ${queue}
    note: ${charter} is ${id}
  schedules:
    - charter: NIGHTLY
      cron: "0 2 * * *"
      args: [%s]
    - charter: WEEKLY-${region}
      id: governance:${charter}/${region}
      cron: "0 2 * * 1"
      args: []
  environments:
    staging:
      vars: {region: us, limit: 9}
      defaults: {note: "${environment}: ${id}"}
      charters:
        NIGHTLY: {workflow_id: "run-${id}", static_summary: "${charter} in ${region}"}
"""
EMPTY = """\
governance:
  vars: %s
  schedules:
    - {charter: A, cron: "0 * * * *", args: [%s]}
"""


def given(**texts: str) -> tuple[declarations.Variable, ...]:
    return tuple(declarations.Variable(name=name, text=text, source=f"--var {name}") for name, text in texts.items())


def load(text: str, environment: str | None = None, **texts: str) -> declarations.Declaration:
    choice = declarations.Choice(environment=environment, variables=given(**texts))
    return loader.parse(text, "spec.yaml", choice)


def first_argument(text: str, environment: str | None = None, **texts: str) -> Any:
    return load(text, environment, **texts).charters[0].schedule.action.arguments[0]


def problems(text: str, environment: str | None = None, **texts: str) -> list[str]:
    with pytest.raises(errors.InvalidSpecError) as caught:
        load(text, environment, **texts)
    return [line.removeprefix("spec.yaml:") for line in caught.value.message.splitlines()]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("'${region}'", "eu"),
        ("'${limit}'", 3),
        ("'${half}'", 0.5),
        ("'${flag}'", True),
        ("'${names}'", ["a", "eu"]),
        ("'${nested}'", {"limit": 3, "text": "at most 3", "deep": [["a", "eu"]]}),
        ("'in ${region}: ${limit}, ${half}, ${flag}'", "in eu: 3, 0.5, true"),
        ("'$${region} costs $5, ${region}'", "${region} costs $5, eu"),
        ("{'${region}': 1}", {"${region}": 1}),
        ("['${limit}', {a: '${limit}'}]", [3, {"a": 3}]),
        ("'${charter} ${id}'", "NIGHTLY governance:nightly"),
        ("|\n        a ${region}\n", "a eu\n"),
    ],
)
def test_a_reference_is_replaced_by_the_variables_value(written: str, value: object) -> None:
    argument = first_argument(SPEC % written if "\n" not in written else SPEC.replace("[%s]", "\n       - " + written))
    assert argument == value
    assert type(argument) is type(value)


def test_defaults_and_ids_are_those_of_each_charter() -> None:
    nightly, weekly = load(SPEC % 1).charters
    assert (nightly.schedule.id, weekly.schedule.id) == ("governance:nightly", "governance:WEEKLY-eu/eu")
    assert [each.schedule.note for each in (nightly, weekly)] == [
        "NIGHTLY is governance:nightly",
        "WEEKLY-eu is governance:WEEKLY-eu/eu",
    ]
    assert {each.schedule.action.task_queue for each in (nightly, weekly)} == {"reports-eu"}


def test_an_environment_has_values_of_its_own() -> None:
    nightly, weekly = load(SPEC % "'${limit}'", "staging").charters
    assert nightly.schedule.action.arguments == (9,)
    assert (nightly.schedule.note, weekly.schedule.note) == (
        "staging: governance:nightly",
        "staging: governance:WEEKLY-us/us",
    )
    assert nightly.schedule.action.workflow_id == "run-governance:nightly"
    assert nightly.schedule.action.summary == "NIGHTLY in us"
    assert nightly.schedule.action.task_queue == "reports-us"


def test_the_prefix_and_the_owner_may_refer_to_variables_and_ids_follow() -> None:
    text = (SPEC % "'${id}'").replace(
        "  defaults:\n", "  prefix: ['${region}-', 'governance:']\n  owner: acme/${region}\n  defaults:\n", 1
    )
    declaration = load(text, region="ap")
    assert (declaration.prefixes, declaration.owner) == (("ap-", "governance:"), "acme/ap")
    assert declaration.charters[0].schedule.action.arguments == ("ap-nightly",)


@pytest.mark.parametrize(
    ("declared", "text", "value"),
    [
        ("eu", "us", "us"),
        ("eu", "17", "17"),
        ("eu", '"quoted"', '"quoted"'),
        ("eu", "", ""),
        ("eu", "${region}", "${region}"),
        ("1", "2.5", 2.5),
        ("1", "1e3", 1000),
        ("true", "false", False),
        ("[a]", '["b", {"c": "${d}"}]', ["b", {"c": "${d}"}]),
        ("{a: 1}", "{}", {}),
        ("null", "us", "us"),
        ("null", "17", 17),
        ("null", "1.10", "1.10"),
        ("null", "007", "007"),
        ("null", "12e5", "12e5"),
        ("null", '"17"', "17"),
        ("null", "true", True),
        ("null", "NaN", "NaN"),
        ("null", "[1", "[1"),
        ("null", "[1]", [1]),
        ("null", str(2**64), str(2**64)),
        ("null", str(2**64 - 1), 2**64 - 1),
        ("null", '"\\ud800"', '"\\ud800"'),
        ("null", "[" * 2000, "[" * 2000),
    ],
)
def test_a_value_from_outside_has_the_kind_of_the_declared_one(declared: str, text: str, value: object) -> None:
    spec = EMPTY % (f"{{x: {declared}}}", "'${x}'")
    argument = first_argument(spec, x=text)
    assert argument == value
    assert type(argument) is type(value)


@pytest.mark.parametrize(
    ("declared", "text", "problem"),
    [
        ("1", "much", "2:10: --var x is not a number, unlike the declared value; pass a value of the same type"),
        ("{}", '{"much": 1, "much": 2}', "2:10: --var x contains an object with a duplicate key; remove one"),
        ("null", '[{"much": 1, "much": 2}]', "2:10: --var x contains an object with a duplicate key; remove one"),
        (
            "1",
            "true",
            "2:10: --var x is true or false, but the declared value is a number; pass a value of the same type",
        ),
        (
            "true",
            "1",
            "2:10: --var x is a number, but the declared value is true or false; pass a value of the same type",
        ),
        ("[]", "{}", "2:10: --var x is an object, but the declared value is a list; pass a value of the same type"),
        ("{}", "null", "2:10: --var x is null, but the declared value is an object; pass a value of the same type"),
        ("{}", "", "2:10: --var x is not an object, unlike the declared value; pass a value of the same type"),
    ],
)
def test_a_value_from_outside_of_another_kind_is_refused_and_not_shown(declared: str, text: str, problem: str) -> None:
    assert problems(EMPTY % (f"{{x: {declared}}}", "'${x}'"), x=text) == [problem]


def test_the_last_value_from_outside_takes_precedence_over_the_environment() -> None:
    variables = (
        declarations.Variable(name="region", text="one", source="RECONCILER_VAR_region", optional=True),
        declarations.Variable(name="region", text="two", source="--var region"),
    )
    choice = declarations.Choice(environment="staging", variables=variables)
    declaration = loader.parse(SPEC % "'${region}'", "spec.yaml", choice)
    assert declaration.charters[0].schedule.action.arguments == ("two",)
    assert declaration.variables == {"region": '"two"'}
    assert "two" not in repr(declaration.variables.keys()) + repr(choice)


def test_a_variable_that_the_spec_does_not_declare_is_refused_unless_it_is_optional() -> None:
    with pytest.raises(errors.UsageError) as caught:
        load(SPEC % 1, regoin="x")
    assert (caught.value.message, caught.value.hint) == (
        "--var regoin: the repo-spec declares no variable 'regoin'",
        "use a declared variable, such as 'region'",
    )
    for text in ("governance: {schedules: []}", "other: 1"):
        with pytest.raises(errors.UsageError, match="declares no variable 'x'"):
            load(text, x="1")
    optional = declarations.Variable(name="x", text="1", source="RECONCILER_VAR_x", optional=True)
    assert loader.parse(SPEC % 1, "s", declarations.Choice(variables=(optional,))).variables == {}


def test_null_requires_a_value_from_outside_or_from_the_environment() -> None:
    text = SPEC.replace("region: eu", "region: null") % 1
    assert problems(text) == [
        "3:5: variable 'region' has no value; pass --var region=VALUE, set RECONCILER_VAR_region, or declare a value"
    ]
    assert load(text, "staging").charters[1].schedule.id == "governance:WEEKLY-us/us"
    assert load(text, region="ap").charters[1].schedule.id == "governance:WEEKLY-ap/ap"
    emptied = SPEC.replace("{region: us", "{region: null") % 1
    assert load(emptied).charters[1].schedule.id == "governance:WEEKLY-eu/eu"
    assert problems(emptied, "staging") == [
        "23:14: variable 'region' has no value in environment 'staging'; pass --var region=VALUE, "
        "set RECONCILER_VAR_region, or declare a value"
    ]
    assert load(emptied, "staging", region="17").charters[1].schedule.id == "governance:WEEKLY-17/17"  # text, as eu is


def test_a_variable_of_another_environment_has_no_value() -> None:
    text = SPEC.replace("limit: 9}", "limit: 9, zone: Europe/Berlin}").replace(
        "    note: ${charter}", "    timezone: ${zone}\n    note: ${charter}"
    )
    assert load(text % 1, "staging").charters[0].schedule.timing.timezone == "Europe/Berlin"
    assert problems(text % 1) == [
        "24:36: variable 'zone' has no value without an environment; pass --var zone=VALUE, "
        "set RECONCILER_VAR_zone, or declare a value; or choose one with --environment, or all of them with "
        "--environment '*'"
    ]


@pytest.mark.parametrize(
    ("variables", "value", "problem"),
    [
        ("{}", "'a ${b}'", "4:49: unknown variable 'b'; declare it in vars; for a literal '${', write '$${'"),
        ("{region: 1}", "'${regoin}'", "4:47: unknown variable 'regoin'; did you mean 'region'? for a literal"),
        ("{}", "'${Id}'", "4:47: unknown variable 'Id'; did you mean 'id'?"),
        (
            "{}",
            "'${a:-b}'",
            "4:47: a '${' that does not begin a reference; write '${name}', where the name consists of letters",
        ),
        ("{a: '${b}', b: '${a}'}", "'${a}'", "2:25: variables refer to each other in a cycle: a → b → a"),
        ("{a: '${a}'}", "1", "2:14: variables refer to each other in a cycle: a → a; give one of them"),
        (
            "{a: [1]}",
            "'x ${a}'",
            "4:49: variable 'a' is a list, which cannot be part of a longer string; use the reference as",
        ),
        ("{a: {b: 1}}", "'x ${a}'", "4:49: variable 'a' is an object, which cannot be part of a longer string"),
        ("{a: '${id}'}", "'${a}'", "2:14: '${id}' has no value here; use it in the keys of charters"),
        ("{a: '${charter}'}", "1", "2:14: '${charter}' has no value here"),
        ("{id: 1}", "1", "2:10: variable 'id' is built in; choose a name other than charter, id, environment"),
        (
            "{a-b: 1}",
            "1",
            "2:10: 'vars' \"a-b\" must consist of letters, digits, and _, and must not begin with a digit",
        ),
        ("[a]", "1", "2:9: 'vars' must be an object, not a list"),
        ("{}", "'${environment}'", "4:47: '${environment}' has no value without an environment; choose one with"),
        ("{a: '${no}'}", "1", "2:14: unknown variable 'no'; declare it in vars"),
        ("{a: {b: ['${no}']}}", "1", "2:19: unknown variable 'no'"),
    ],
)
def test_a_mistake_in_a_reference_is_located_within_the_text(variables: str, value: str, problem: str) -> None:
    found = problems(EMPTY % (variables, value))
    assert [each for each in found if each.startswith(problem)] != [], found
    assert len(found) == 1


def test_null_from_outside_is_not_a_part_of_a_text() -> None:
    assert problems(EMPTY % ("{a: null}", "'x ${a}'"), a="null") == [
        "4:49: variable 'a' is null, which cannot be part of a longer string; use the reference as the entire value"
    ]
    assert first_argument(EMPTY % ("{a: null}", "['${a}']"), a="null") == [None]


def test_all_mistakes_are_reported_at_once_and_nothing_about_what_has_no_value() -> None:
    text = """\
governance:
  vars: {limit: ten}
  defaults: {overlap: "${overlop}", catchup_window: "${"}
  schedules:
    - {charter: "A${id}", cron: "${no}", entrypoint: E, remaining_actions: "${limit}"}
    - {charter: B, id: "${id}", cron: "0 25 * * *", entrypoint: E}
  environments:
    staging: {enabled: "${id}", charters: {B: {jitter: "${nothing}", crn: 1}}}
"""
    assert [each.partition(";")[0] for each in problems(text)] == [
        "3:24: unknown variable 'overlop'",
        "3:54: a '${' that does not begin a reference",
        "5:19: '${id}' has no value here",
        "5:34: unknown variable 'no'",
        "5:76: 'remaining_actions' must be an integer, not text",
        "6:25: '${id}' has no value here",
        "6:42: '25' is not a valid hour: use 0 to 23",
        "8:25: '${id}' has no value here",
        "8:57: unknown variable 'nothing'",
        "8:70: unknown key 'crn' in governance.environments.staging.charters.B",
    ]


@pytest.mark.parametrize("environment", [None, "staging"])
def test_values_are_checked_once_they_are_expanded(environment: str | None) -> None:
    text = (
        (SPEC % 1)
        .replace("region: us", "region: us, retries: {maximum_attempts: 0}")
        .replace('{note: "${environment}: ${id}"}', '{retry_policy: "${retries}", overlap: "${region}"}')
    )
    assert [each.partition(";")[0] for each in problems(text, environment)] == [
        "24:32: 'maximum_attempts' is 0, but must be at least 1 (in environment 'staging')",
        "24:55: 'overlap' is \"us\", not one of Skip, BufferOne, BufferAll, CancelOther, TerminateOther, "
        "AllowAll (in environment 'staging')",
    ]


def test_what_only_some_charters_may_inherit_is_checked_for_each() -> None:
    text = """\
governance:
  defaults: {overlap: "${charter}"}
  schedules:
    - {charter: Skip, cron: "0 * * * *", entrypoint: E}
    - {charter: Other, cron: "1 * * * *", entrypoint: E}
"""
    assert [each.partition(",")[0] for each in problems(text)] == ["2:23: 'overlap' is \"Other\""]
    assert load(text.replace("Other", "AllowAll")).charters[1].schedule.policies.overlap.name == "ALLOW_ALL"


def test_ignored_paths_may_be_different_for_each_charter() -> None:
    text = """\
governance:
  defaults: {memo: {"A": 1, "B": 2}, ignore: ["memo.${charter}"]}
  schedules:
    - {charter: A, cron: "0 * * * *", entrypoint: E}
    - {charter: B, cron: "1 * * * *", entrypoint: E}
"""
    assert [each.schedule.ignore for each in load(text).charters] == [("memo.A",), ("memo.B",)]


@pytest.mark.parametrize(
    ("first", "step", "problem"),
    [
        ("[lol]", '["${%s}", "${%s}", "${%s}"]', "more than 300000 values; make the variables smaller"),
        ("lol", '"${%s}${%s}${%s}"', "more than 4194304 characters; make the variables smaller"),
        ("[lol]", '["${%s}"]', "nested deeper than 100 levels; make the variables smaller"),
    ],
)
def test_variables_that_multiply_are_refused(first: str, step: str, problem: str) -> None:
    steps = [f"    v{n}: {step.replace('%s', f'v{n - 1}')}\n" for n in range(1, 200)]
    text = f"governance:\n  vars:\n    v0: {first}\n{''.join(steps)}  schedules: []\n"
    assert [each.partition(": ")[2] for each in problems(text)] == [f"{problem}, or use fewer references"]


def test_a_large_value_is_counted_each_time_that_it_is_referred_to() -> None:
    text = EMPTY % (f"{{a: {'x' * 100_000}}}", ", ".join(["'${a}'"] * 50))
    assert problems(text) == [
        "4:374: more than 4194304 characters; make the variables smaller, or use fewer references"
    ]


def test_a_long_chain_of_variables_ends_at_a_depth() -> None:
    steps = [f"    v{n}: '${{v{n + 1}}}'\n" for n in range(1000)]
    text = f"governance:\n  vars:\n{''.join(steps)}    v1000: 1\n  schedules: []\n"
    assert "variables refer to each other more than 100 levels deep" in problems(text)[0]


def test_other_tools_keys_and_structure_are_not_expanded() -> None:
    assert load("governance: {other: '${x}', schedules: []}\ntool: '${y}'\n").charters == ()
    for key in ("schedules", "defaults", "environments"):
        text = f"governance: {{vars: {{a: [1]}}, {key}: '${{a}}'}}"
        assert f"'{key}' must be" in problems(text)[0]


def test_unused_variables_are_pointed_out() -> None:
    text = (SPEC % 1).replace("    staging:", "    staging:\n      # a comment")
    declaration = load(text)
    now = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
    lines = advice.lines(each for each in advice.advise(declaration, now) if each.kind is advice.Kind.UNUSED)
    assert lines == tuple(
        f"spec.yaml:{line}:5: warning: nothing refers to variable '{name}'; remove it, or write ${{{name}}} where its "
        "value should appear"
        for line, name in ((5, "half"), (6, "flag"), (8, "nested"))
    )


def test_a_spec_without_references_declares_what_it_did() -> None:
    text = "governance: {schedules: [{charter: A, cron: '0 * * * *', args: ['$x', '{y}', '$$']}]}"
    (charter,) = loader.parse(text, "s").charters
    assert charter.schedule.action.arguments == ("$x", "{y}", "$$")


def test_a_reference_that_needs_quotes_is_pointed_out() -> None:
    text = EMPTY % ("{a: 1}", "x ${a}")
    assert problems(text)[0].endswith("; inside braces or brackets, quote a value that contains '${'")


def test_the_neutral_spelling_has_variables_too() -> None:
    text = """\
temporal:
  vars: {team: acme}
  prefix: "${team}:"
  defaults: {note: "${charter} of ${environment}", overlap: "${mode}"}
  schedules:
    - {name: "A-${team}", cron: "0 * * * *", entrypoint: E}
  environments:
    staging: {vars: {mode: AllowAll}}
    broken: {vars: {mode: all}}
"""
    (charter,) = load(text.replace("    broken: {vars: {mode: all}}\n", ""), "staging").charters
    assert (charter.schedule.id, charter.schedule.note) == ("acme:a-acme", "A-acme of staging")
    assert [each.partition(",")[0] for each in problems(text, "staging")] == ["4:61: 'overlap' is \"all\""]
