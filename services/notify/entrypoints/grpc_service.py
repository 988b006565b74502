"""NotificationService: decode, accept, encode."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import grpc
import grpc.aio
from kyufu.notify.v1 import notify_pb2, notify_pb2_grpc

from chassis import tracing
from chassis.clock import Clock
from chassis.grpc.errors import invalid_argument
from services.notify import handlers
from services.notify.domain.notices import Accepted, Notice
from services.notify.entrypoints.decoding import FieldError, NoticeReader
from services.notify.ports import Counters, NoticeStore

BATCH_REQUESTS_MAX: Final = 500
SOURCE: Final = "grpc"
SERVICE_ROLE: Final = "service"
_PREFIX: Final = "/kyufu.notify.v1.NotificationService/"
METHOD_ROLES: Final = {
    f"{_PREFIX}Notify": frozenset({SERVICE_ROLE}),
    f"{_PREFIX}NotifyBatch": frozenset({SERVICE_ROLE}),
    f"{_PREFIX}GetNoticeTotals": frozenset({SERVICE_ROLE, "operator"}),
}

_Context = grpc.aio.ServicerContext[Any, Any]


class NotificationService(notify_pb2_grpc.NotificationServiceServicer):
    """Roles, deadlines and traces are the interceptor's work."""

    def __init__(
        self, *, store: NoticeStore, reader: NoticeReader, counters: Counters, clock: Clock
    ) -> None:
        self._store = store
        self._reader = reader
        self._counters = counters
        self._clock = clock

    async def Notify(  # noqa: N802 - the contract's name
        self, request: notify_pb2.NotifyRequest, context: _Context
    ) -> notify_pb2.NotifyResponse:
        """See the contract."""
        trace = _trace()
        try:
            notice = self._reader.from_request(request, trace)
        except FieldError as error:
            raise invalid_argument(error.field) from error
        (result,) = await self._accept([notice])
        return notify_pb2.NotifyResponse(accepted_now=result is Accepted.CREATED)

    async def NotifyBatch(  # noqa: N802
        self, request: notify_pb2.NotifyBatchRequest, context: _Context
    ) -> notify_pb2.NotifyBatchResponse:
        """See the contract. A bad request refuses the whole batch."""
        if len(request.requests) > BATCH_REQUESTS_MAX:
            raise invalid_argument("requests")
        trace = _trace()
        notices: list[Notice] = []
        for place, single in enumerate(request.requests):
            try:
                notices.append(self._reader.from_request(single, trace))
            except FieldError as error:
                raise invalid_argument(f"requests[{place}].{error.field}") from error
        results = await self._accept(notices) if notices else []
        return notify_pb2.NotifyBatchResponse(
            responses=[
                notify_pb2.NotifyResponse(accepted_now=result is Accepted.CREATED)
                for result in results
            ]
        )

    async def GetNoticeTotals(  # noqa: N802
        self, request: notify_pb2.GetNoticeTotalsRequest, context: _Context
    ) -> notify_pb2.GetNoticeTotalsResponse:
        """See the contract. Notices without a contact are not counted as requested."""
        totals = await asyncio.to_thread(self._store.totals)
        return notify_pb2.GetNoticeTotalsResponse(
            requested=totals.requested, delivered=totals.delivered, failed=totals.failed
        )

    async def _accept(self, notices: Sequence[Notice]) -> list[Accepted]:
        return await asyncio.to_thread(
            handlers.accept,
            notices,
            source=SOURCE,
            at=self._clock.now(),
            store=self._store,
            counters=self._counters,
        )


def _trace() -> str | None:
    running = tracing.current()
    return running.format() if running is not None else None
