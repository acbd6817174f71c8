"""Report the state of a `Type=notify` service to systemd: one datagram per state, as in sd_notify(3)."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping

READY = "READY=1"
STOPPING = "STOPPING=1"
_PATIENCE = 1.0  # seconds to send a datagram
_LOG = logging.getLogger(__name__)


def notify(state: str, environ: Mapping[str, str]) -> None:
    """Send a state to the socket in NOTIFY_SOCKET, if systemd set it.

    A failure is logged, because systemd ends a service that does not report in time, and the log then shows why.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):  # in the abstract namespace, which has no files
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.settimeout(_PATIENCE)
            sender.sendto(state.encode(), address)
    except OSError as error:
        _LOG.warning("systemd was not notified", extra={"fields": {"state": state, "error": error.strerror}})
