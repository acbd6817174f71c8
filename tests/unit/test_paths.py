from __future__ import annotations

import pytest

from reconciler.schedule import paths


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("note", ("note",)),
        ("input.scopeKey", ("input", "scopeKey")),
        ("input.rows[2].x-key", ("input", "rows", 2, "x-key")),
        ('memo["a.b [0]"]', ("memo", "a.b [0]")),
        ('memo["\\"\\u00e4"].x', ("memo", '"ä', "x")),
        ("arguments[0][1]", ("arguments", 0, 1)),
    ],
)
def test_a_path_reads_as_it_is_written(text: str, path: paths.Path) -> None:
    assert paths.render(path) == text
    assert paths.parse(text) == path


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "a[", "a[-1]", 'a["', "a b", "a]b", "[0]x", "a\n"])
def test_what_is_not_a_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not the path of a field"):
        paths.parse(text)
