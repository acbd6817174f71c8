"""A hand-written sync in Python: create schedules, and describe those that exist, one after another; a program."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterable

import temporalio.client
from temporalio.api.workflowservice.v1 import request_response_pb2 as rpc_pb2
from temporalio.service import RPCError, RPCStatusCode

from bench import bare


async def _synced(address: str, namespace: str, requests: Iterable[bytes]) -> None:
    service = (await temporalio.client.Client.connect(address, namespace=namespace)).workflow_service
    for each in requests:
        request = rpc_pb2.CreateScheduleRequest.FromString(each)
        try:
            await service.create_schedule(request, retry=True)
        except RPCError as error:
            if error.status is not RPCStatusCode.ALREADY_EXISTS:
                raise
            described = rpc_pb2.DescribeScheduleRequest(namespace=namespace, schedule_id=request.schedule_id)
            await service.describe_schedule(described, retry=True)


if __name__ == "__main__":
    bare.run(_synced(sys.argv[1], sys.argv[2], bare.read(pathlib.Path(sys.argv[3]))))
