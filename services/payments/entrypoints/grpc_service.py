"""PaymentsService: roles are the interceptor's work; here requests become calls and values answers.

Handlers block on PostgreSQL, so each runs in a thread.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import grpc
import grpc.aio
from kyufu.payments.v1 import payments_pb2, payments_pb2_grpc

from chassis import ids
from chassis.clock import Clock
from chassis.grpc.errors import (
    RpcFailure,
    failed_precondition,
    invalid_argument,
    not_found,
    permission_denied,
    unavailable,
)
from chassis.grpc.principal import Principal, current_principal
from services.payments import handlers
from services.payments.domain.batch import Batch, BatchState
from services.payments.domain.book import DEAD_STATIONS
from services.payments.domain.programmes import Programme
from services.payments.handlers.approve_batch import Approval, ApprovalRefusal
from services.payments.handlers.freezing import Bank
from services.payments.handlers.propose_batches import Proposal, ProposalRefusal
from services.payments.ports import BankChannel, HoldsInFlight, Ledger, Snapshots

MAKER: Final = "payments_maker"
CHECKER: Final = "payments_checker"
VIEWER: Final = "payments_viewer"
_PREFIX: Final = "/kyufu.payments.v1.PaymentsService/"
METHOD_ROLES: Final = {
    f"{_PREFIX}ProposeBatches": frozenset({MAKER}),
    f"{_PREFIX}ListBatches": frozenset({VIEWER}),
    f"{_PREFIX}ApproveBatch": frozenset({CHECKER}),
    f"{_PREFIX}GetYenByStation": frozenset({VIEWER}),
}
PAGE_SIZE_DEFAULT: Final = 100
PAGE_SIZE_MAX: Final = 1_000
REQUEST_ID_CHARS_MAX: Final = 64
_SHA256_BYTES: Final = 32

_Context = grpc.aio.ServicerContext[Any, Any]
_Failure = Callable[[str], RpcFailure]

_PROPOSAL_FAILURES: Final[Mapping[ProposalRefusal, _Failure]] = MappingProxyType(
    {
        ProposalRefusal.UNKNOWN_PROGRAMME: invalid_argument,
        ProposalRefusal.REQUEST_ID_USED: invalid_argument,
        ProposalRefusal.HOLDS_NOT_READ: unavailable,
        ProposalRefusal.BEYOND_CALENDAR: failed_precondition,
    }
)
_APPROVAL_FAILURES: Final[Mapping[ApprovalRefusal, _Failure]] = MappingProxyType(
    {
        ApprovalRefusal.NO_SUCH_BATCH: not_found,
        ApprovalRefusal.HASH_DIFFERS: failed_precondition,
        ApprovalRefusal.MAKER_MAY_NOT_APPROVE: permission_denied,
        ApprovalRefusal.STATE_DOES_NOT_ALLOW: failed_precondition,
        ApprovalRefusal.HOLDS_NOT_READ: unavailable,
        ApprovalRefusal.BYTES_CHANGED: failed_precondition,
        ApprovalRefusal.REFROZEN: failed_precondition,
        ApprovalRefusal.BEYOND_CALENDAR: failed_precondition,
    }
)


class PaymentsService(payments_pb2_grpc.PaymentsServiceServicer):
    """The staff's side of the money path."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        snapshots: Snapshots,
        holds: HoldsInFlight,
        bank: Bank,
        channel: BankChannel,
        programmes: Mapping[str, Programme],
        clock: Clock,
    ) -> None:
        self._ledger = ledger
        self._snapshots = snapshots
        self._holds = holds
        self._bank = bank
        self._channel = channel
        self._programmes = programmes
        self._clock = clock

    async def ProposeBatches(  # noqa: N802 - the contract's name
        self, request: payments_pb2.ProposeBatchesRequest, context: _Context
    ) -> payments_pb2.ProposeBatchesResponse:
        """See the contract."""
        if not 0 < len(request.request_id) <= REQUEST_ID_CHARS_MAX:
            raise invalid_argument("request_id")
        if not request.programme:
            raise invalid_argument("programme")
        principal = current_principal()
        proposal = Proposal(
            request_id=request.request_id,
            programme=request.programme,
            municipality_code=_scope(principal, request.municipality_code),
            maker=principal.subject,
            event_id=ids.event_id(b"", 0, "propose", request.request_id.encode(), 0),
            at=self._clock.now(),
            today=self._clock.today_jst(),
        )
        outcome = await asyncio.to_thread(
            handlers.propose_batches,
            proposal,
            ledger=self._ledger,
            holds=self._holds,
            bank=self._bank,
            programmes=self._programmes,
        )
        if isinstance(outcome, ProposalRefusal):
            raise _PROPOSAL_FAILURES[outcome](outcome.value)
        return payments_pb2.ProposeBatchesResponse(
            batches=[batch_message(batch) for batch in outcome.batches],
            held_records=outcome.held_records,
        )

    async def ApproveBatch(  # noqa: N802
        self, request: payments_pb2.ApproveBatchRequest, context: _Context
    ) -> payments_pb2.ApproveBatchResponse:
        """See the contract."""
        if not request.batch_id:
            raise invalid_argument("batch_id")
        if len(request.sha256) != _SHA256_BYTES:
            raise invalid_argument("sha256")
        principal = current_principal()
        approval = Approval(
            batch_id=request.batch_id,
            sha256=request.sha256,
            checker=principal.subject,
            municipality_code=principal.municipality_code or "",
            event_id=ids.event_id(b"", 0, "approve", request.sha256[: ids.ID_BYTES], 0),
            at=self._clock.now(),
            today=self._clock.today_jst(),
        )
        outcome = await asyncio.to_thread(
            handlers.approve_batch,
            approval,
            ledger=self._ledger,
            holds=self._holds,
            bank=self._bank,
            channel=self._channel,
            now=self._clock.now,
        )
        if isinstance(outcome, ApprovalRefusal):
            raise _APPROVAL_FAILURES[outcome](outcome.value)
        return payments_pb2.ApproveBatchResponse(batch=batch_message(outcome))

    async def ListBatches(  # noqa: N802
        self, request: payments_pb2.ListBatchesRequest, context: _Context
    ) -> payments_pb2.ListBatchesResponse:
        """See the contract. Pages are in the order of batch ids; the token is the last id."""
        size = min(request.page_size or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
        if size < 0:
            raise invalid_argument("page_size")
        state = _STATES_BY_NUMBER.get(request.state)
        if state is None and request.state:
            raise invalid_argument("state")
        batches = await asyncio.to_thread(
            self._snapshots.batches, request.programme, state, request.page_token, size + 1
        )
        page = batches[:size]
        own = current_principal().municipality_code or ""
        return payments_pb2.ListBatchesResponse(
            batches=[batch_message(b) for b in page if own in ("", b.municipality_code)],
            next_page_token=page[-1].batch_id if len(batches) > size else "",
        )

    async def GetYenByStation(  # noqa: N802
        self, request: payments_pb2.GetYenByStationRequest, context: _Context
    ) -> payments_pb2.GetYenByStationResponse:
        """See the contract."""
        own = current_principal().municipality_code or ""
        found = await asyncio.to_thread(self._snapshots.stations, request.programme)
        stations = [s for s in found if own in ("", s.municipality_code)]
        owed = [s for s in stations if s.station not in DEAD_STATIONS]
        return payments_pb2.GetYenByStationResponse(
            stations=[
                payments_pb2.YenByStation(
                    programme=s.programme,
                    municipality_code=s.municipality_code,
                    station=s.station,
                    payments=s.payments,
                    amount_yen=s.amount_yen,
                )
                for s in stations
            ],
            decided_yen=sum(s.amount_yen for s in owed),
            decided_payments=sum(s.payments for s in owed),
        )


def batch_message(batch: Batch) -> payments_pb2.Batch:
    """A batch as the contract has it."""
    return payments_pb2.Batch(
        batch_id=batch.batch_id,
        programme=batch.programme,
        municipality_code=batch.municipality_code,
        value_date=int(f"{batch.value_date:%Y%m%d}"),
        state=payments_pb2.BatchState.Value(f"BATCH_STATE_{batch.state.name}"),
        records=batch.records,
        amount_yen=batch.amount_yen,
        sha256=batch.sha256,
        file_name=batch.file_name,
        maker=batch.maker,
        checker=batch.checker or "",
        returned_records=batch.returned_records,
        returned_yen=batch.returned_yen,
    )


def _scope(principal: Principal, requested: str) -> str:
    own = principal.municipality_code or ""
    if own and requested not in ("", own):
        raise permission_denied("other_municipality")
    return requested or own


_STATES_BY_NUMBER: Final[Mapping[int, BatchState]] = MappingProxyType(
    {payments_pb2.BatchState.Value(f"BATCH_STATE_{state.name}"): state for state in BatchState}
)
