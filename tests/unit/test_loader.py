from __future__ import annotations

import datetime
import pathlib
import re
import textwrap

import pytest

from reconciler import errors, json_values, published
from reconciler.repospec import loader, nodes
from reconciler.schedule import declarations, model
from reconciler.timing import canonical, timings
from tests.unit import builders

COMMUNITY = """\
governance:
  schedules:
    - charter: COMMUNITY
      cron: "0 * * * *"
      entrypoint: COMMUNITY
"""


FIVE = ("minute", "hour", "day of month", "month", "day of week")


def declared(text: str) -> declarations.Declaration:
    return loader.parse(textwrap.dedent(text), "spec.yaml")


def problems(text: str) -> list[str]:
    """Return the lines of the error that a text causes."""
    with pytest.raises(errors.InvalidSpecError) as caught:
        declared(text)
    assert caught.value.exit_code == errors.ExitCode.INVALID_SPEC
    return caught.value.message.splitlines()


def with_line(line: str) -> str:
    """Return a charter with one more line, line 6."""
    return f"{COMMUNITY}      {line}\n"


def test_a_charter_asks_for_an_hourly_schedule_with_our_defaults() -> None:
    found = declared(COMMUNITY)
    assert found.charters == (
        declarations.Charter(
            name="COMMUNITY",
            place=declarations.Place(path="spec.yaml", line=3, column=7),
            schedule=builders.schedule("community"),
        ),
    )
    assert found.governed


def test_a_charter_can_express_everything() -> None:
    found = declared("""\
        governance:
          schedules:
            - charter: Research/Weekly
              cron: ["30 9 * * MON", "@every 6h/15m", "30 9 * * 1"]
              timezone: Europe/Berlin
              entrypoint: RESEARCH
              input: {model: large, retries: 3, ratio: 2.0, nested: {deep: [1, null, true]}}
              jitter: 1m30s
              overlap: BufferOne
              catchup_window: 1h
              pause_on_failure: true
              paused: true
              workflow: Other
              workflow_id: research
              task_queue: elsewhere
              calendars: [{hour: 9-17, day_of_week: mon-fri}, {second: [5, "10-12"], year: 2030}]
              intervals: [{every: 1d, offset: 2h}]
              exclude: [{month: 12, day_of_month: 24-26}]
              start_at: "2027-01-01T09:00:00+01:00"
              end_at: 2027-12-31T23:59:59.5Z
              keep_original_workflow_id: true
              remaining_actions: 10
              note: owned by us
              execution_timeout: 1d
              run_timeout: 1h
              task_timeout: 10s
              retry_policy:
                initial_interval: 10s
                backoff_coefficient: 2
                maximum_interval: 10m
                maximum_attempts: 5
                non_retryable_errors: [B, A, B]
              memo: {team: platform, levels: [1, 2]}
              search_attributes: {Team: platform, Size: 7, Ratio: 1.5, Open: true, Tags: [a, b], Words: &text
                {type: Text, value: w}}
              priority: {key: 1, fairness_key: tenant, fairness_weight: 2.5}
              static_summary: A summary
              static_details: Some *details*
        """)
    assert [each.schedule for each in found.charters] == [
        model.Schedule(
            id="governance:research/weekly",
            timing=timings.Timing(
                calendars=canonical.distinct(
                    builders.calendar(text) for text in ("30 9 * * MON", "0 9-17 * * MON-FRI", "5,10-12 0 0 * * * 2030")
                ),
                intervals=(builders.interval("@every 6h/15m"), builders.interval("@every 1d/2h")),
                exclude=(builders.calendar("* * * 24-26 12 * *"),),
                start_at=datetime.datetime(2027, 1, 1, 8, tzinfo=datetime.UTC),
                end_at=datetime.datetime(2027, 12, 31, 23, 59, 59, 500_000, tzinfo=datetime.UTC),
                jitter=datetime.timedelta(seconds=90),
                timezone="Europe/Berlin",
            ),
            action=model.Action(
                workflow="Other",
                task_queue="elsewhere",
                workflow_id="research",
                arguments=(
                    {
                        "temporalScheduleId": "governance:research/weekly",
                        "dbScheduleId": None,
                        "charter": "Research/Weekly",
                        "entrypoint": "RESEARCH",
                        "input": {"model": "large", "retries": 3, "ratio": 2, "nested": {"deep": [1, None, True]}},
                    },
                ),
                execution_timeout=datetime.timedelta(days=1),
                run_timeout=datetime.timedelta(hours=1),
                task_timeout=datetime.timedelta(seconds=10),
                retry_policy=model.RetryPolicy(
                    initial_interval=datetime.timedelta(seconds=10),
                    backoff_coefficient=2,
                    maximum_interval=datetime.timedelta(minutes=10),
                    maximum_attempts=5,
                    non_retryable_errors=("A", "B"),
                ),
                memo={"team": "platform", "levels": [1, 2]},
                search_attributes={
                    "Team": attribute("Keyword", "platform"),
                    "Size": attribute("Int", 7),
                    "Ratio": attribute("Double", 1.5),
                    "Open": attribute("Bool", True),
                    "Tags": attribute("KeywordList", ["a", "b"]),
                    "Words": attribute("Text", "w"),
                },
                priority=model.Priority(key=1, fairness_key="tenant", fairness_weight=2.5),
                summary="A summary",
                details="Some *details*",
            ),
            policies=model.Policies(
                overlap=model.Overlap.BUFFER_ONE,
                catchup_window=datetime.timedelta(hours=1),
                pause_on_failure=True,
                keep_original_workflow_id=True,
            ),
            paused=True,
            remaining_actions=10,
            counted_from=10,
            note="owned by us",
        )
    ]


def attribute(named: str, value: json_values.Json) -> model.Attribute:
    return model.Attribute(type=model.AttributeType(named), value=value)


def test_charters_inherit_the_defaults_and_their_own_keys_replace_these_whole() -> None:
    found = declared("""\
        governance:
          defaults: {timezone: Asia/Tokyo, task_queue: team, input: {model: small, budget: 1}}
          schedules:
            - {charter: A, cron: "0 * * * *", entrypoint: A}
            - {charter: B, cron: "0 * * * *", entrypoint: B, timezone: UTC, input: {model: large}}
        """)
    assert [
        (each.schedule.timing.timezone, each.schedule.action.task_queue, _input(each)) for each in found.charters
    ] == [("Asia/Tokyo", "team", {"model": "small", "budget": 1}), ("UTC", "team", {"model": "large"})]


def _input(charter: declarations.Charter) -> object:
    (argument,) = charter.schedule.action.arguments
    assert isinstance(argument, dict)
    return argument["input"]


@pytest.mark.parametrize("window", ["0s", "5s", "10s"])
def test_a_catchup_window_of_ten_seconds_or_less_is_ten_seconds(window: str) -> None:
    (charter,) = declared(with_line(f"catchup_window: {window}")).charters
    assert charter.schedule.policies.catchup_window == datetime.timedelta(seconds=10)


def test_a_time_zone_may_stand_in_the_cron() -> None:
    (charter,) = declared(COMMUNITY.replace('"0 *', '"TZ=Asia/Tokyo 0 *')).charters
    assert charter.schedule.timing == timings.Timing(calendars=(builders.calendar(),), timezone="Asia/Tokyo")


