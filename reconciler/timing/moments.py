"""Points in time as they are written in a spec: RFC 3339, with a UTC offset."""

from __future__ import annotations

import datetime
import re

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def parse(text: str) -> datetime.datetime:
    """Return the moment in UTC; ValueError with a user-facing message if the text is not valid."""
    try:
        if _MOMENT.fullmatch(text):
            return datetime.datetime.fromisoformat(text.upper()).astimezone(datetime.UTC)
    except (ValueError, OverflowError):  # February 30, or a year that is out of range in UTC
        raise ValueError(f"{text!r} is not a valid time: this day, hour, or offset does not exist") from None
    raise ValueError(
        f"{text!r} is not a valid time: write a date, a time, and a UTC offset, as in 2027-01-01T09:00:00Z or …+02:00"
    )


def with_offset(text: str) -> datetime.datetime:
    """Return the moment of an ISO 8601 string; ValueError if it is not valid or has no offset from UTC."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return moment
