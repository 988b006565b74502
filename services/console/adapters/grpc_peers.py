"""The other services by gRPC, under the caller's own token wherever a person acts."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import grpc
import grpc.aio
from kyufu.payments.v1 import payments_pb2, payments_pb2_grpc
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.grpc.client import call, call_metadata
from chassis.grpc.errors import RpcFailure

READ_TIMEOUT_S: Final = 10.0
PROPOSE_TIMEOUT_S: Final = 60.0
APPROVE_TIMEOUT_S: Final = 30.0
IMPORT_TIMEOUT_S: Final = 600.0
STATUS_TIMEOUT_S: Final = 4.0


class GrpcPayments:
    """See Payments."""

    def __init__(self, channel: grpc.aio.Channel, own_token: Callable[[], str]) -> None:
        self._stub = payments_pb2_grpc.PaymentsServiceStub(channel)
        self._own_token = own_token

    async def propose(
        self, request: payments_pb2.ProposeBatchesRequest, token: str
    ) -> payments_pb2.ProposeBatchesResponse:
        response: payments_pb2.ProposeBatchesResponse = await call(
            self._stub.ProposeBatches, request, PROPOSE_TIMEOUT_S, token=token
        )
        return response

    async def batches(
        self, request: payments_pb2.ListBatchesRequest, token: str
    ) -> payments_pb2.ListBatchesResponse:
        response: payments_pb2.ListBatchesResponse = await call(
            self._stub.ListBatches, request, READ_TIMEOUT_S, token=token
        )
        return response

    async def approve(
        self, request: payments_pb2.ApproveBatchRequest, token: str
    ) -> payments_pb2.ApproveBatchResponse:
        response: payments_pb2.ApproveBatchResponse = await call(
            self._stub.ApproveBatch, request, APPROVE_TIMEOUT_S, token=token
        )
        return response

    async def stations(self, programme: str) -> Sequence[payments_pb2.YenByStation]:
        response: payments_pb2.GetYenByStationResponse = await call(
            self._stub.GetYenByStation,
            payments_pb2.GetYenByStationRequest(programme=programme),
            STATUS_TIMEOUT_S,
            token=self._own_token,
        )
        return response.stations


class GrpcRegisters:
    """See Registers."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = staff_pb2_grpc.RegistersServiceStub(channel)

    async def load(
        self, requests: AsyncIterator[staff_pb2.ImportRegisterRequest], token: str
    ) -> staff_pb2.ImportRegisterResponse:
        try:
            response: staff_pb2.ImportRegisterResponse = await self._stub.ImportRegister(
                requests, timeout=IMPORT_TIMEOUT_S, metadata=call_metadata(token)
            )
        except grpc.aio.AioRpcError as error:
            raise RpcFailure(error.code(), error.details() or "") from error
        return response