def test_ten_mistakes_give_ten_located_messages_in_the_order_of_the_file() -> None:
    found = problems("""\
        governance:
          defaults:
            task_que: scheduler-tasks
            jitter: soon
          schedule: []
          schedules:
            - charter: COMMUNITY
              cron: "0 25 * * *"
              entrypoint: two words
            - charter: Community
              cron: "0 * * * *"
              timezone: Europe/Berln
              entrypoint: COMMUNITY
              overlap: skip
            - charter: ENGINEERING
              cron: "15 * * * *"
              entrypoint: ENGINEERING
              jittr: 5s
              paused: yes
        """)
    assert found == [
        "spec.yaml:3:5: unknown key 'task_que' in governance.defaults; did you mean 'task_queue'?",
        "spec.yaml:4:13: 'jitter': 'soon' is not a valid duration: write a number and a unit, as in 10s, 15m, or 1h30m",
        "spec.yaml:5:3: unknown key 'schedule' in governance; did you mean 'schedules'?",
        "spec.yaml:8:16: '25' is not a valid hour: use 0 to 23",
        'spec.yaml:9:19: \'entrypoint\' "two words" must be one word, without spaces; for example "COMMUNITY"',
        "spec.yaml:10:16: charter 'Community' is declared twice (first on line 7; names are case-insensitive);"
        " rename or remove one of them",
        "spec.yaml:12:17: 'timezone': 'Europe/Berln' is not a valid time zone; did you mean 'Europe/Berlin'?",
        "spec.yaml:14:16: 'overlap' is \"skip\", not one of Skip, BufferOne, BufferAll, CancelOther, TerminateOther,"
        " AllowAll; did you mean 'Skip'?",
        "spec.yaml:18:7: unknown key 'jittr' in charter 3; did you mean 'jitter'?",
        "spec.yaml:19:15: 'paused' must be true or false, not text; write true, without quotes",
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("colour: red", "6:7: unknown key 'colour' in charter 1; valid keys: charter, id, cron, calendars, intervals"),
        ("input: [1]", "6:14: 'input' must be an object, not a list; for example"),
        ("calendars:", "6:17: 'calendars' must be a list, not nothing"),
        ("task_queue: 7", "6:19: 'task_queue' must be text, not the number 7; quote it"),
        ("task_queue: ''", "6:19: 'task_queue' is empty; for example"),
        (f"workflow: {'w' * 1001}", "6:17: 'workflow' is longer than 1000 characters; shorten it"),
        ("catchup_window: -5s", "6:23: 'catchup_window': '-5s' is negative; write 0s or more"),
        ("timezone: ../../etc/passwd", "6:17: 'timezone': '../../etc/passwd' is not a valid time zone; write"),
        ("timezone: Europe", "6:17: 'timezone': 'Europe' is not a valid time zone"),
        ("input: {n: .inf}", "6:18: .inf is not a JSON number; write a number, or quote it"),
        ("input: {n: 1e999}", "6:18: the number is too large; quote it to make it text"),
        ("input: {n: 18446744073709551616}", "6:18: the number is too large; quote it"),
        ("input: {n: -9223372036854775809}", "6:18: the number is too large; quote it"),
        ("search_attributes: {A: 9223372036854775808}", "6:30: 'A': the number is too large for an Int"),
        (f"input: {{n: 1{'0' * 40}}}", "6:18: the number is too large; quote it"),
        (f"input: {{n: 0x{'F' * 40}}}", "6:18: the number is too large; quote it"),
        ("input: !secret {a: 1}", "6:14: YAML tags are not supported here; write a plain value"),
        ("input: {1: a}", "6:15: key is not a string: 1; quote it"),
        ("input: {[a]: b}", "6:15: key is not a string: a list or an object; quote it"),
        (
            "input: {<<: {a: 1}}",
            "6:15: merge key '<<' is not supported; YAML 1.2 has no merge keys: put shared keys under defaults",
        ),
        ("calendars: [{hour: 9-25}]", "6:28: '25' is not a valid hour: use 0 to 23"),
        (
            "calendars: [{day_of_week: [mon, fribble]}]",
            "6:39: 'fribble' is not a valid day of week: use 0 to 7 or a name such as MON",
        ),
        ("calendars: [{hours: 9}]", "6:20: unknown key 'hours' in calendars[0] of charter 1; did you mean 'hour'?"),
        ("calendars: [{}]", "6:19: calendars[0] of charter 1 is empty; for example"),
        ("exclude: [{month: 13}]", "6:25: '13' is not a valid month: use 1 to 12"),
        ("intervals: [{every: 500ms}]", "6:27: the interval is shorter than a second; use at least 1s"),
        (
            "intervals: [{every: 1h, offset: 1h}]",
            "6:39: the offset must be less than the interval; use at least 0s and less than the",
        ),
        (
            "intervals: [{offset: 1h}]",
            "6:19: intervals[0] of charter 1 has no 'every'; add every: the interval, at least 1s",
        ),
        (
            "start_at: 2027-01-01",
            "6:17: 'start_at': '2027-01-01' is not a valid time: write a date, a time, and a UTC offset",
        ),
        ("end_at: 2027-02-30T00:00:00Z", "6:15: 'end_at': '2027-02-30T00:00:00Z' is not a valid time"),
        ("run_timeout: soon", "6:20: 'run_timeout': 'soon' is not a valid duration"),
        ("retry_policy: {initial_interval: -1s}", "6:40: 'initial_interval': '-1s' is negative"),
        (
            "retry_policy: {backoff_coefficient: 0.5}",
            "6:43: 'backoff_coefficient' is 0.5, but must be at least 1; for example 2",
        ),
        ("priority: {key: 9}", "6:23: 'key' is 9, but must be at most 5; for example 1"),
        ("remaining_actions: -1", "6:26: 'remaining_actions' is -1, but must be at least 0; for example 10"),
        ("memo: {reconciler.owner: me}", "6:14: 'memo' \"reconciler.owner\" has a name that begins with"),
        ("search_attributes: {A: {type: Int, value: x}}", "6:49: 'A': the value is not a valid Int"),
        ("search_attributes: {A: {type: Int, value: true}}", "6:49: 'A': the value is not a valid Int"),
        ("search_attributes: {A: {type: Datetime, value: now}}", "6:54: 'A': 'now' is not a valid time"),
        ("search_attributes: {A: {type: Date, value: x}}", "6:37: 'type' is \"Date\", not one of Text, Keyword"),
        (
            "search_attributes: {A: [1]}",
            "6:31: search_attributes.A[0] of charter 1 must be text, not the number 1; quote it",
        ),
        ("entrypoint: AGAIN", "6:7: duplicate key 'entrypoint' (first defined on line 5); remove one of them"),
        ("input: *nowhere", "6:14: the alias has no anchor before it; define it first"),
        ("input: &me {a: *me}", "6:22: the alias contains itself; write the value out"),
    ],
)
def test_a_mistake_in_a_charter_is_located_with_what_to_do(line: str, problem: str) -> None:
    (found,) = problems(with_line(line))
    assert found.startswith(f"spec.yaml:{problem}")


def test_an_entrypoint_cannot_change_the_path_of_a_url_wherever_it_is_defined() -> None:
    assert problems("""\
governance:
  schedules:
    - {charter: A, cron: "@daily", entrypoint: .}
  environments:
    preview: {charters: {A: {entrypoint: ..}}}
""") == [
        f"spec.yaml:{place}: 'entrypoint': '{name}' is not a valid entrypoint; choose another name"
        for place, name in (("3:48", "."), ("5:42", ".."))
    ]


def test_the_end_comes_after_the_start_whichever_is_inherited() -> None:
    assert problems("""\
governance:
  defaults: {start_at: "2028-01-01T00:00:00Z"}
  schedules:
    - {charter: A, cron: "@daily", entrypoint: A, end_at: "2027-01-01T00:00:00Z"}
""") == ["spec.yaml:4:59: end_at 2027-01-01T00:00:00Z is before start_at 2028-01-01T00:00:00Z; swap them"]


