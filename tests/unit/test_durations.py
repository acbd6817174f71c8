from __future__ import annotations

import datetime

import pytest

from reconciler.timing import durations


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10s", 10),
        ("1h30m", 5400),
        ("2d", 172_800),
        ("1.5d", 129_600),
        (".5m", 30),
        ("1.s", 1),
        ("250ms", 0.25),
        ("3us", 0.000003),
        ("3µs", 0.000003),
        ("3μs", 0.000003),
        ("0", 0),
        ("+90m", 5400),
        ("-5s", -5),
        ("30m1h", 5400),
    ],
)
def test_durations_are_read_as_go_writes_them(text: str, seconds: float) -> None:
    assert durations.parse(text) == datetime.timedelta(seconds=seconds)


def test_what_is_below_a_microsecond_is_cut() -> None:
    assert durations.parse("1s999ns") == datetime.timedelta(seconds=1)


@pytest.mark.parametrize("text", ["10", "1.5"])
def test_a_number_without_a_unit_is_refused_with_the_number_and_a_unit(text: str) -> None:
    with pytest.raises(ValueError, match=f"add a unit, for example {text}s"):
        durations.parse(text)


@pytest.mark.parametrize("text", ["", "10 s", "s", "1h30", "1w", "1H", "PT1H", "--1s", "1e3s", "٣s", "10s\n"])
def test_an_invalid_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and a unit, as in 10s, 15m, or 1h30m"):
        durations.parse(text)


@pytest.mark.parametrize("text", ["293y", "107000d", "9" * 5000 + "s"])
def test_what_no_server_can_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"292 years|is not a valid duration|limit"):
        durations.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (10, "10s"), (90, "1m30s"), (31_536_000, "365d"), (100_800, "1d4h"), (0.25, "0.25s"), (-60, "-1m")],
)
def test_durations_are_written_in_the_fewest_units(seconds: float, text: str) -> None:
    assert durations.render(datetime.timedelta(seconds=seconds)) == text
