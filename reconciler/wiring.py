"""Builds the parts from settings; decides nothing."""

from __future__ import annotations

from reconciler import settings
from reconciler.temporal import connect

Server = connect.Server


async def server(connection: settings.Connection) -> Server:
    """Return the connected server; raises `errors.ReconcilerError` when there is none to talk to."""
    return await connect.connect(connection)