def test_what_a_charter_lacks_is_reported_with_what_it_is() -> None:
    assert problems("governance: {schedules: [{}]}") == [
        "spec.yaml:1:26: charter 1 has no 'charter'; add charter: the charter's name",
        "spec.yaml:1:26: charter 1 has no 'cron';"
        " add cron, calendars, or intervals: when to fire, in Temporal's cron grammar",
        "spec.yaml:1:26: charter 1 has no 'entrypoint';"
        " add entrypoint: the name of what the workflow runs; a single word;"
        " or add args, where [] calls a workflow without arguments",
    ]


@pytest.mark.parametrize(
    ("cron", "problem"),
    [
        ('"0 22-2 * * *"', "4:16: the hour range 22-2 ends before it starts; write 22-23,0-2 to wrap around"),
        ("0 99 * * *", "4:15: '99' is not a valid hour"),
        (
            '["0 * * * *", "0 0 ? * *"]',
            "4:32: '?' is not a valid day of month: use 1 to 31; Temporal does not support '?'",
        ),
        ('"\\u0030 99 * * *"', "4:21: '99' is not a valid hour"),
        ("[]", "4:13: 'cron' is empty; for example"),
        ("5", "4:13: 'cron' must be text or a list, not the number 5; for example"),
        ('["TZ=UTC 0 * * * *", "TZ=Asia/Tokyo 0 * * * *"]', "4:34: the cron has the time zone 'Asia/Tokyo', but"),
        ('"TZ=Mars/Base 0 * * * *"', "4:17: 'Mars/Base' is not a valid time zone"),
        (
            '"@every 1h/2h"',
            "4:14: the phase must be less than the interval; use at least 0s and less than the interval",
        ),
    ],
)
def test_a_mistake_in_a_cron_is_located_within_the_text_where_that_is_known(cron: str, problem: str) -> None:
    (found,) = problems(COMMUNITY.replace('"0 * * * *"', cron))
    assert found.startswith(f"spec.yaml:{problem}")


@pytest.mark.parametrize("name", ['"A\\n"', '"A B"', "-a", "Ä", '"a:b"'])
def test_a_charters_name_is_a_word_that_can_be_a_schedules_id(name: str) -> None:
    (found,) = problems(COMMUNITY.replace("charter: COMMUNITY", f"charter: {name}"))
    assert found.startswith("spec.yaml:3:16: 'charter' ")


def test_an_entrypoint_that_ends_in_a_newline_is_refused() -> None:
    (found,) = problems(COMMUNITY.replace("entrypoint: COMMUNITY", 'entrypoint: "RUN\\n"'))
    assert found.startswith("spec.yaml:5:19: 'entrypoint' \"RUN\\n\" must be one word")


@pytest.mark.parametrize("name", ["NO", "ON", "Yes", "off", "y", "1e", "0o9", "2024-01-01", "1_000"])
def test_words_that_older_yaml_takes_for_values_stay_text(name: str) -> None:
    (charter,) = declared(COMMUNITY.replace("COMMUNITY", name)).charters
    assert (charter.name, charter.schedule.id) == (name, f"governance:{name.lower()}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("'true'", "true"),
        ("!!str 12", "12"),
        ("012", 12),
        ("0o14", 12),
        ("0x0C", 12),
        ("1e3", 1000),
        ("2.50", 2.5),
        ("12:30:45", "12:30:45"),
        ("|-\n          two\n          lines", "two\nlines"),
    ],
)
def test_values_are_read_as_yaml_1_2(text: str, value: json_values.Json) -> None:
    (charter,) = declared(with_line(f"input:\n        value: {text}")).charters
    found = _input(charter)
    assert isinstance(found, dict)
    assert (type(found["value"]), found["value"]) == (type(value), value)


def test_aliases_work_within_reason() -> None:
    (charter,) = declared(with_line("input: {a: &a [1, 2], b: *a}")).charters
    assert _input(charter) == {"a": [1, 2], "b": [1, 2]}


def laughs() -> str:
    """Return nine levels, each of which names the one before nine times."""
    lines = ['x0: &x0 ["lol"]', *(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 10))]
    return "\n".join(lines) + "\n" + with_line("input: {bomb: *x9}")


def ladder() -> str:
    """Return anchors that nest far deeper together than any of them does."""
    rungs = (f"x{n}: &x{n} {'[' * 90}{f'*x{n - 1}' if n else ''}{']' * 90}" for n in range(14))
    return "\n".join(rungs) + "\n" + with_line("input: {deep: *x13}")


def copies() -> str:
    """Return a long text that is named very often."""
    return f"x: &x {'a' * 100_000}\n" + with_line(f"input: {{many: [{', '.join(['*x'] * 1000)}]}}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (laughs(), "more than 1000000 values; write the values out instead of using aliases"),
        (ladder(), "nested deeper than 100 levels; write the values out instead of using aliases"),
        (copies(), "more than 16777216 characters; write the values out instead of using aliases"),
    ],
    ids=["values", "levels", "characters"],
)
def test_what_aliases_multiply_without_bounds_is_refused(text: str, message: str) -> None:
    (found,) = problems(text)
    assert found.endswith(f": {message}")


def test_nesting_that_no_person_writes_is_refused_in_every_section() -> None:
    (found,) = problems(f"elsewhere: {'[' * 5000}{']' * 5000}\n{COMMUNITY}")
    assert found == "spec.yaml:1:111: nested deeper than 100 levels; flatten the value"


def test_sections_of_other_tools_are_left_alone_whatever_yaml_they_hold() -> None:
    odd = """\
        schema_version: "0.1.4"
        include: !include other.yaml
        secret: !vault |
          $ANSIBLE_VAULT;1.1
        base: &base {a: 1, a: 2, 7: seven, [x]: y, when: .nan}
        merged: {<<: *base, big: 99999999999999999999999999}
        schedules: not ours
        """
    assert declared(textwrap.dedent(odd) + COMMUNITY) == declared(_moved(COMMUNITY, lines=7))


def _moved(text: str, *, lines: int) -> str:
    return "\n" * lines + text


