from __future__ import annotations

import datetime
import itertools

import hypothesis
from hypothesis import strategies as st

from reconciler.timing import cron, durations, ranges, rates, times, timings
from tests.property import strategies

UTC = st.just(datetime.UTC)

crons = st.one_of(
    st.text(max_size=20),
    st.text("0123456789*/,-#?LW@ ", max_size=20),
    st.lists(
        st.sampled_from(("0", "*", "*/5", "1-7", "5-1", "MON", "JAN-", "?", "L", "2030", "#", "")), max_size=8
    ).map(" ".join),
    st.builds("{} {}".format, st.sampled_from(("@every", "TZ=UTC", "CRON_TZ=")), st.text("0123456789hmsd/-.* ")),
)


@hypothesis.given(strategies.calendars)
def test_a_calendar_written_as_cron_reads_back_as_itself(calendar: timings.Calendar) -> None:
    assert cron.parse(cron.render(calendar)).times == calendar


@hypothesis.given(strategies.intervals())
def test_an_interval_written_as_every_reads_back_as_itself(interval: timings.Interval) -> None:
    assert cron.parse(cron.render(interval)).times == interval


def refusal(text: str) -> cron.CronError | None:
    try:
        cron.parse(text)
    except cron.CronError as error:
        return error
    return None


@hypothesis.given(crons)
@hypothesis.example("\x1f")  # a space to Python and none to Go
def test_any_text_is_a_cron_whose_rendering_means_the_same_or_is_refused_with_a_place_in_it(text: str) -> None:
    error = refusal(text)
    if error is None:
        times = cron.parse(text).times
        assert cron.parse(cron.render(times)).times == times
    else:
        assert error.message
        assert 0 <= error.offset <= len(text)


@hypothesis.given(st.lists(st.integers(0, 200)))
def test_numbers_survive_being_ranges(numbers: list[int]) -> None:
    found = ranges.compress(numbers)
    assert ranges.expand(found) == tuple(sorted(set(numbers)))
    assert len(found) <= len(set(numbers))


@hypothesis.given(
    st.timedeltas(min_value=-datetime.timedelta(days=100_000), max_value=datetime.timedelta(days=100_000))
)
def test_a_duration_reads_back_as_itself(duration: datetime.timedelta) -> None:
    assert durations.parse(durations.render(duration)) == duration


@hypothesis.given(st.one_of(st.text(max_size=12), st.text("0123456789.hmsdnuµ+-", max_size=12)))
def test_any_text_is_a_duration_that_reads_back_or_refused(text: str) -> None:
    try:
        duration = durations.parse(text)
    except ValueError:
        return
    assert durations.parse(durations.render(duration)) == duration


SEVERAL = st.builds(
    timings.Timing,
    calendars=st.lists(strategies.calendars, max_size=3).map(tuple),
    intervals=st.lists(strategies.intervals(datetime.timedelta(hours=9)), max_size=2).map(tuple),
    exclude=st.lists(strategies.calendars, max_size=2).map(tuple),
    start_at=st.none() | st.datetimes(datetime.datetime(2026, 3, 1), datetime.datetime(2026, 12, 1), timezones=UTC),
    end_at=st.none() | st.datetimes(datetime.datetime(2026, 3, 1), datetime.datetime(2026, 12, 1), timezones=UTC),
    timezone=st.sampled_from(("UTC", "Asia/Kolkata", "America/New_York")),
)
DAYLIGHT = [datetime.datetime(2026, *day, tzinfo=datetime.UTC) for day in ((3, 8), (11, 1))]  # New York changes clocks


@hypothesis.given(
    SEVERAL,
    st.sampled_from(DAYLIGHT)
    | st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2027, 1, 1), timezones=UTC),
    st.timedeltas(datetime.timedelta(0), datetime.timedelta(hours=10)),
)
def test_firings_are_counted_as_if_gone_through_one_by_one(
    timing: timings.Timing, after: datetime.datetime, span: datetime.timedelta
) -> None:
    found = itertools.takewhile(lambda moment: moment <= after + span, times.upcoming(timing, after))
    some = list(itertools.islice(found, rates.CAP))
    until = some[-1] if len(some) == rates.CAP else after + span
    assert rates.is_reached(timing, len(some), after, until)
    assert len(some) == rates.CAP or not rates.is_reached(timing, len(some) + 1, after, until)


@hypothesis.given(SEVERAL)
def test_an_endless_timing_that_fires_now_fires_a_generation_later(timing: timings.Timing) -> None:
    now, later = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (2026, 2060))
    if rates.is_endless(timing) and next(times.upcoming(timing, now), None) is not None:
        assert next(times.upcoming(timing, later), None) is not None
