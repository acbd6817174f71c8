"""The search attributes that a namespace defines, according to the server."""

from __future__ import annotations

import datetime

from temporalio.api.operatorservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import OperatorService

from reconciler.temporal import calls


class SearchAttributes:
    """Reads the search attributes of a namespace, in one call."""

    def __init__(self, service: OperatorService, calls_: calls.Calls) -> None:
        self._service = service
        self._calls = calls_

    async def names(self, patience: datetime.timedelta | None = None) -> frozenset[str]:
        """Return the names, including the server's own; raise `errors.ServerError` if the key lacks permission.

        Waits up to `patience` for a response, not counting time spent waiting for the rate limit.
        """
        request = rpc_pb2.ListSearchAttributesRequest(namespace=self._calls.namespace)
        answer = await self._calls.read(self._service.list_search_attributes, request, patience=patience)
        return frozenset(answer.custom_attributes) | frozenset(answer.system_attributes)