def test_other_keys_next_to_ours_within_governance_are_ignored() -> None:
    assert declared(COMMUNITY + "  ownership: {team: a}\n  approvers: [ada]\n") == declared(COMMUNITY)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty; add a temporal section with schedules"),
        ("# nothing but a comment\n", "1:1: the file is empty; add a temporal section with schedules"),
        ("- a\n- b\n", "1:1: the repo-spec is not an object; begin with 'temporal:'"),
        ("just text", "1:1: the repo-spec is not an object; begin with 'temporal:'"),
        ("Governence: {}\n", "1:1: unknown key 'Governence' in the repo-spec; did you mean 'governance'?"),
        ("governance: []\n", "1:13: 'governance' must be an object, not a list"),
        ("governance: {schedules: {}}\n", "1:25: 'schedules' must be a list, not an object"),
        ("governance: {schedules: [5]}\n", "1:26: charter 1 must be an object, not the number 5"),
        ("governance: {}\ngovernance: {}\n", "2:1: duplicate key 'governance' (first defined on line 1)"),
        ("a: 1\n---\nb: 2\n", "2:1: the file contains a second document; keep only one"),
        ("a: [1,\nb: 2\n", "3:1: not valid YAML: "),
        ("a:\n\t- 1\n", "2:1: not valid YAML: found character that cannot start any token; fix the syntax here"),
        ("é: ü\na: '\x07'\n", "2:5: YAML does not allow this character; remove control characters"),
    ],
)
def test_a_file_that_is_not_a_repo_spec_is_refused_with_its_position(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert found.startswith(f"spec.yaml:{problem}")


@pytest.mark.parametrize("text", ["other: 1\n", "governance:\n", "governance: ~\n"])
def test_a_spec_without_a_governance_section_declares_nothing_and_is_not_governed(text: str) -> None:
    assert declared(text) == declarations.Declaration(path="spec.yaml", charters=(), governed=False)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (
            "defaults: {cron: '@daily'}",
            "1:25: key 'cron' is not allowed in governance.defaults; declare it in each charter",
        ),
        (
            "defaults: {owner: acme}",
            "1:25: key 'owner' is not allowed in governance.defaults; declare it in the governance section",
        ),
        (
            "defaults: {nothing: 1}",
            "1:25: unknown key 'nothing' in governance.defaults; valid keys: exclude, timezone, ",
        ),
        (
            "environments: {staging: {timezone: UTC}}",
            "1:39: key 'timezone' is not allowed in governance.environments.staging; "
            "declare it in 'defaults' or 'charters' of the environment",
        ),
        (
            "environments: {staging: {cron: '@daily'}}",
            "1:39: key 'cron' is not allowed in governance.environments.staging; "
            "declare it in 'charters' of the environment",
        ),
        (
            "schedules: [{charter: A, cron: '@daily', entrypoint: A, prefix: p}]",
            "1:70: key 'prefix' is not allowed in charter 1; declare it in the governance section",
        ),
    ],
)
def test_a_key_that_is_valid_elsewhere_is_reported_with_where_it_belongs(keys: str, problem: str) -> None:
    (found,) = problems(f"governance: {{{keys}}}\n")
    assert found.startswith(f"spec.yaml:{problem}")


def test_an_empty_governance_section_is_one() -> None:
    assert declared("governance: {schedules: []}") == declarations.Declaration(
        path="spec.yaml", charters=(), governed=True
    )


def refusal(path: pathlib.Path) -> tuple[str, str]:
    with pytest.raises(errors.InvalidSpecError) as caught:
        loader.load(path)
    return caught.value.message, caught.value.hint


def test_a_file_is_read_with_its_path_in_every_place(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("\ufeff" + COMMUNITY.replace("\n", "\r\n"), encoding="utf-8")
    (charter,) = loader.load(path).charters
    assert (charter.schedule, str(charter.place)) == (builders.schedule(), f"{path}:3:7")


def test_a_missing_file_is_reported_with_a_hint(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "spec.yaml"
    assert refusal(path) == (
        f"{path}: no such file",
        "run from the repository root, or specify the file with --spec",
    )


def test_a_directory_is_reported_as_one(tmp_path: pathlib.Path) -> None:
    assert refusal(tmp_path) == (f"{tmp_path}: is a directory", "specify the file itself with --spec")


def test_a_file_under_a_file_cannot_be_read(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "spec.yaml"
    assert refusal(path) == (
        f"{path}: cannot be read: Not a directory",
        "specify a readable file, or - to read standard input",
    )


def test_text_that_is_not_utf_8_is_located(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    assert refusal(path) == (f"{path}:2:7: is not UTF-8", "save the file as UTF-8")


def test_a_file_of_16_mebibytes_is_read_and_one_byte_more_is_not(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "spec.yaml"
    filled = COMMUNITY + "#" * (16 * 1024 * 1024 - len(COMMUNITY))
    path.write_text(filled, encoding="utf-8")
    assert len(loader.load(path).charters) == 1
    path.write_text(filled + "#", encoding="utf-8")
    assert refusal(path) == (f"{path}: exceeds 16 MiB", "check the path, or shorten the file")


def test_a_file_with_too_many_keys_and_values_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "NODE_LIMIT", 6)
    with pytest.raises(
        errors.InvalidSpecError, match=r"^s\.yaml:1:20: more than 6 keys and values; declare fewer values in one"
    ):
        loader.parse("a: [1, 2, 3, 4, 5, 6]", "s.yaml")


ENVIRONMENTS = """\
governance:
  defaults: {timezone: UTC, task_queue: base}
  schedules:
    - {charter: A, cron: "0 * * * *", entrypoint: A, workflow: own}
    - {charter: B, cron: "0 * * * *", entrypoint: B}
  environments:
    staging:
      defaults: {task_queue: staging, workflow: inherited}
      charters:
        a: {cron: "5 * * * *"}
    preview: {enabled: false}
"""


def test_an_environment_replaces_defaults_and_single_keys_of_charters() -> None:
    found = loader.parse(ENVIRONMENTS, "spec.yaml", declarations.Choice(environment="staging"))
    a, b = (each.schedule for each in found.charters)
    assert (found.environment, found.enabled) == ("staging", True)
    assert (a.action.task_queue, a.action.workflow, a.timing.calendars) == (
        "staging",
        "own",
        (builders.calendar("5 * * * *"),),
    )
    assert (b.action.task_queue, b.action.workflow, b.timing.calendars) == (
        "staging",
        "inherited",
        (builders.calendar("0 * * * *"),),
    )
    assert [{key: str(place) for key, place in each.overrides.items()} for each in found.charters] == [
        {"task_queue": "spec.yaml:8:30", "cron": "spec.yaml:10:19"},
        {"task_queue": "spec.yaml:8:30", "workflow": "spec.yaml:8:49"},
    ]


def test_without_an_environment_none_has_a_say() -> None:
    a = loader.parse(ENVIRONMENTS, "spec.yaml").charters[0].schedule
    assert (a.action.task_queue, a.timing.calendars) == ("base", (builders.calendar("0 * * * *"),))


def test_an_environment_can_be_switched_off_and_must_be_declared() -> None:
    assert not loader.parse(ENVIRONMENTS, "spec.yaml", declarations.Choice(environment="preview")).enabled
    with pytest.raises(errors.UsageError, match="no environment 'prod'") as caught:
        loader.parse(ENVIRONMENTS, "spec.yaml", declarations.Choice(environment="prod"))
    assert caught.value.hint == "declared environments: staging, preview"


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ("{charters: {c: {paused: true}}}", "7:26: environment 'staging' changes charter 'c', which is not declared"),
        ("{charters: {a: {cron: 0 99 * * *}}}", "7:38: '99' is not a valid hour"),
        (
            "{charters: {a: {charter: b}}}",
            "7:30: key 'charter' is not allowed in governance.environments.staging.charters.a",
        ),
        ("{defaults: {jitter: soon}}", "7:34: 'jitter': 'soon' is not a valid duration"),
        ("{enable: false}", "7:15: unknown key 'enable' in governance.environments.staging; did you mean 'enabled'?"),
    ],
)
def test_a_mistake_in_an_environment_is_reported_whichever_is_chosen(environment: str, problem: str) -> None:
    base = ENVIRONMENTS[: ENVIRONMENTS.index("    staging")]
    (found,) = problems(f"{base}    staging: {environment}\n")
    assert found.startswith(f"spec.yaml:{problem}")


def test_keys_of_other_tools_are_not_judged() -> None:
    assert declared(f"1: one\n<<: {{a: b}}\n? [odd]\n: key\nx: 1\nx: 2\n{COMMUNITY}").charters
    assert problems(f"{COMMUNITY}governance: {{}}\n")[0].startswith("spec.yaml:6:1: duplicate key 'governance'")


LARGE = "x" * 450_000


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (
            "retry_policy: {initial_interval: 10s, maximum_interval: 1s}",
            "6:63: the maximum interval is shorter than the initial one: no run would start; make it at least as long",
        ),
        (
            "retry_policy: {maximum_interval: 500ms}",
            "6:40: the maximum interval is shorter than the initial one, which is 1s by default: no run would start; "
            "make it at least 1s, or add initial_interval: 0.5s",
        ),
        (
            "retry_policy: {initial_interval: 1068d}",
            "6:40: the maximum interval defaults to 100 times this one, which exceeds the 292 years that Temporal can "
            "store: no run would start; add maximum_interval",
        ),
        (
            'retry_policy: {non_retryable_errors: [A, "TemporalTimeout:StartToClsoe"]}',
            "6:48: 'TemporalTimeout:StartToClsoe' does not specify a valid timeout type: no run would start; "
            "did you mean 'TemporalTimeout:StartToClose'?",
        ),
        (
            f"priority: {{fairness_key: {'ü' * 33}}}",
            "6:32: 'fairness_key': it is 66 bytes long, but the server accepts at most 64; shorten it",
        ),
        (
            f"note: {'ü' * 250_001}",
            "6:13: 'note': it is 500002 bytes long, but the server accepts at most 500000; shorten it",
        ),
        (
            "execution_timeout: 36501d",
            "6:26: 'execution_timeout': '36501d' is too long: Temporal would shorten it to 36500d; "
            "write 36500d or less",
        ),
        (
            "run_timeout: 999ns",
            "6:20: 'run_timeout': '999ns' is shorter than 1us, the minimum duration; write 0s for none",
        ),
        (
            "task_queue: /_sys/mine",
            "6:19: 'task_queue': '/_sys/mine' is reserved for Temporal's own work; choose another name",
        ),
        ('workflow_id: "a\\0b"', "6:20: 'workflow_id' is 'a\\x00b', which contains an invisible character; "),
        (
            f"search_attributes: {{A: b, Team: {'x' * 2047}}}",
            "6:39: 'Team' is 2049 bytes long as JSON, but the server accepts at most 2048; shorten it",
        ),
        (
            f"search_attributes: {{{', '.join(f'A{number}: b' for number in range(99))}}}",
            "6:26: 99 search attributes with a total of about 6,920 bytes, but a run can have "
            "at most 98 with a total of 38,000 bytes: no run would start; "
            "move attributes that you do not search by to the memo",
        ),
        (
            "search_attributes: {TemporalScheduledById: x}",
            "6:50: 'TemporalScheduledById' is reserved: the server sets it on each run, or uses it to hide runs; ",
        ),
        (
            f"memo: {{a: &a {LARGE}, b: *a, c: *a, d: *a}}",
            "6:13: the schedule is 1,800,062 bytes, but Temporal accepts at most 1,800,000; "
            "keep large data elsewhere and pass a reference to it",
        ),
    ],
    ids=lambda given: given[:50],
)
def test_what_would_never_start_a_run_is_refused_at_its_place(messages: str, problem: str) -> None:
    (found,) = problems(with_line(messages))
    assert found.startswith(f"spec.yaml:{problem}")


