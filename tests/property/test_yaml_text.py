"""The YAML that an import writes means the same to the readers of YAML 1.1, which the shared file may have."""

from __future__ import annotations

from typing import Any

import hypothesis
import yaml
from hypothesis import strategies as st

from reconciler.repospec import yaml_text


@hypothesis.given(st.text("0123456789_.:+-oxbeEyYnNaftlsruO~=<", min_size=1, max_size=6))
def test_a_reader_of_yaml_1_1_reads_the_same_texts(text: str) -> None:
    value: Any = {"key": text, "list": [text], "keys": {text: text}}
    assert yaml.safe_load("\n".join(yaml_text.block(value, 0))) == value
