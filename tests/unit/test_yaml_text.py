"""The YAML that an import writes means the same to the readers of YAML 1.1, which the shared file may have."""

from __future__ import annotations

import pytest

from reconciler.repospec import yaml_text


@pytest.mark.parametrize(
    "text",
    [
        *("y", "Y", "yes", "Yes", "n", "NO", "no", "on", "ON", "off", "true", "False", "null", "~", "", "=", "<<"),
        *("1:30", "-1:30", "190:20:30", "190:20:30.15", "07:30", "017", "0o7", "0o17", "0b1", "0x1F", "1_000", "+1"),
        *("1e3", "12e03", ".5", "1.", "1_0.5", ".inf", ".NaN", "2026-01-01", "2026-01-01T00:00:00Z"),
    ],
)
def test_a_text_that_is_another_value_in_yaml_1_1_is_quoted(text: str) -> None:
    for written in yaml_text.block({"key": text}, 0), yaml_text.block([text], 0), yaml_text.block({text: "value"}, 0):
        assert any(f"{quote}{text}{quote}" in written[0] for quote in "'\"")


@pytest.mark.parametrize("text", ["a", "nightly", "northern", "1.4.0", "yes-man", "10s", "acme:a", "host:80", "v1"])
def test_other_texts_have_no_quotes(text: str) -> None:
    assert yaml_text.block({"key": text}, 0) == [f"key: {text}"]