@pytest.mark.parametrize("messages", ["maximum_interval: 500ms", "non_retryable_errors: ['TemporalTimeout:Nope']"])
def test_a_policy_without_retries_may_contain_what_the_server_ignores(messages: str) -> None:
    assert declared(with_line(f"retry_policy: {{maximum_attempts: 1, {messages}}}")).charters


def test_charter_defaults_and_environment_together_must_fit_into_one_schedule() -> None:
    defaults = f"{{memo: {{a: &a {LARGE}, b: *a}}}}"
    own, more = "input: {a: *a}", "{defaults: {static_details: *a}}"
    assert declared(in_staging(f"{CRON}, {own}", "{}", defaults)).charters
    (found,) = problems(in_staging(f"{CRON}, {own}", more, defaults))
    assert "the schedule is 1,800,039 bytes in environment 'staging'" in found
    (alone,) = problems(in_staging(CRON, "{}", defaults.replace("b: *a", "b: *a, c: *a, d: *a")))
    assert alone.startswith("spec.yaml:2:20: the schedule is 1,800,029 bytes")


CRON = 'cron: "@daily"'


@pytest.mark.parametrize("key", ["schemas: 1", "modules: []", "faults: {}"])
def test_other_tools_keys_next_to_ours_are_ignored(key: str) -> None:
    assert declared(f"{COMMUNITY}  {key}\nprovenance: {{}}\n").charters


def in_staging(charter: str, staging: str, defaults: str = "{}") -> str:
    """Return a spec of one charter A with the keys given in YAML's flow form, and an environment of the same form."""
    return (
        f"governance:\n  defaults: {defaults}\n  schedules:\n    - {{charter: A, entrypoint: A, {charter}}}\n"
        f"  environments:\n    staging: {staging}\n"
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            in_staging('cron: "TZ=Asia/Tokyo 0 6 * * *"', "{defaults: {timezone: Europe/Berlin}}"),
            "has the time zone 'Asia/Tokyo', but the charter's is 'Europe/Berlin' in environment 'staging'",
        ),
        (
            in_staging('cron: "0 6 * * *"', '{charters: {A: {cron: "TZ=Asia/Tokyo 0 6 * * *"}}}', "{timezone: UTC}"),
            "has the time zone 'Asia/Tokyo', but the charter's is 'UTC' in environment 'staging'",
        ),
        (
            in_staging(
                'cron: "0 6 * * *", start_at: 2028-01-01T00:00:00Z', "{defaults: {end_at: 2027-01-01T00:00:00Z}}"
            ),
            "end_at 2027-01-01T00:00:00Z is before start_at 2028-01-01T00:00:00Z in environment 'staging'",
        ),
        (
            in_staging('cron: "0 6 * * *"', "{charters: {a: {paused: true}, A: {paused: false}}}"),
            "environment 'staging' changes charter 'A' twice, first as 'a'",
        ),
    ],
)
def test_an_environments_keys_must_fit_the_inherited_ones(text: str, problem: str) -> None:
    (found,) = problems(text)
    assert problem in found


@pytest.mark.parametrize("crons", ['"TZ=Asia/Tokyo 0 6 * * *", "0 7 * * *"', '"0 7 * * *", "TZ=Asia/Tokyo 0 6 * * *"'])
def test_crons_must_name_the_same_time_zone_or_none(crons: str) -> None:
    for zone in ("", ", timezone: Asia/Tokyo"):
        (found,) = problems(in_staging(f"cron: [{crons}]{zone}", "{}"))
        assert "this cron has no time zone, but another one does" in found


def test_an_environments_times_replace_all_inherited_ones() -> None:
    text = in_staging("intervals: [{every: 6h}], calendars: [{hour: 9}]", '{charters: {a: {cron: "0 * * * *"}}}')
    (charter,) = loader.parse(text, "spec.yaml", declarations.Choice(environment="staging")).charters
    assert charter.schedule.timing.intervals == ()
    assert [each.comment for each in charter.schedule.timing.calendars] == ["0 * * * *"]
    assert set(charter.overrides) == {"cron"}


def test_null_takes_back_whatever_a_charter_inherits() -> None:
    """Every key of the defaults, said there and taken back: the charter is one of a file without defaults."""
    found = declared(
        """\
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
          schedules:
            - {charter: COMMUNITY, cron: "0 * * * *", entrypoint: COMMUNITY, NULLS}
        """.replace(
            "NULLS", ", ".join(f"{key}: null" for key in published.known_keys("repo-spec", "$defs", "defaults"))
        )
    )
    assert [each.schedule for each in found.charters] == [builders.schedule("community")]


