from __future__ import annotations

import pytest

from reconciler.timing import ranges


def test_unset_values_are_read_as_the_server_reads_them() -> None:
    """End 0 means the start alone, step 0 means 1."""
    assert ranges.expand([ranges.Range(5, 0, 0), ranges.Range(7, 9, 0)]) == (5, 7, 8, 9)


def test_overlaps_repeats_and_order_do_not_count() -> None:
    assert ranges.expand([ranges.Range(8, 9), ranges.Range(1, 3), ranges.Range(3, 3)]) == (1, 2, 3, 8, 9)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ([], ""),
        ([4], "4"),
        ([4, 5], "4,5"),
        ([4, 5, 6], "4-6"),
        ([0, 15, 30, 45], "0-45/15"),
        ([1, 2, 3, 10, 20, 30, 31], "1-3,10-30/10,31"),
        ([9, 3, 6, 3], "3-9/3"),
    ],
)
def test_numbers_become_few_ranges(numbers: list[int], text: str) -> None:
    assert ",".join(map(str, ranges.compress(numbers))) == text
