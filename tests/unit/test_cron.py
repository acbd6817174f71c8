from __future__ import annotations

import datetime

import pytest

from reconciler.timing import calendars, cron, timings
from tests.unit import builders

EVERY_DAY = tuple(range(7))


def fields(text: str) -> tuple[tuple[int, ...], ...]:
    """Return minute, hour, day of month, month and day of week."""
    found = builders.calendar(text)
    return (found.minute, found.hour, found.day_of_month, found.month, found.day_of_week)


def refused(text: str) -> cron.CronError:
    with pytest.raises(cron.CronError) as caught:
        cron.parse(text)
    return caught.value


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("5", (5,)),
        ("*/15", (0, 15, 30, 45)),
        ("50/4", (50, 54, 58)),
        ("10-13", (10, 11, 12, 13)),
        ("10-20/5", (10, 15, 20)),
        ("7-7", (7,)),
        ("30,5,30,10-12", (5, 10, 11, 12, 30)),
        ("007", (7,)),
    ],
)
def test_a_field_is_a_list_of_numbers_ranges_and_steps(text: str, minutes: tuple[int, ...]) -> None:
    assert builders.calendar(f"{text} * * * *").minute == minutes


def test_a_star_fills_its_field_and_seconds_and_years_have_defaults() -> None:
    assert builders.calendar("* * * * *") == timings.Calendar(
        second=(0,),
        minute=tuple(range(60)),
        hour=tuple(range(24)),
        day_of_month=tuple(range(1, 32)),
        month=tuple(range(1, 13)),
        day_of_week=EVERY_DAY,
        year=(),
    )


@pytest.mark.parametrize(
    ("text", "months"),
    [("JAN", (1,)), ("february", (2,)), ("Sept-DEC", (9, 10, 11, 12)), ("mar/3", (3, 6, 9, 12)), ("jun,JUL", (6, 7))],
)
def test_months_go_by_names_of_three_letters_or_more(text: str, months: tuple[int, ...]) -> None:
    assert builders.calendar(f"0 0 1 {text} *").month == months


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("MON-FRI", (1, 2, 3, 4, 5)),
        ("tu,Thursday", (2, 4)),
        ("SUN", (0,)),
        ("0", (0,)),
        ("7", (0,)),
        ("5-7", (0, 5, 6)),
        ("SAT-7", (0, 6)),
        ("*/2", (0, 2, 4, 6)),
        ("*", EVERY_DAY),
    ],
)
def test_days_go_by_names_and_both_0_and_7_are_sunday(text: str, days: tuple[int, ...]) -> None:
    assert builders.calendar(f"0 0 * * {text}").day_of_week == days


@pytest.mark.parametrize(("text", "days"), [("1-7", (1, 2, 3, 4, 5, 6)), ("MON-7/2", (0, 1, 3, 5))])
def test_monday_to_7_loses_its_sunday_as_it_does_on_the_server(text: str, days: tuple[int, ...]) -> None:
    assert builders.calendar(f"0 0 * * {text}").day_of_week == days


def test_day_of_month_and_day_of_week_must_both_match() -> None:
    """Crontab fires on either; Temporal on a Friday the 13th only, so neither set may widen the other."""
    assert fields("0 0 13 * FRI") == ((0,), (0,), (13,), tuple(range(1, 13)), (5,))


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("0 0 ? * MON", ("day of month", "'?'", 4)),
        ("0 0 L * *", ("day of month", "'L'", 4)),
        ("0 0 15W * *", ("day of month", "'W'", 4)),
        ("0 0 * * 5L", ("day of week", "'L'", 8)),
    ],
)
def test_quartz_syntax_is_refused_with_a_hint(text: str, messages: tuple[str, str, int]) -> None:
    name, symbol, offset = messages
    error = refused(text)
    assert f"is not a valid {name}" in error.message
    assert error.hint.startswith("Temporal does not support ")
    assert symbol in error.hint
    assert error.offset == offset


