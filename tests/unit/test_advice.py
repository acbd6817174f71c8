from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from reconciler.plan import advice as plan_advice
from reconciler.plan import collisions
from reconciler.repospec import loader
from reconciler.timing import times, timings

NOW = datetime.datetime(2026, 11, 23, tzinfo=datetime.UTC)


def advice(keys: str) -> list[str]:
    spec = f"governance:\n  schedules:\n    - charter: A\n      entrypoint: A\n      {keys}\n"
    return [str(each) for each in plan_advice.advise(loader.parse(spec, "spec.yaml"), NOW)]


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        ("cron: 0 0 13 * 5", "5:13: warning: '0 0 13 * 5' fires only on days that match both day of month and day of"),
        ("cron: 0 0 30 2 *", "5:13: warning: no time matches, so this never fires"),
        ("cron: 0 0 1 1 * 2020", "5:13: warning: no time matches, so this never fires"),
        (
            'cron: "0 9 * * MON#2"',
            "5:13: warning: '0 9 * * MON#2' fires on every MON, because '#2' starts a comment in Temporal",
        ),
        (
            "calendars: [{day_of_month: 13, day_of_week: fri}]",
            "5:18: warning: the calendar fires only on days that match",
        ),
        (
            f"cron: '@daily'\n      workflow_id: {'w' * 235}",
            "6:20: warning: the workflow ID has 235 characters; with the timestamp that Temporal appends, a server on "
            "PostgreSQL or MySQL cannot store it and never starts a run; shorten it to 234",
        ),
    ],
)
def test_a_probable_mistake_is_reported_with_a_hint(keys: str, messages: str) -> None:
    (found,) = advice(keys)
    assert found.startswith(f"spec.yaml:{messages}")


def test_a_workflow_id_that_every_database_holds_is_not_warned_of() -> None:
    assert advice(f"cron: '@daily'\n      workflow_id: {'w' * 234}") == []


def many(count: int) -> str:
    """Return so many charters that fire while clocks are changed, and one that never does."""
    spec = "governance:\n  schedules:\n    - {charter: N, cron: 0 0 30 2 *, entrypoint: N}\n"
    return spec + "".join(
        f"    - {{charter: C{number}, cron: {number} 2 * * *, timezone: Europe/Berlin, entrypoint: C}}\n"
        for number in range(count)
    )


def test_up_to_ten_of_a_kind_are_listed() -> None:
    assert len(plan_advice.lines(plan_advice.advise(loader.parse(many(10), "spec.yaml"), NOW))) == 11


def test_more_of_a_kind_are_summarized_with_the_first_places() -> None:
    never, clocks = plan_advice.lines(plan_advice.advise(loader.parse(many(30), "spec.yaml"), NOW))
    assert never.startswith("spec.yaml:3:26: warning: no time matches")
    assert clocks.startswith(
        "spec.yaml:4:27: warning: 30 charters fire during an hour when clocks change: this one, those at 5:27, "
        "6:27, and 27 more; for this one: 2027-03-28 02:00 does not exist and "
    )


def test_times_that_daylight_saving_skips_or_repeats_are_named() -> None:
    (found,) = advice("cron: 30 2 * * *\n      timezone: Europe/Berlin")
    assert (
        "2027-03-28 02:30 does not exist and 2027-10-31 02:30 occurs twice in Europe/Berlin, "
        "so the schedule may skip that time or fire twice;" in found
    )


@pytest.mark.parametrize(
    ("keys", "messages"),
    [
        ("cron: 30 2 * * * 2030", "2030-03-31 02:30 does not exist and 2030-10-27 02:30 occurs twice"),
        (
            "cron: 30 2 * * *\n      exclude: [{month: 3}]",
            "warning: 2027-10-31 02:30 occurs twice in Europe/Berlin, so the schedule may fire twice;",
        ),
        ("cron: 30 2 * * *\n      start_at: 2027-05-01T00:00:00Z", "2027-10-31 02:30 occurs twice"),
        (
            "cron: 30 2 * * *\n      end_at: 2027-05-01T00:00:00Z",
            "warning: 2027-03-28 02:30 does not exist in Europe/Berlin, so the schedule may skip that time;",
        ),
        ("cron: 0 */30 2-3 * * * *", "2027-03-28 02:00 does not exist"),
    ],
)
def test_daylight_saving_is_talked_about_where_the_schedule_meets_it(keys: str, messages: str) -> None:
    (found,) = advice(f"{keys}\n      timezone: Europe/Berlin")
    assert messages in found