def test_an_environment_resets_a_charters_key_with_null() -> None:
    text = f"""{COMMUNITY}      jitter: 1m
  environments:
    staging:
      charters:
        community: {{jitter: null}}
"""
    assert declared(text).charters[0].schedule.timing.jitter == datetime.timedelta(minutes=1)
    (charter,) = loader.parse(text, "spec.yaml", declarations.Choice(environment="staging")).charters
    assert charter.schedule == builders.schedule("community")
    assert str(charter.overrides["jitter"]) == "spec.yaml:10:29"


def test_odd_values_that_a_server_accepts_can_be_declared() -> None:
    (charter,) = declared(with_line("remaining_actions: 0\n      retry_policy: {}\n      exclude: []")).charters
    assert charter.schedule == builders.schedule(
        "community", remaining_actions=0, counted_from=0, retry_policy=model.RetryPolicy()
    )


@pytest.mark.parametrize(("key", "limit"), [("workflow_id", 979), ("workflow", 1000), ("task_queue", 1000)])
def test_a_name_is_as_long_as_the_server_takes_it_in_bytes(key: str, limit: int) -> None:
    """Measured on the server: a run's id ends in its time, 21 bytes of the 1000 that any name may have."""
    assert declared(with_line(f"{key}: {'é' * (limit // 2)}")).charters
    (found,) = problems(with_line(f"{key}: {'é' * (limit // 2)}ab"))
    assert found.endswith(f"bytes long, but the server accepts at most {limit}; shorten it")


def test_texts_for_people_may_be_as_long_as_the_server_takes_them() -> None:
    long = "😀" * 25_000
    for key in ("note", "static_summary", "static_details"):
        assert declared(with_line(f"{key}: {long}")).charters


@pytest.mark.parametrize("key", ["prefix", "owner"])
@pytest.mark.parametrize("value", ["n\\u0000:", "a\\u0000\\u001b[31m", "a\\nb", "a\\u202eb"])
def test_a_prefix_and_an_owner_contain_no_invisible_characters(key: str, value: str) -> None:
    (reported,) = problems(COMMUNITY.replace("governance:\n", f'governance:\n  {key}: "{value}"\n'))
    assert reported.startswith(f"spec.yaml:2:{len(key) + 5}: ")
    assert reported.isprintable()


@pytest.mark.parametrize(
    "messages",
    [
        'cron: "* * * * * * *", exclude: [{year: 2026-2100}]',
        "intervals: [{every: 1h}], exclude: [{year: 2027-2100}]",
        "intervals: [{every: 1h}], exclude: [{year: 2027-2100}], paused: true",
        "intervals: [{every: 1s}], exclude: [{month: 1-11}]",
        'cron: "* * * * *", exclude: [{month: 1-11}]',
        "calendars: [{day_of_month: 13, day_of_week: fri}], intervals: [{every: 1s}], exclude: [{day_of_week: [1, 2]}]",
        "calendars: [{hour: 9}], intervals: [{every: 61s}, {every: 67s}], exclude: [{year: 2040-2060}]",
    ],
)
def test_exclusions_that_a_server_would_search_through_for_long_are_refused_paused_or_not(messages: str) -> None:
    (found,) = problems(in_staging(messages, "{}"))
    assert re.search(r"charter 'A' excludes more than [0-9,]{6,} consecutive times; Temporal", found)
    assert "paused" not in found


@pytest.mark.parametrize(
    "messages",
    [
        "intervals: [{every: 86400s}], exclude: [{hour: 0}]",  # never fires, which the server finds out at once
        "intervals: [{every: 1d}], exclude: [{year: 2027-2100}]",
        "intervals: [{every: 1h}], exclude: [{year: 2027-2040}]",
        'cron: "* * * * *", exclude: [{month: 12}]',
        'cron: "* * * * * * *", exclude: [{hour: 1-23}]',
        'cron: "* * * * * * *", exclude: [{month: 1-11}], end_at: 2026-12-01T00:00:00Z, start_at: 2026-11-30T00:00:00Z',
        "intervals: [{every: 1s}], exclude: [{day_of_week: [1, 2]}]",
        "intervals: [{every: 86401s}, {every: 90007s}], exclude: [{day_of_week: 1}]",
    ],
)
def test_other_exclusions_are_accepted_even_if_no_times_remain(messages: str) -> None:
    assert declared(in_staging(messages, "{}")).charters


@pytest.mark.parametrize(
    ("cron", "messages"),
    [
        ('"99 99 99 99 99"', [(13 + 1 + 3 * n, name) for n, name in enumerate(FIVE)]),
        ('"TZ=Nowhere 99 * * 99 *"', [(17, "time zone"), (25, "minute"), (32, "month")]),
    ],
)
def test_all_errors_in_a_cron_are_reported_at_once(cron: str, messages: list[tuple[int, str]]) -> None:
    found = problems(COMMUNITY.replace('"0 * * * *"', cron))
    assert [int(line.split(":")[2]) for line in found] == [column for column, _ in messages]
    assert [line for line, (_, name) in zip(found, messages, strict=True) if name not in line] == []


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ("|\n        0 99 * * *", "5:11"),
        ("|-\n        # night\n        0 99 * * *", ""),
        (">\n        0\n        99 *\n        * *", "6:9"),
        ('"\\x30\\t99 * * *"', "4:20"),
        ('"0 \\\n        99 * * *"', "5:9"),
        ('"0\n        99 * * *"', "5:9"),
        ("'0 99 * * * # it''s'", "4:16"),
        ("0\n        99 * * *", "5:9"),
        ('&c "0 99 * * *"', "4:19"),
        ("&c !!str 0 99 * * *", "4:24"),
        ("&c\n        0 99 * * *", "5:11"),
        ("'# it''s 0 99 * * *'", ""),
    ],
)
def test_a_mistake_is_found_however_the_cron_is_written(written: str, place: str) -> None:
    (found,) = problems(COMMUNITY.replace('"0 * * * *"', written))
    if place:
        assert found.startswith(f"spec.yaml:{place}: '99' is not a valid hour")


def test_a_mistake_that_an_alias_repeats_is_reported_once_where_it_is_defined() -> None:
    found = problems("""\
        governance:
          schedules:
            - {charter: A, cron: &c "0 99 * * *", entrypoint: A}
            - {charter: B, cron: *c, entrypoint: B}
    """)
    assert [line.partition(" ")[0] for line in found] == ["spec.yaml:3:32:"]


@pytest.mark.parametrize("cron", ["''", "['']"])
def test_an_empty_cron_is_reported_once(cron: str) -> None:
    (found,) = problems(COMMUNITY.replace('"0 * * * *"', cron))
    assert "is empty" in found


