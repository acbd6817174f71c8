"""A spec for several environments: which are selected, and that no schedule belongs to two of them."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest

from reconciler import errors
from reconciler.repospec import environments, loader, problems
from reconciler.schedule import declarations

SPEC = """\
governance:
  prefix: "${environment}:"
  vars: {owner: acme/app, name: "${environment}:b"}
  owner: ${owner}
  schedules:
    - {charter: A, cron: "0 * * * *", entrypoint: A}
    - {charter: B, id: "${name}", cron: "0 * * * *", entrypoint: B}
  environments:
    staging: {}
    production: {}
"""


def load(
    tmp_path: pathlib.Path, text: str, *names: str, choice: declarations.Choice | None = None
) -> tuple[declarations.Declaration, ...]:
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    chosen = choice or declarations.Choice()
    if len(names) == 1 and names != (environments.ALL,):
        return (loader.load(path, dataclasses.replace(chosen, environment=names[0])),)
    return environments.load(path, chosen, names or ["*"])


def problem(tmp_path: pathlib.Path, text: str, *names: str) -> str:
    """Return the problems of a spec, without the folder."""
    with pytest.raises(problems.InvalidSpecError) as raised:
        load(tmp_path, text, *names)
    return raised.value.message.replace(f"{tmp_path}/", "")


def test_all_are_loaded_in_the_order_of_the_file_and_named_ones_in_theirs(tmp_path: pathlib.Path) -> None:
    found = load(tmp_path, SPEC)
    assert [(each.environment, each.prefixes) for each in found] == [
        ("staging", ("staging:",)),
        ("production", ("production:",)),
    ]
    named = load(tmp_path, SPEC, "production", "staging", "production")
    assert [each.environment for each in named] == ["production", "staging"]


def test_the_prefixes_of_the_other_environments_are_known(tmp_path: pathlib.Path) -> None:
    assert [each.elsewhere for each in load(tmp_path, SPEC)] == [("production:",), ("staging:",)]


def test_one_prefix_for_two_environments_is_refused_where_it_is_declared(tmp_path: pathlib.Path) -> None:
    assert problem(
        tmp_path, SPEC.replace('"${environment}:"', '"staging:"').replace("${environment}:b", "staging:b")
    ) == (
        "spec.yaml:2:11: environments 'staging' and 'production' both manage staging:*: each would pause or overwrite "
        "the other's schedules; declare a separate prefix for each environment in the section, "
        'such as prefix: "${environment}:"'
    )


def test_the_usual_prefix_of_all_is_refused_at_the_section(tmp_path: pathlib.Path) -> None:
    text = SPEC.replace('  prefix: "${environment}:"\n', "").replace("${environment}:b", "governance:b")
    assert problem(tmp_path, text).startswith("spec.yaml:2:3: environments 'staging' and 'production' both manage ")


def test_each_environment_is_compared_with_all_before_it(tmp_path: pathlib.Path) -> None:
    text = SPEC.replace("production: {}", "production: {}\n    'staging:eu': {}")
    assert "environments 'staging' and 'staging:eu' manage staging:* and staging:eu:*, which overlap" in problem(
        tmp_path, text
    )


@pytest.mark.parametrize("prefix", ['""', '["", "${environment}:"]'])
def test_an_empty_prefix_needs_an_owner_for_each(tmp_path: pathlib.Path, prefix: str) -> None:
    text = SPEC.replace('prefix: "${environment}:"', f"prefix: {prefix}")
    assert "both manage schedules with the owner's mark" in problem(tmp_path, text)
    owned = text.replace("staging: {}", "staging: {vars: {owner: acme/staging}}").replace(
        "charter: A", "charter: 'A-${environment}'"
    )
    assert len(load(tmp_path, owned)) == 2


def test_owners_do_not_keep_apart_what_has_no_mark_yet(tmp_path: pathlib.Path) -> None:
    text = SPEC.replace('"${environment}:"', '"x:"').replace("${environment}:b", "x:b")
    owned = text.replace("staging: {}", "staging: {vars: {owner: acme/staging}}")
    assert "both manage x:*" in problem(tmp_path, owned)


def test_an_id_of_two_environments_is_refused_at_each_declaration(tmp_path: pathlib.Path) -> None:
    text = SPEC.replace('prefix: "${environment}:"', 'prefix: ""').replace(
        "staging: {}", "staging: {vars: {owner: acme/staging, name: same}}"
    )
    text = text.replace("production: {}", "production: {vars: {name: same}}")
    assert problem(tmp_path, text).splitlines() == [
        "spec.yaml:6:7: environments 'staging' and 'production' both declare schedule 'a'; use a different ID in each, "
        'such as id: "${environment}:…"',
        "spec.yaml:7:24: environments 'staging' and 'production' both declare schedule 'same'; "
        "use a different ID in each, "
        'such as id: "${environment}:…"',
    ]


def test_a_disabled_environment_meets_no_other(tmp_path: pathlib.Path) -> None:
    text = SPEC.replace('"${environment}:"', '"x:"').replace("${environment}:b", "x:b")
    assert len(load(tmp_path, text.replace("staging: {}", "staging: {enabled: false}"))) == 2


def test_the_problems_of_all_environments_are_reported_at_once(tmp_path: pathlib.Path) -> None:
    text = (
        SPEC.replace('cron: "0 * * * *", entrypoint: A', "cron: '${cron}', entrypoint: A")
        .replace("vars: {owner", "vars: {cron: null, owner")
        .replace("staging: {}", "staging: {vars: {cron: '99 * * * *'}}")
    )
    found = problem(tmp_path, text)
    assert "'99' is not a valid minute" in found
    assert "variable 'cron'" in found


def test_a_file_that_is_invalid_is_reported_as_such(tmp_path: pathlib.Path) -> None:
    for text, message in (
        ("", "the file is empty"),
        ("[]", "is not an object"),
        ("governance: []", "must be an object"),
    ):
        assert message in problem(tmp_path, text)


@pytest.mark.parametrize("text", ["other: {}\n", SPEC.partition("  environments")[0].replace("${environment}", "x")])
def test_without_environments_none_can_be_selected(tmp_path: pathlib.Path, text: str) -> None:
    with pytest.raises(errors.UsageError, match="declares no environments"):
        load(tmp_path, text)


RENAMING = """\
governance:
  prefix: "${environment}:"
  owner: acme/was
  schedules:
    - {charter: alpha, cron: "0 * * * *", entrypoint: A}
    - {charter: beta, cron: "0 * * * *", entrypoint: B}
  environments:
    one: {}
    two: {charters: {beta: {was: "one:alpha"}}}