@pytest.mark.parametrize(
    ("text", "offset", "hint"),
    [
        ("0 22-2 * * *", 2, "write 22-23,0-2 to wrap around"),
        ("45-15 * * * *", 0, "write 45-59,0-15 to wrap around"),
        ("0 0 * NOV-FEB *", 6, "write NOV-12,1-FEB to wrap around"),
        ("0 0 * * SAT-SUN", 8, "Sunday at the end of a range is 7; write SAT-7"),
        ("0 0 * * FRI-MON", 8, "write FRI-6,0-MON to wrap around"),
        ("0 0 * * MON-SUN", 8, "for every day, write *"),
        ("0 0 * * 7-2", 8, "Sunday at the start of a range is 0; write 0-2"),
        ("0 0 1,20-3 * *", 6, "write 20-31,1-3 to wrap around"),
    ],
)
def test_a_range_that_wraps_around_is_refused_with_the_text_to_write(text: str, offset: int, hint: str) -> None:
    error = refused(text)
    assert (error.offset, error.hint) == (offset, hint)


@pytest.mark.parametrize(
    "days", [("FRI-6,0-MON", (0, 1, 5, 6)), ("SAT-7", (0, 6)), ("0-2", (0, 1, 2)), ("*", EVERY_DAY)]
)
def test_what_the_hints_suggest_means_the_intended_days(days: tuple[str, tuple[int, ...]]) -> None:
    assert builders.calendar(f"0 0 * * {days[0]}").day_of_week == days[1]


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("60 * * * *", 0, "'60' is not a valid minute: use 0 to 59"),
        ("0 24 * * *", 2, "'24' is not a valid hour: use 0 to 23"),
        ("0 0 0 * *", 4, "'0' is not a valid day of month: use 1 to 31"),
        ("0 0 1 13 *", 6, "'13' is not a valid month: use 1 to 12 or a name such as FEB"),
        ("0 0 1 JU *", 6, "'JU' is not a valid month: use 1 to 12 or a name such as FEB"),
        ("0 0 * * 8", 8, "'8' is not a valid day of week: use 0 to 7 or a name such as MON"),
        ("0 0 * * M", 8, "'M' is not a valid day of week: use 0 to 7 or a name such as MON"),
        ("0 0 1 1 * 1999", 10, "'1999' is not a valid year: use 2000 to 2100"),
        ("5,,7 * * * *", 2, "'' is not a valid minute: use 0 to 59"),
        ("5- * * * *", 2, "'' is not a valid minute: use 0 to 59"),
        ("*/0 * * * *", 2, "'0' is not a valid step for the minute"),
        ("0 */ * * *", 4, "'' is not a valid step for the hour"),
        ("1-9/2/3 * * * *", 4, "'2/3' is not a valid step for the minute"),
        ("٣ * * * *", 0, "'٣' is not a valid minute: use 0 to 59"),
    ],
)
def test_a_mistake_is_named_and_located_within_the_text(text: str, offset: int, message: str) -> None:
    error = refused(text)
    assert (error.message, error.offset) == (message, offset)


@pytest.mark.parametrize(("text", "count"), [("", 0), ("# a comment", 0), ("* * * *", 4), ("0 0 0 1 1 * 2030 9", 8)])
def test_another_number_of_fields_is_refused(text: str, count: int) -> None:
    assert refused(text).message == f"{count} fields, but Temporal accepts 5 to 7"


def test_a_sixth_field_is_the_year_and_a_seventh_puts_seconds_first() -> None:
    six = builders.calendar("1 2 3 4 5 2030")
    seven = builders.calendar("30 1 2 3 4 5 2030-2032")
    assert (six.second, six.minute, six.year) == ((0,), (1,), (2030,))
    assert (seven.second, seven.minute, seven.year) == ((30,), (1,), (2030, 2031, 2032))


