"""A maker proposes: planned payments are frozen into files, one batch per payer and limit.

Payments are selected by compare-and-set on the ledger, never from a list. Each file is one
transaction, so a crash in the middle leaves whole files, and the same request goes on where it
stopped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import Final

from services.payments.domain.batch import Batch
from services.payments.domain.book import Book
from services.payments.domain.facts import RequestState
from services.payments.domain.money import Cause, Payout
from services.payments.domain.payment import Payment, PaymentChange, PaymentState
from services.payments.domain.programmes import Programme
from services.payments.handlers.freezing import Bank, BatchPlan, freeze_into_file, ready_payees
from services.payments.ports import HoldsInFlight, Ledger, LedgerTransaction

FILES_PER_PAYER_MAX: Final = 10_000


class ProposalRefusal(StrEnum):
    """Why no batch was made."""

    UNKNOWN_PROGRAMME = "unknown_programme"
    REQUEST_ID_USED = "request_id_used"
    HOLDS_NOT_READ = "holds_not_read"
    BEYOND_CALENDAR = "beyond_calendar"


@dataclass(frozen=True, slots=True)
class Proposal:
    """Who proposes what. An empty municipality means every payer."""

    request_id: str
    programme: str
    municipality_code: str
    maker: str
    event_id: bytes
    at: datetime
    today: date


@dataclass(frozen=True, slots=True)
class Proposed:
    """The batches of a request, and the payments that stay behind because of a hold."""

    batches: list[Batch]
    held_records: int


def propose_batches(
    proposal: Proposal,
    *,
    ledger: Ledger,
    holds: HoldsInFlight,
    bank: Bank,
    programmes: Mapping[str, Programme],
) -> Proposed | ProposalRefusal:
    """Freeze what is planned. Idempotent on the request id."""
    programme = programmes.get(proposal.programme)
    if programme is None:
        return ProposalRefusal.UNKNOWN_PROGRAMME
    request = ledger.run(lambda tx: _request(proposal, tx))
    if not request.same:
        return ProposalRefusal.REQUEST_ID_USED
    if not request.completed:
        if not holds.catch_up():
            return ProposalRefusal.HOLDS_NOT_READ
        try:
            value_date = bank.next_bank_day(proposal.today)
        except ValueError:
            return ProposalRefusal.BEYOND_CALENDAR
        plan = BatchPlan(
            programme=proposal.programme,
            municipality_code=proposal.municipality_code,
            value_date=value_date,
            maker=proposal.maker,
            request_id=proposal.request_id,
            cause=Cause(proposal.event_id, proposal.maker, proposal.at),
        )
        for payer in ledger.run(lambda tx: _payers(proposal, tx)):
            own = replace(plan, municipality_code=payer)
            ledger.run(partial(_grant_budget, own, programme))
            _freeze_payer(own, programme.file_records_max, ledger=ledger, bank=bank)
        ledger.run(lambda tx: _complete(proposal, tx))
    return ledger.run(lambda tx: _answer(proposal, tx))


def _request(proposal: Proposal, tx: LedgerTransaction) -> RequestState:
    return tx.batches.lock_request(
        proposal.request_id,
        proposal.programme,
        proposal.municipality_code,
        proposal.maker,
        proposal.at,
    )


def _payers(proposal: Proposal, tx: LedgerTransaction) -> list[str]:
    if proposal.municipality_code:
        return [proposal.municipality_code]
    waiting = {
        payer
        for state in (PaymentState.PLANNED, PaymentState.AWAITING_BUDGET)
        for payer in tx.batches.payers_with(proposal.programme, state)
    }
    return sorted(waiting)


def _grant_budget(plan: BatchPlan, programme: Programme, tx: LedgerTransaction) -> None:
    """Plan what waits for budget and fits by now, in the order of claims, at most one file's."""
    keys = tx.claims.waiting(
        plan.programme,
        plan.municipality_code,
        PaymentState.AWAITING_BUDGET,
        programme.file_records_max,
    )
    if not keys:
        return
    claims = tx.claims.lock(keys)
    waiting = tx.claims.payments(
        [(key.claim_unit_id, state.current) for key, state in claims.items() if state.current]
    )
    payer = (plan.programme, plan.municipality_code)
    left_yen = tx.money.lock_budgets({payer: programme.budget_yen_default})[payer]
    book = Book(waiting)
    for payment in sorted(waiting, key=lambda each: each.claim):
        if payment.state is PaymentState.AWAITING_BUDGET and payment.amount_yen <= left_yen:
            left_yen -= payment.amount_yen
            book.move(payment.payment_id, PaymentChange.GRANT_BUDGET, plan.cause)
    tx.money.save(book, plan.cause.at)


def _freeze_payer(plan: BatchPlan, records_max: int, *, ledger: Ledger, bank: Bank) -> None:
    for _ in range(FILES_PER_PAYER_MAX):
        if not ledger.run(lambda tx: _freeze_one(plan, records_max, tx, bank)):
            return
    raise RuntimeError("a payer has more files than can be right")


def _freeze_one(plan: BatchPlan, records_max: int, tx: LedgerTransaction, bank: Bank) -> bool:
    """One file, or one set of payments found held; False when nothing is planned any more."""
    request = tx.batches.lock_request(
        plan.request_id, plan.programme, "", plan.maker, plan.cause.at
    )
    if request.completed:
        return False
    tx.batches.lock_payer(plan.programme, plan.municipality_code)
    keys = tx.claims.waiting(
        plan.programme, plan.municipality_code, PaymentState.PLANNED, records_max
    )
    if not keys:
        return False
    claims = tx.claims.lock(keys)
    current = [(key.claim_unit_id, state.current) for key, state in claims.items() if state.current]
    planned = [p for p in tx.claims.payments(current) if _may_freeze(p, plan)]
    planned.sort(key=lambda payment: payment.claim)
    held = tx.claims.active_holds([(key.programme, key.claim_unit_id) for key in keys])
    book = Book(planned)
    ready, stopped = ready_payees(planned, held, tx, bank.vault, plan.cause)
    for payment, hold_cause in stopped:
        book.move(payment.payment_id, PaymentChange.HOLD, plan.cause, hold_cause=hold_cause)
    if ready:
        freeze_into_file(ready, PaymentChange.FREEZE, plan, book, tx, bank)
    tx.money.save(book, plan.cause.at)
    return bool(ready or stopped)


def _may_freeze(payment: Payment, plan: BatchPlan) -> bool:
    """Asked again under lock: another revision may have come since the claims were listed."""
    return (
        payment.state is PaymentState.PLANNED
        and payment.payout is Payout.ACCOUNT
        and payment.municipality_code == plan.municipality_code
    )


def _complete(proposal: Proposal, tx: LedgerTransaction) -> None:
    _request(proposal, tx)
    held = 0
    payers = [proposal.municipality_code]
    if not proposal.municipality_code:
        payers = tx.batches.payers_with(proposal.programme, PaymentState.HELD)
    for payer in payers:
        held += tx.batches.count_waiting(proposal.programme, payer, PaymentState.HELD)
    tx.batches.complete_request(proposal.request_id, held, proposal.at)


def _answer(proposal: Proposal, tx: LedgerTransaction) -> Proposed:
    request = _request(proposal, tx)
    return Proposed(tx.batches.of_request(proposal.request_id), request.held_records)
