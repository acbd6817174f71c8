from __future__ import annotations

import textwrap

import pytest

from reconciler import errors
from reconciler.repospec import loader
from reconciler.schedule import declarations

SPEC = """\
governance:
  defaults:
    memo: {{team_key: platform}}
    not_secret: {defaults}
  schedules:
    - charter: Alpha
      cron: "0 * * * * # nightly"
      entrypoint: ALPHA
      input: {{scopeKey: default, rows: [{{key: a}}]}}
      retry_policy: {{non_retryable_errors: [B, A]}}
      not_secret: {alpha}
    - charter: BETA
      cron: "15 * * * *"
      entrypoint: BETA
      search_attributes: {{AuthKey: {{type: Text, value: x}}}}
      note: words
  environments:
    staging:
      defaults: {{not_secret: {staging}}}
      charters: {{ALPHA: {{input: {{stageKey: s}}, not_secret: {override}}}}}
"""


def spec(**lists: str) -> str:
    return SPEC.format(**{"defaults": "[]", "alpha": "[]", "staging": "[]", "override": "[]"} | lists)


def exempt(text: str, environment: str | None = None) -> list[tuple[str, ...]]:
    declaration = loader.parse(text, "spec.yaml", declarations.Choice(environment=environment))
    return [charter.schedule.not_secret for charter in declaration.charters]


def problems(text: str) -> list[str]:
    with pytest.raises(errors.InvalidSpecError) as caught:
        loader.parse(text, "spec.yaml")
    return caught.value.message.splitlines()


@pytest.mark.parametrize(
    "path",
    [
        *("input", "input.scopeKey", 'input["scopeKey"]', "input.rows[0].key", "memo.team_key", "cron"),
        *("workflow_id", "retry_policy.non_retryable_errors[1]", "entrypoint"),
        "input.stageKey",  # in an environment only
    ],
)
def test_a_charter_exempts_any_of_its_own_values(path: str) -> None:
    assert exempt(spec(alpha=f"['{path}']")) == [(path,), ()]


def test_the_key_is_inherited_and_replaced_like_every_other() -> None:
    text = spec(defaults="[memo.team_key]", alpha="null", staging="[memo]", override="[input.stageKey]")
    assert exempt(text) == [(), ("memo.team_key",)]
    assert exempt(text, "staging") == [("input.stageKey",), ("memo",)]


@pytest.mark.parametrize("path", ["note", "search_attributes.AuthKey.value", "input.scopeKey", "input.stageKey"])
def test_a_path_in_defaults_has_to_match_in_one_charter(path: str) -> None:
    assert exempt(spec(defaults=f"[{path}]"))[1] == (path,)


def test_a_path_that_matches_nothing_is_an_error_at_its_place_that_names_the_nearest() -> None:
    assert problems(spec(alpha="[input.scopeKey, input.scopekey]")) == [
        "spec.yaml:11:36: not_secret: 'input.scopekey' matches no value in charter 'Alpha'; "
        "did you mean 'input.scopeKey'?"
    ]
    assert problems(spec(defaults="[memo.zzz]")) == [
        "spec.yaml:4:18: not_secret: 'memo.zzz' matches no value in any charter; did you mean 'memo'?"
    ]
    assert problems(spec(staging="[memo.teamkey]", override="[input.scopeKey]")) == [
        "spec.yaml:19:31: not_secret: 'memo.teamkey' matches no value in any charter in environment 'staging'; "
        "did you mean 'memo.team_key'?",
        "spec.yaml:20:61: not_secret: 'input.scopeKey' matches no value in charter 'ALPHA' in environment 'staging'; "
        "did you mean 'input.stageKey'?",
    ]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("[input..x]", "not_secret: 'input..x' is not the path of a field; write it as plans do"),
        ("[input.rows[9]]", "matches no value in charter 'Alpha'"),
        ("[input.rows.key]", "matches no value in charter 'Alpha'"),
        ("[not_secret]", "matches no value in charter 'Alpha'"),
        ('["cron[0]"]', "is part of the schedule's times, which are shown as a whole; write 'cron'"),
        ("input.scopeKey", "'not_secret' must be a list, not text"),
        ("[1]", "must be text, not the number 1"),
        ('[""]', "is empty"),
    ],
)
def test_a_path_that_cannot_be_meant_is_an_error(value: str, says: str) -> None:
    (problem,) = problems(spec(alpha=value.replace("[input.rows[9]]", '["input.rows[9]"]')))
    assert problem.startswith("spec.yaml:11:")
    assert says in problem


def test_malformed_and_unknown_paths_are_reported_next_to_other_problems() -> None:
    lists = {"defaults": "[nowhere.x]", "alpha": "[input..x, input.y]", "staging": "[cron.x]", "override": "[memo..x]"}
    found = problems(spec(**lists).replace("charter: Alpha\n", "charter: Alpha\n      crn: 1\n"))
    assert [line.partition(": ")[2].partition(";")[0] for line in found] == [
        "not_secret: 'nowhere.x' matches no value in any charter",
        "unknown key 'crn' in charter 1",
        "not_secret: 'input..x' is not the path of a field",
        "not_secret: 'cron.x' is part of the schedule's times, which are shown as a whole",
        "not_secret: 'memo..x' is not the path of a field",
    ]


def test_a_spec_without_charters_may_have_a_default() -> None:
    text = "governance: {defaults: {not_secret: [input.scopeKey]}, schedules: []}"
    assert loader.parse(textwrap.dedent(text), "spec.yaml").charters == ()