@pytest.mark.parametrize(
    "keys",
    [
        "exclude: [{month: 3}, {month: 10}]",
        "exclude: [{hour: 2, day_of_week: SUN}]",
        "end_at: 2027-03-01T00:00:00Z",
        "end_at: 2026-11-24T00:00:00Z",
    ],
)
def test_a_schedule_that_never_fires_during_a_clock_change_has_no_warning(keys: str) -> None:
    assert advice(f"cron: 30 2 * * *\n      timezone: Europe/Berlin\n      {keys}") == []


@pytest.mark.parametrize(
    "keys",
    [
        "cron: 0 9 8-14 * MON",  # the second Monday
        "cron: 0 * * * *\n      timezone: Europe/Berlin",  # an hour more or less
        "cron: 30 2 * * *",  # UTC has no daylight saving
        'cron: "0 9 * * MON # 2 of them"',
        "intervals: [{every: 6h}]",
    ],
)
def test_what_is_usually_intended_has_no_warning(keys: str) -> None:
    assert advice(keys) == []


def together(*charters: str) -> list[str]:
    lines = "".join(f"    - {{{charter}}}\n" for charter in charters)
    found = plan_advice.advise(loader.parse(f"governance:\n  schedules:\n{lines}", "spec.yaml"), NOW)
    return [str(each) for each in found]


SHARED = "entrypoint: X, workflow_id: same"


@pytest.mark.parametrize(
    ("first", "second", "at"),
    [
        ('cron: "0 * * * *"', 'cron: "0 * * * *"', "2026-11-23 01:00:00"),
        ('cron: "0 * * * *"', 'cron: "0 0 1 1 *"', "2027-01-01 00:00:00"),
        ('cron: "0 * * * *"', 'cron: "*/20 * * * *"', "2026-11-23 01:00:00"),
        ('cron: "0 9 * * *"', 'cron: "0 10 * * *", timezone: Europe/Berlin', "2026-11-23 09:00:00"),
        ('cron: "@every 40m"', 'cron: "0 * * * *", jitter: 5m', "2026-11-23 02:00:00"),
        ('cron: "0 * * * *", keep_original_workflow_id: true', 'cron: "0 * * * *"', "2026-11-23 01:00:00"),
    ],
)
def test_two_charters_with_one_workflow_id_that_are_due_at_once_are_warned_of(first: str, second: str, at: str) -> None:
    (found,) = together(f"charter: A, {SHARED}, {first}", f"charter: B, {SHARED}, input: {{b: 1}}, {second}")
    assert found.startswith("spec.yaml:4:")
    assert (
        f"charter A (spec.yaml:3:7) has the same workflow ID, and both are due at {at} UTC: Temporal does not start "
        "the second run while the first is running, and does not report this; give each its own workflow_id"
    ) in found


@pytest.mark.parametrize(
    "second",
    [
        'cron: "30 * * * *"',  # the time that Temporal adds keeps the runs apart
        'cron: "0 * * * *", paused: true',
        'cron: "0 * * * *", remaining_actions: 0',
        'cron: "0 0 * * *", end_at: 2026-11-23T00:30:00Z',
    ],
)
def test_a_shared_workflow_id_without_common_times_does_not_collide(second: str) -> None:
    found = together(f'charter: A, {SHARED}, cron: "0 * * * *"', f"charter: B, {SHARED}, input: {{b: 1}}, {second}")
    assert [each for each in found if "same workflow id" in each] == []


@pytest.mark.parametrize("key", ["execution_timeout", "run_timeout", "task_timeout"])
def test_a_timeout_that_no_run_can_meet_is_warned_of(key: str) -> None:
    brief, enough = (f'charter: A, entrypoint: X, cron: "0 * * * *", {key}: {each}' for each in ("999ms", "1s"))
    (found,) = together(brief)
    assert f"warning: {key} is 0.999s, but no run can finish in less than a second; make it longer" in found
    assert together(enough) == []


@pytest.mark.parametrize(
    ("excess", "within", "message"),
    [
        (
            "task_timeout: 200s",
            "task_timeout: 120s",
            "task_timeout is 3m20s, but the server allows at most 2m, so it uses 2m; write 2m or less",
        ),
        (
            "catchup_window: 1s",
            "catchup_window: 10s",
            "catchup_window is 1s, but Temporal's minimum is 10s, so it uses 10s; write 10s or more",
        ),
    ],
)
def test_a_duration_that_temporal_replaces_is_warned_of(excess: str, within: str, message: str) -> None:
    (found,) = advice(f"cron: '@daily'\n      {excess}")
    assert (found.startswith("spec.yaml:6:"), found.endswith(f": warning: {message}")) == (True, True)
    assert advice(f"cron: '@daily'\n      {within}") == []


