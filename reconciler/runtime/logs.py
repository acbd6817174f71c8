"""Log records as lines; their `fields` are the data."""

from __future__ import annotations

import logging
from typing import Any


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the record's data."""
    return getattr(record, "fields", {})


def line(record: logging.LogRecord) -> str:
    """Return the record as one line: level, message, then the data as `key=value`."""
    found = fields(record)
    text = " ".join([f"{record.levelname.lower()}: {record.getMessage()}", *(f"{key}={found[key]}" for key in found)])
    return text.replace("\n", "\\n")