@pytest.mark.parametrize("name", ["CEST", "BST", "PST", "EST5", "+02:00", "GMT+2", "UTC+1", "Etc/UTC+1", "Europe/"])
def test_no_time_zone_is_guessed_for_an_abbreviation_or_an_offset(name: str) -> None:
    (found,) = problems(with_line(f'timezone: "{name}"'))
    assert "write an IANA name with an area and a city, such as Europe/Berlin, or UTC" in found


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Z", "write UTC"),
        ("utc", "write UTC"),
        ("UTC ", "write UTC"),
        ("Berlin", "did you mean 'Europe/Berlin'?"),
        ("new york", "did you mean 'America/New_York'?"),
        ("Europe/Berln", "did you mean 'Europe/Berlin'?"),
        ("europe/berlin", "did you mean 'Europe/Berlin'?"),
        ("America/New York", "did you mean 'America/New_York'?"),
        ("US/Pacfic", "did you mean 'US/Pacific'?"),
        ("Local", "'Local' depends on the machine that resolves it"),
        ("localtime", "'localtime' depends on the machine that resolves it"),
        ("posixrules", "'posixrules' depends on the machine that resolves it"),
        ("Factory", "'Factory' depends on the machine that resolves it"),
        ("posix/Europe/Berlin", "'posix/Europe/Berlin' depends on the machine that resolves it"),
        ("right/Europe/Berlin", "'right/Europe/Berlin' depends on the machine that resolves it"),
    ],
)
def test_a_time_zone_that_cannot_be_used_is_refused_with_what_to_write(name: str, hint: str) -> None:
    (found,) = problems(with_line(f'timezone: "{name}"'))
    assert hint in found


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("cron: daily", "write @daily"),
        ("cron: '@Hourly'", "write @hourly"),
        ("cron: every 5m", "write @every with a duration, such as @every 5m"),
        ("cron: '@reboot'", "Temporal does not support @reboot"),
        ("cron: '@evry 5m'", "did you mean '@every'?"),
        ("cron: '@dayly'", "did you mean '@daily'?"),
        ("cron: '@every 90'", "add a unit, for example 90s"),
        ("catchup_window: '60'", "add a unit, for example 60s"),
        ("start_at: 2027-02-30T00:00:00Z", "this day, hour, or offset does not exist"),
        ("start_at: '2027-01-01T10:00:00+0200'", "write a date, a time, and a UTC offset"),
        ("tz: UTC", "did you mean 'timezone'?"),
        ("schedule: 0 9 * * *", "did you mean 'cron'?"),
        ("suspend: true", "did you mean 'paused'?"),
        ("enabled: false", "use 'paused' instead, with the opposite value"),
        ("intervals: [{every: 1h, phase: 5m}]", "did you mean 'offset'?"),
        ("retry_policy: {max_attempts: 3}", "did you mean 'maximum_attempts'?"),
    ],
)
def test_a_hint_considers_meaning_and_not_only_spelling(line: str, hint: str) -> None:
    lines = [each for each in COMMUNITY.splitlines() if not (line.startswith("cron") and "cron:" in each)]
    found = problems("\n".join([*lines, f"      {line}", ""]))
    assert any(hint in each for each in found)


@pytest.mark.parametrize(
    "line",
    [
        "timezone: ghp_zq9Xw7Vb2Kd4zq9Xw7Vb2Kd4",
        "timezone: 'redis://:zq9Xw7Vb2Kd4@host'",
        "catchup_window: 'PASSWORD=zq9Xw7Vb2Kd4'",
        "start_at: Bearer zq9Xw7Vb2Kd4",
        "overlap: ghp_zq9Xw7Vb2Kd4zq9Xw7Vb2Kd4",
        "ghp_zq9Xw7Vb2Kd4zq9Xw7Vb2Kd4: 1",
        "not_secret: ['redis://:zq9Xw7Vb2Kd4@host']",
        "input: {password: '' , 'PASSWORD=zq9Xw7Vb2Kd4': 1, 'PASSWORD=zq9Xw7Vb2Kd4': 2}",
        "input: {password: @zq9Xw7Vb2Kd4}",
        "input: {password: %zq9Xw7Vb2Kd4}",
        "input: {password: `zq9Xw7Vb2Kd4}",
        "input: {password: *zq9Xw7Vb2Kd4}",
        "input: {password: *zq9 Xw7Vb2Kd4}",
    ],
)
def test_no_problem_quotes_what_may_be_a_credential(line: str) -> None:
    found = problems(with_line(line))
    assert found
    assert [each for each in found if "Xw7Vb2Kd4" in each] == []


@pytest.mark.parametrize("value", ["*/5 * * * *", "@daily", "* * * * *", "@every 5m", "*/5,30 * * * *", "*5 * * * *"])
@pytest.mark.parametrize(
    "written",
    [
        "cron: {}",
        "'cron' : {} # a comment",
        "cron:\n        - {}",
        "cron:\n        {}",
        "cron: [{}]",
        "cron: [{}, @hourly]",
        "cron: ['0 1 * * *', {}]",
        "cron: ['0 1 * * *',\n        {},\n      ]",
    ],
)
def test_an_unquoted_cron_is_answered_with_the_quoted_one(value: str, written: str) -> None:
    key = written.format(value)
    (found,) = problems(f"governance:\n  schedules:\n    - charter: A\n      {key}\n      entrypoint: E\n")
    line = 4 + key.partition(value)[0].count("\n")
    assert found.startswith(f"spec.yaml:{line}:")
    assert found.endswith(f"quote the value: '{value}'")


@pytest.mark.parametrize("key", ["note: *other", "cron: &5 * * * *", "@me: x", "cron: *" + " " * 50_000 + "x"])
def test_a_hint_to_quote_is_given_only_for_unquoted_values(key: str) -> None:
    (found,) = problems(f"governance:\n  schedules:\n    - charter: A\n      {key}\n")
    assert "quote" not in found


@pytest.mark.parametrize(
    ("keys", "hint"),
    [
        ("catchup_window: 60", "add a unit, for example 60s"),
        ("retry_policy: {initial_interval: 5}", "add a unit, for example 5s"),
        ("start_at: 2030", 'for example "2027-01-01T00:00:00Z"'),
        ("timezone: 5", 'for example "Europe/Berlin"'),
        ("note: 7", "quote it"),
        ('paused: "yes"', "write true, without quotes"),
        ('pause_on_failure: "off"', "write false, without quotes"),
        ('remaining_actions: "3"', "write it without quotes"),
        ("exclude: {hour: 3}", "put it in a list: begin each entry with '- '"),
        ("exclude: 0 3 * * *", 'for example [{"month": 12, "day_of_month": "24-26"}]'),
        ("intervals: 3600", 'for example [{"every": "6h", "offset": "15m"}]'),
        ("retry_policy: {non_retryable_errors: Nope}", "put it in a list: begin each entry with '- '"),
        ("jitter: -5", 'for example "30s"'),
        ("jitter: true", 'for example "30s"'),
    ],
)
def test_the_hint_for_a_wrong_type_depends_on_the_key(keys: str, hint: str) -> None:
    (found,) = problems(with_line(keys))
    assert found.endswith(hint)


def test_two_zones_of_which_an_every_names_one_are_refused_for_the_right_reason() -> None:
    crons = '["TZ=Asia/Tokyo 0 1 * * *", "TZ=Europe/Berlin @every 5m"]'
    (found,) = problems(f"governance: {{schedules: [{{charter: A, cron: {crons}, entrypoint: E}}]}}")
    assert "Temporal ignores this cron's time zone, because the cron uses @every" in found


def test_json_with_escaped_pairs_of_surrogates_is_read_and_half_a_pair_is_refused() -> None:
    head = '{"governance": {"schedules": [{"charter": "A", "cron": "0 1 * * *", "entrypoint": "E", "note": '
    found = declared(head + r'"\ud83d\ude00 \\ud83d"}]}}')
    assert found.charters[0].schedule.note == "😀 \\ud83d"
    (problem,) = problems(head + r'"\ud83d"}]}}')
    assert "an unpaired surrogate" in problem


