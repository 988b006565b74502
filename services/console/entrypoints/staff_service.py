"""StaffService: decode, ask the handler or pass on, encode."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import grpc
import grpc.aio
from kyufu.payments.v1 import payments_pb2
from kyufu.staff.v1 import staff_pb2, staff_pb2_grpc

from chassis.clock import Clock, to_ms
from chassis.grpc.errors import RpcFailure, invalid_argument
from chassis.grpc.interceptors import AUTHORIZATION, BEARER
from chassis.grpc.principal import current_principal
from chassis.ids import parse_application_id
from chassis.metrics import Metrics
from services.console import handlers
from services.console.domain import access
from services.console.domain.access import Actor
from services.console.entrypoints import encoding, status
from services.console.handlers import Refused
from services.console.metric_defs import RESOLVED_REVIEWS
from services.console.ports import (
    AuditLog,
    DeadLetterStore,
    GroupLags,
    Payments,
    Peers,
    Registers,
    ReviewStore,
    SourceRecords,
    TraceStore,
)

_PREFIX: Final = "/kyufu.staff.v1.StaffService/"
_CASE_ROLES: Final = frozenset({access.CASE_WORKER, access.PROTECTED_CASE_WORKER})
METHOD_ROLES: Final = {
    f"{_PREFIX}TraceApplication": _CASE_ROLES | {access.AUDITOR},
    f"{_PREFIX}ListReviews": _CASE_ROLES,
    f"{_PREFIX}ResolveReview": _CASE_ROLES,
    f"{_PREFIX}ImportRegister": frozenset({access.REGISTRAR}),
    f"{_PREFIX}GetStatus": frozenset({access.OPERATOR}),
    f"{_PREFIX}ListDeadLetters": frozenset({access.OPERATOR}),
    f"{_PREFIX}ReplayDeadLetter": frozenset({access.OPERATOR}),
    f"{_PREFIX}ListBatches": frozenset({access.PAYMENTS_VIEWER}),
    f"{_PREFIX}ProposeBatches": frozenset({access.PAYMENTS_MAKER}),
    f"{_PREFIX}ApproveBatch": frozenset({access.PAYMENTS_CHECKER}),
}

_Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the service stands on."""

    traces: TraceStore
    reviews: ReviewStore
    letters: DeadLetterStore
    sources: SourceRecords
    audit: AuditLog
    payments: Payments
    registers: Registers
    peers: Peers
    lags: GroupLags


