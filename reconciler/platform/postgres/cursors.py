"""Where a page of rows ends, as a string that a caller passes back to get the next page."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime
import struct
import uuid

from reconciler import errors

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_PARTS = struct.Struct(">q16s")  # 24 bytes, 32 characters


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The last row of a page, identified by the sort key: `at`, then `id`."""

    at: datetime.datetime
    id: uuid.UUID

    @property
    def text(self) -> str:
        """Return the cursor as a URL-safe string."""
        return base64.urlsafe_b64encode(_PARTS.pack((self.at - _EPOCH) // _MICROSECOND, self.id.bytes)).decode("ascii")


def cursor(text: str) -> Cursor:
    """Parse a cursor from a string; raises `errors.UsageError` if it is not valid."""
    try:
        micros, id_ = _PARTS.unpack(base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True))
        return Cursor(at=_EPOCH + micros * _MICROSECOND, id=uuid.UUID(bytes=id_))
    except (ValueError, OverflowError, struct.error, binascii.Error):
        raise errors.UsageError(
            "the cursor is not valid", hint="pass the cursor from the previous page unchanged"
        ) from None