@pytest.mark.parametrize(
    ("keys", "at", "message"),
    [
        (
            "args: [1], entrypoint: A",
            "entrypoint",
            "'entrypoint' and 'args' cannot be combined: with args, the workflow receives only",
        ),
        ("args: [], input: {}", "input", "'input' and 'args' cannot be combined"),
        ("args: {a: 1}", "{a", "'args' must be a list"),
        ("args: [{encoding: binary/plian, base64: AA==}]", "binary", "unknown encoding 'binary/plian'; did you mean"),
        ("args: [{encoding: binary/plain}]", "{enc", "a binary/plain argument requires 'base64'; add base64"),
        ("args: [{encoding: binary/plain, base64: A}]", "A}", "'base64' is not valid base64"),
        ("args: [{encoding: json/protobuf, message_type: a, data: {}, type: a}]", "a}", "unknown key 'type' in a json"),
        ("args: [{encoding: json/protobuf, data: {}}]", "{enc", "a json/protobuf argument requires 'message_type'"),
        (
            "args: [{encoding: foo/5, data: {}}]",
            "foo",
            "unknown encoding 'foo/5'; known encodings: json/plain, json/protobuf, ",
        ),
        (
            "args: [{encoding: gzip, base64: AA==}]",
            "gzip",
            "unknown encoding 'gzip'; known encodings: json/plain, json/protob",
        ),
        (
            "args: [{encoding: json-plain, data: 1}]",
            "json-",
            "unknown encoding 'json-plain'; did you mean 'json/plain'",
        ),
        ("args: [1], ignore: [args]", "args]", "ignore: 'args' is a key that a charter must declare; specify a part"),
        ("args: [1], ignore: [cron]", "cron]", "ignore: 'cron' is a key that a charter must declare"),
        ("args: [{a: 1}], ignore: ['args[0].b']", "'args[", "ignore: 'args[0].b' matches no value in charter 'A'"),
        ("args: [1], ignore: [colour]", "colour", "ignore: 'colour' matches no value in charter 'A'"),
        ("args: [1], ignore: [memo.team]", "memo", "ignore: 'memo.team' matches no value in charter 'A'"),
        (
            "args: [], retry_policy: {non_retryable_errors: [B]}, ignore: ['retry_policy.non_retryable_errors[0]']",
            "'retry",
            "ignore: 'retry_policy.non_retryable_errors[0]' is part of an unordered list, which is",
        ),
        ("args: [1], ignore: ['args[0]', '']", "'']", "ignore[1] of charter 1 is empty"),
        ("args: [1], id: ''", "''", "'id' is empty"),
    ],
)
def test_what_is_wrong_with_arguments_and_paths_is_located(keys: str, at: str, message: str) -> None:
    line = f"    - {{charter: A, cron: '@daily', {keys}}}"
    (found,) = problems(f"governance:\n  schedules:\n{line}\n")
    assert found.startswith(f"spec.yaml:3:{line.rindex(at) + 1}: {message}")


def test_an_object_that_names_no_encoding_is_an_argument() -> None:
    text = "governance: {schedules: [{charter: A, cron: '@daily', args: [%s]}]}"
    written = "{encoding: utf-8}, {encoding: 1, data: 2}, {encoding: gzip, data: 1, level: 9}, {encoding: x, type: y}"
    (charter,) = loader.parse(text % written, "spec.yaml").charters
    assert charter.schedule.action.arguments == (
        {"encoding": "utf-8"},
        {"encoding": 1, "data": 2},
        {"encoding": "gzip", "data": 1, "level": 9},
        {"encoding": "x", "type": "y"},
    )


def test_arguments_of_a_charter_replace_what_it_inherits_of_the_built_in_object() -> None:
    text = "governance: {defaults: {input: {a: 1}}, schedules: [{charter: A, cron: '@daily', args: [7]}]}"
    (charter,) = loader.parse(text, "spec.yaml").charters
    assert charter.schedule.action.arguments == (7,)


def test_two_charters_with_one_id_are_refused() -> None:
    text = (
        "governance:\n  schedules:\n    - {charter: A, cron: '@daily', args: []}\n"
        "    - {charter: B, id: governance:a, cron: '@daily', args: []}\n"
    )
    assert problems(text) == [
        "spec.yaml:4:24: charters 'A' and 'B' have the same ID, 'governance:a' (first on line 3); change one of them"
    ]


@pytest.mark.parametrize(
    ("written", "prefixes"),
    [
        ("'acme:'", ("acme:",)),
        ('["acme:"]', ("acme:",)),
        ('["acme:", "acme:b:", "acme:"]', ("acme:", "acme:b:")),
        ("[]", ("",)),
        ('""', ("",)),
        ('["acme:", ""]', ("acme:", "")),
    ],
)
def test_a_prefix_is_a_text_or_a_list_whose_first_names_charters(written: str, prefixes: tuple[str, ...]) -> None:
    found = declared(COMMUNITY.replace("governance:\n", f"governance:\n  owner: acme/app\n  prefix: {written}\n"))
    assert found.prefixes == prefixes
    assert [charter.schedule.id for charter in found.charters] == [f"{prefixes[0]}community"]


@pytest.mark.parametrize(
    ("prefix", "id_", "hint"),
    [
        ('"governance:"', "nightly-report", '["governance:", "nightly-report"]'),
        ('["a:", "b:"]', "acme:x:nightly", '["a:", "b:", "acme:x:"]'),
        ('["a:", "b:"]', "A:nightly", '["a:", "b:", "A:"]'),
    ],
)
def test_an_id_that_no_prefix_covers_is_an_error_that_names_one_which_does(prefix: str, id_: str, hint: str) -> None:
    text = COMMUNITY.replace("governance:\n", f"governance:\n  prefix: {prefix}\n")
    assert problems(f"{text}      id: {id_}\n") == [
        f"spec.yaml:7:11: no prefix covers the ID '{id_}': if the charter were removed, "
        f"no plan would show the schedule; "
        f"add one to the section, for example prefix: {hint}"
    ]


@pytest.mark.parametrize("prefix", ["[]", '["governance:", nightly-report]', '["governance:", "n"]'])
def test_an_id_that_any_prefix_covers_is_accepted(prefix: str) -> None:
    text = COMMUNITY.replace("governance:\n", f"governance:\n  prefix: {prefix}\n")
    (charter,) = declared(f"{text}      id: nightly-report\n").charters
    assert charter.schedule.id == "nightly-report"


def test_a_chosen_prefix_must_cover_the_ids_as_well() -> None:
    text = COMMUNITY + "      id: governance:other\n"
    with pytest.raises(errors.InvalidSpecError, match="no prefix covers the ID 'governance:other'"):
        loader.parse(text, "spec.yaml", declarations.Choice(prefixes=("acme:",)))


def test_repeated_prefixes_count_once() -> None:
    names = ["governance:", *"abcdefghijklmnopqrs"] * 3
    text = COMMUNITY.replace("governance:\n", f"governance:\n  prefix: {names}\n", 1)
    assert loader.parse(text, "spec.yaml").prefixes == tuple(names[:20])


@pytest.mark.parametrize(
    ("prefix", "problem"),
    [
        ("7", "spec.yaml:2:11: 'prefix' must be text or a list, not the number 7; quote it"),
        ("{a: b}", "spec.yaml:2:11: 'prefix' must be text or a list, not an object; for example \"governance:\""),
        ("[a, 7]", "spec.yaml:2:15: governance.prefix[1] must be text, not the number 7; quote it"),
        (
            '[a, "b\\0"]',
            "spec.yaml:2:15: 'prefix' is 'b\\x00', which contains an invisible character; use only visible",
        ),
        (str(list("abcdefghijklmnopqrstu") * 2), "spec.yaml:2:11: 'prefix' has more than 20 entries; remove some"),
    ],
)
def test_a_wrong_prefix_is_reported_at_its_place(prefix: str, problem: str) -> None:
    (line,) = problems(COMMUNITY.replace("governance:\n", f"governance:\n  prefix: {prefix}\n"))
    assert line.startswith(problem)