class StaffService(staff_pb2_grpc.StaffServiceServicer):
    """Roles, deadlines and traces are the interceptor's work."""

    def __init__(
        self, *, ports: Ports, programmes: tuple[str, ...], clock: Clock, metrics: Metrics
    ) -> None:
        self._ports = ports
        self._programmes = programmes
        self._clock = clock
        self._resolved = metrics.counter(RESOLVED_REVIEWS)

    async def TraceApplication(  # noqa: N802 - the contract's name
        self, request: staff_pb2.TraceApplicationRequest, context: _Context
    ) -> staff_pb2.TraceApplicationResponse:
        """See the contract."""
        application_id = parse_application_id(request.application_id)
        if application_id is None:
            raise invalid_argument("application_id")
        answer = await asyncio.to_thread(
            handlers.trace_application,
            _actor(),
            application_id,
            at_ms=self._now_ms(),
            traces=self._ports.traces,
            audit=self._ports.audit,
        )
        if isinstance(answer, Refused):
            raise encoding.failure(answer)
        return encoding.trace_message(answer)

    async def ListReviews(  # noqa: N802
        self, request: staff_pb2.ListReviewsRequest, context: _Context
    ) -> staff_pb2.ListReviewsResponse:
        """See the contract."""
        limit = encoding.page_size(request.page_size)
        page = await asyncio.to_thread(
            handlers.list_reviews,
            _actor(),
            include_resolved=request.include_resolved,
            after=encoding.from_page_token(request.page_token),
            limit=limit,
            reviews=self._ports.reviews,
        )
        last = page.reviews[-1] if len(page.reviews) == limit else None
        return staff_pb2.ListReviewsResponse(
            reviews=[encoding.review_message(review) for review in page.reviews],
            next_page_token=encoding.page_token(last.opened_at_ms, last.review_id) if last else "",
            open_total=page.open_total,
        )

    async def ResolveReview(  # noqa: N802
        self, request: staff_pb2.ResolveReviewRequest, context: _Context
    ) -> staff_pb2.ResolveReviewResponse:
        """See the contract."""
        resolution = encoding.resolution_of(request.resolution)
        answer = await asyncio.to_thread(
            handlers.resolve_review,
            _actor(),
            encoding.id_from_hex(request.review_id, "review_id"),
            resolution,
            at_ms=self._now_ms(),
            reviews=self._ports.reviews,
            audit=self._ports.audit,
        )
        if isinstance(answer, Refused):
            raise encoding.failure(answer)
        self._resolved.labels(resolution=resolution.value).inc()
        return staff_pb2.ResolveReviewResponse(review=encoding.review_message(answer))

    async def ImportRegister(  # noqa: N802
        self,
        request_iterator: AsyncIterator[staff_pb2.ImportRegisterRequest],
        context: _Context,
    ) -> staff_pb2.ImportRegisterResponse:
        """Passed on as it comes; the importer judges it."""
        actor, began_ms = _actor(), self._now_ms()
        entry = handlers.entry(actor, handlers.IMPORT, "register", "begun", began_ms)
        await asyncio.to_thread(self._ports.audit.record, entry)
        return await self._ports.registers.load(request_iterator, _token(context))

    async def GetStatus(  # noqa: N802
        self, request: staff_pb2.GetStatusRequest, context: _Context
    ) -> staff_pb2.GetStatusResponse:
        """See the contract. What cannot be reached is shown as such, the rest is shown."""
        ports = self._ports
        return await status.collect(
            peers=ports.peers,
            lags=ports.lags,
            payments=ports.payments,
            programmes=self._programmes,
            reviews=ports.reviews,
            letters=ports.letters,
        )

    async def ListDeadLetters(  # noqa: N802
        self, request: staff_pb2.ListDeadLettersRequest, context: _Context
    ) -> staff_pb2.ListDeadLettersResponse:
        """See the contract; newest first."""
        limit = encoding.page_size(request.page_size)
        after = encoding.from_page_token(request.page_token)
        letters = await asyncio.to_thread(
            self._ports.letters.page,
            (after.opened_at_ms, after.review_id) if after is not None else None,
            limit,
        )
        last = letters[-1] if len(letters) == limit else None
        return staff_pb2.ListDeadLettersResponse(
            dead_letters=[encoding.dead_letter_message(letter) for letter in letters],
            next_page_token=encoding.page_token(last.at_ms, last.dead_letter_id) if last else "",
        )

    async def ReplayDeadLetter(  # noqa: N802
        self, request: staff_pb2.ReplayDeadLetterRequest, context: _Context
    ) -> staff_pb2.ReplayDeadLetterResponse:
        """See the contract."""
        answer = await asyncio.to_thread(
            handlers.replay_dead_letter,
            _actor(),
            encoding.id_from_hex(request.dead_letter_id, "dead_letter_id"),
            at_ms=self._now_ms(),
            letters=self._ports.letters,
            sources=self._ports.sources,
            audit=self._ports.audit,
        )
        if isinstance(answer, Refused):
            raise encoding.failure(answer)
        return staff_pb2.ReplayDeadLetterResponse(dead_letter=encoding.dead_letter_message(answer))

    async def ListBatches(  # noqa: N802
        self, request: staff_pb2.ListBatchesRequest, context: _Context
    ) -> staff_pb2.ListBatchesResponse:
        """Passed on under the caller's own token."""
        response = await self._ports.payments.batches(
            payments_pb2.ListBatchesRequest(
                programme=request.programme,
                page_size=request.page_size,
                page_token=request.page_token,
            ),
            _token(context),
        )
        return staff_pb2.ListBatchesResponse(
            batches=response.batches, next_page_token=response.next_page_token
        )

    async def ProposeBatches(  # noqa: N802
        self, request: staff_pb2.ProposeBatchesRequest, context: _Context
    ) -> staff_pb2.ProposeBatchesResponse:
        """Passed on under the caller's own token."""
        response = await self._ports.payments.propose(
            payments_pb2.ProposeBatchesRequest(
                programme=request.programme,
                municipality_code=request.municipality_code,
                request_id=request.request_id,
            ),
            _token(context),
        )
        return staff_pb2.ProposeBatchesResponse(
            batches=response.batches, held_records=response.held_records
        )

    async def ApproveBatch(  # noqa: N802
        self, request: staff_pb2.ApproveBatchRequest, context: _Context
    ) -> staff_pb2.ApproveBatchResponse:
        """Passed on under the caller's own token."""
        response = await self._ports.payments.approve(
            payments_pb2.ApproveBatchRequest(batch_id=request.batch_id, sha256=request.sha256),
            _token(context),
        )
        return staff_pb2.ApproveBatchResponse(batch=response.batch)

    def _now_ms(self) -> int:
        return to_ms(self._clock.now())


def _actor() -> Actor:
    principal = current_principal()
    return Actor(principal.subject, principal.roles, principal.municipality_code or "")


def _token(context: _Context) -> str:
    """The caller's token, which the interceptor has verified."""
    for key, value in context.invocation_metadata() or ():
        if key == AUTHORIZATION and isinstance(value, str):
            return value.removeprefix(BEARER)
    raise RpcFailure(grpc.StatusCode.UNAUTHENTICATED, "token_missing")