@pytest.mark.parametrize("text", ["other: 1\n", "governance:\n"])
def test_a_file_without_a_section_is_warned_of(text: str) -> None:
    (found,) = plan_advice.advise(loader.parse(text, "spec.yaml"), NOW)
    assert str(found).startswith(
        "spec.yaml:1:1: warning: the file has no governance or temporal section, or an empty one;"
    )


def test_the_same_work_at_the_same_times_is_warned_of() -> None:
    (found,) = together(
        'charter: A, entrypoint: X, cron: "0 * * * *", input: {n: 1}',
        'charter: B, entrypoint: X, cron: "0 */1 * * *", timezone: Etc/UTC, input: {n: 1}',
    )
    assert found == (
        "spec.yaml:4:7: warning: charter A (spec.yaml:3:7) starts the same work at the same times on task queue "
        "scheduler-tasks, so the work runs twice each time; remove one, or change its input"
    )


@pytest.mark.parametrize(
    "second",
    [
        'cron: "5 * * * *", input: {n: 1}',
        'cron: "0 * * * *", input: {n: true}',
        'cron: "0 * * * *", input: {n: 1}, task_queue: other',
        'cron: "0 * * * *", input: {n: 1}, workflow: Other',
        'cron: "0 * * * *", input: {n: 1}, paused: true',
    ],
)
def test_work_that_differs_or_comes_at_other_times_is_not_warned_of(second: str) -> None:
    first = 'charter: A, entrypoint: X, cron: "0 * * * *", input: {n: 1}'
    assert together(first, f"charter: B, entrypoint: X, {second}") == []


def test_charters_with_one_workflow_id_that_never_meet_are_compared_within_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = 0
    upcoming = times.upcoming

    def counted(timing: timings.Timing, after: datetime.datetime) -> Iterator[datetime.datetime]:
        nonlocal calls
        calls += 1
        return upcoming(timing, after)

    monkeypatch.setattr(times, "upcoming", counted)
    lines = (f'    - {{charter: C{n}, cron: "{n % 60} {n // 60} * * *", {SHARED}}}\n' for n in range(300))
    declaration = loader.parse("governance:\n  schedules:\n" + "".join(lines), "spec.yaml")
    assert list(collisions.shared_ids(declaration.charters, NOW)) == []
    assert calls < 10_000


@pytest.mark.parametrize(
    ("keys", "reported"),
    [
        ('cron: "*/45 * * * *"', "matches minutes 0, 45, then starts over: 45 does not divide 60"),
        ('cron: "*/90 * * * *"', "matches only minute 0, then starts over: 90 does not divide 60"),
        ('cron: "5/45 * * * *"', "matches minutes 5, 50, then starts over: 45 does not divide 60"),
        ('cron: "TZ=Asia/Tokyo */45 * * * *"', "matches minutes 0, 45, then starts over: 45 does not divide 60"),
        ('cron: "0 */5 * * *"', "matches hours 0, 5, 10, 15, 20, then starts over: 5 does not divide 24"),
        ('cron: "*/7 0 0 * * * *"', "for even spacing, use intervals, such as every: 7s"),
        ('cron: "0 3 * * 1-7"', "omits Sunday, because Temporal reads 1-7 as Monday through Saturday"),
        ('cron: "0 3 * * MON-7"', "omits Sunday, because Temporal reads 1-7 as Monday through Saturday"),
        ('cron: "@every 24h", timezone: Europe/Berlin', "intervals ignore the Europe/Berlin time zone"),
        ("intervals: [{every: 48h}], timezone: Europe/Berlin", "intervals ignore the Europe/Berlin time zone"),
    ],
)
def test_what_is_valid_but_probably_unintended_is_pointed_out(keys: str, reported: str) -> None:
    (found,) = together(f"charter: A, entrypoint: X, {keys}")
    assert reported in found


@pytest.mark.parametrize(
    "keys",
    [
        'cron: "*/15 */6 * * *"',
        'cron: "0,45 * * * *"',
        'cron: "TZ=Asia/Tokyo */15 * * * *"',
        'cron: "0 9-17/3 * * *"',
        'cron: "0 3 * * 5-7"',
        'cron: "0 3 * * 1-7/2"',
        'cron: "0 3 */2 * *"',
        "intervals: [{every: 24h}]",
        "intervals: [{every: 6h}], timezone: Europe/Berlin",
        "intervals: [{every: 24h}], timezone: GMT",
    ],
)
def test_even_steps_and_whole_weeks_need_no_advice(keys: str) -> None:
    assert together(f"charter: A, entrypoint: X, {keys}") == []