@pytest.mark.parametrize(
    ("macro", "text"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * SUN"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_a_macro_means_its_five_fields(macro: str, text: str) -> None:
    assert builders.calendar(macro) == builders.calendar(text)


def test_an_unknown_macro_is_refused() -> None:
    assert refused("@reboot").message == "1 field, but Temporal accepts 5 to 7"


@pytest.mark.parametrize(
    ("text", "every", "offset"),
    [
        ("@every 6h", datetime.timedelta(hours=6), datetime.timedelta(0)),
        ("@every 1d/90m", datetime.timedelta(days=1), datetime.timedelta(minutes=90)),
        ("@every 1.5s # quick", datetime.timedelta(seconds=1.5), datetime.timedelta(0)),
    ],
)
def test_every_is_an_interval_with_a_phase(text: str, every: datetime.timedelta, offset: datetime.timedelta) -> None:
    assert cron.parse(text).times == timings.Interval(every=every, offset=offset)


@pytest.mark.parametrize("text", ["@every", "@every 6", "@every 0.5s", "@every 1h/1h", "@every 1h/-5m", "@every -1h"])
def test_an_interval_that_the_server_refuses_is_refused(text: str) -> None:
    assert refused(text).hint


@pytest.mark.parametrize("prefix", ["TZ=", "CRON_TZ="])
def test_a_time_zone_in_front_is_split_off(prefix: str) -> None:
    parsed = cron.parse(f"{prefix}Europe/Berlin 30 9 * * MON-FRI")
    assert (parsed.times, parsed.timezone) == (builders.calendar("30 9 * * MON-FRI"), "Europe/Berlin")


def test_a_mistake_behind_a_time_zone_is_located_in_the_whole_text() -> None:
    assert refused("TZ=UTC 0 99 * * *").offset == len("TZ=UTC 0 ")


def test_a_time_zone_alone_is_refused() -> None:
    assert refused("TZ=Europe/Berlin").hint == "add the five cron fields"


def test_text_after_a_hash_is_a_comment_so_the_second_monday_is_every_monday() -> None:
    assert cron.parse("0 9 * * MON#2").times == cron.parse("0 9 * * MON").times


def test_a_comment_keeps_whole_characters_within_the_servers_200_bytes() -> None:
    shown = cron.comment("0 * * * * # " + "ü" * 200)
    assert len(shown.encode()) <= 200
    assert shown == "0 * * * * # " + "ü" * 94


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("* * * * *", "* * * * *"),
        ("0-59/15 0-23 1-31 1-12 0-7", "*/15 * * * *"),
        ("0,15,30,45 * * * *", "*/15 * * * *"),
        ("5 9-17 * * MON-FRI", "5 9-17 * * 1-5"),
        ("0 0 1,2,15 * SUN", "0 0 1,2,15 * 0"),
        ("3,5,7,9,30 0 * * *", "3-9/2,30 0 * * *"),
        ("0 0 1 1 * 2030", "0 0 1 1 * 2030"),
        ("0 0 1 1 * 2000-2100", "0 0 1 1 * 2000-2100"),
        ("30 0 12 * * * *", "30 0 12 * * * *"),
    ],
)
def test_times_without_a_text_of_their_own_are_written_in_the_shortest_cron(text: str, canonical: str) -> None:
    assert cron.render(builders.calendar(text, comment="")) == canonical


def test_a_text_with_the_same_meaning_is_shown_as_it_was_written() -> None:
    assert cron.render(builders.calendar("0-59/15 * * * * # often")) == "0-59/15 * * * * # often"


@pytest.mark.parametrize("comment", ["30 * * * *", "the nightly run", "@every 1h"])
def test_a_comment_with_another_meaning_is_ignored(comment: str) -> None:
    assert cron.render(builders.calendar("0 * * * *", comment=comment)) == "0 * * * *"


def test_a_calendar_that_matches_nothing_is_rendered_as_none() -> None:
    nothing = timings.Calendar(second=(0,), minute=(5,), hour=(), day_of_month=(), month=(), day_of_week=())
    assert cron.render(nothing) == "5 (none) (none) (none) (none)"


@pytest.mark.parametrize("text", ["@every 6h", "@every 1d12h/90m", "@every 1.5s"])
def test_an_interval_is_written_as_every(text: str) -> None:
    assert cron.parse(cron.render(builders.interval(text))) == cron.parse(text)


@pytest.mark.parametrize("text", [" 5-7", "5-7\t", "\u00a05-7 "])
def test_white_space_around_a_calendars_field_is_ignored(text: str) -> None:
    assert calendars.numbers("hour", text) == (5, 6, 7)


@pytest.mark.parametrize("text", ["5 ,6", "5, 6", "5 -7", "\x1c5", " "])
def test_white_space_within_a_calendars_field_is_refused(text: str) -> None:
    with pytest.raises(cron.CronError):
        calendars.numbers("hour", text)