"""
STOLEN = (
    "spec.yaml:9:34: charter 'beta' of environment 'two' cannot replace 'one:alpha', which environment 'one' declares: "
    "each environment's apply would undo the other's; specify the ID that the charter had in its own environment, "
    "or remove 'was'"
)


@pytest.mark.parametrize("names", [("*",), ("two",), ("two", "one")])
def test_a_former_id_that_another_environment_declares_is_refused(
    tmp_path: pathlib.Path, names: tuple[str, ...]
) -> None:
    assert problem(tmp_path, RENAMING, *names) == STOLEN


def test_a_run_without_an_environment_leaves_the_schedules_of_the_environments_alone() -> None:
    text = RENAMING.replace('two: {charters: {beta: {was: "one:alpha"}}}', "two: {}").replace("${environment}", "${p}")
    text = text.replace("  owner", "  vars: {p: none}\n  owner").replace("one: {}", "one: {vars: {p: one}}")
    text = text.replace("two: {}", "two: {vars: {p: two}}").replace("charter: beta", 'charter: beta, was: "two:alpha"')
    with pytest.raises(problems.InvalidSpecError, match="'beta' cannot replace 'two:alpha', which environment 'two'"):
        loader.parse(text, "spec.yaml")


@pytest.mark.parametrize(
    ("edit", "to"),
    [
        ("one: {}", "one: {enabled: false}"),
        ('was: "one:alpha"', 'was: "two:gamma"'),
        ('was: "one:alpha"', "was: gamma"),
        ('was: "one:alpha"', "was: one/alpha"),
    ],
)
def test_other_former_names_are_accepted(tmp_path: pathlib.Path, edit: str, to: str) -> None:
    assert len(load(tmp_path, RENAMING.replace(edit, to))) == 2


def test_environments_with_one_prefix_are_on_different_servers_and_rename_one_after_the_other(
    tmp_path: pathlib.Path,
) -> None:
    text = RENAMING.replace('"${environment}:"', '"acme:"').replace('beta: {was: "one:alpha"', 'beta: {was: "acme:old"')
    text = text.replace("one: {}", 'one: {charters: {beta: {id: "acme:old"}}}')
    path = tmp_path / "spec.yaml"
    path.write_text(text)
    declared = loader.load(path, declarations.Choice(environment="two"))
    assert declared.charters[1].was == ("acme:old",)


def test_a_former_id_of_two_environments_is_refused_and_a_former_name_is_not(tmp_path: pathlib.Path) -> None:
    text = RENAMING.replace('was: "one:alpha"', "paused: false").replace(
        "charter: beta,", 'charter: beta, was: "ref:a",'
    )
    assert problem(tmp_path, text) == (
        "spec.yaml:6:28: environments 'one' and 'two' cannot both replace 'ref:a'; declare 'was' in only one "
        "environment, or specify a charter's name instead"
    )
    assert [each.charters[1].was for each in load(tmp_path, text.replace('"ref:a"', "old"))] == [
        ("one:old", "old"),
        ("two:old", "old"),
    ]
