"""Log records as lines; a record's `fields` are its data."""

from __future__ import annotations

import logging
from typing import Any


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the record's data."""
    return getattr(record, "fields", {})


def line(record: logging.LogRecord) -> str:
    """Return the record as one line: level, message, then the data as `key=value`."""
    pairs = (f"{key}={value}" for key, value in fields(record).items())
    text = " ".join([f"{record.levelname.capitalize()}: {record.getMessage()}", *pairs])
    return text.replace("\n", "\\n")
