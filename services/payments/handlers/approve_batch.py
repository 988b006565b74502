"""A checker approves exactly the bytes that were looked at, and the file goes to the bank.

Order that no crash can break: holds are read to their end and checked again under lock; approval
and `releasing` are committed before the first byte leaves; the file is put down under a name that
is never overwritten; then `sent` is committed. A crash between these is resumed with the same bytes
under the same name.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from services.payments.domain.batch import Batch, BatchChange, BatchLine, BatchState, advanced
from services.payments.domain.book import Book
from services.payments.domain.claims import stopping
from services.payments.domain.money import Cause, PaymentId
from services.payments.domain.payment import Payment, PaymentChange, PaymentState
from services.payments.handlers.freezing import Bank, BatchPlan, freeze_into_file, ready_payees
from services.payments.ports import (
    BankChannel,
    HoldsInFlight,
    Ledger,
    LedgerTransaction,
    UnitKey,
    Vault,
)

RESUMED_PER_ROUND_MAX: Final = 100
FILE_ENDING: Final = ".dat"
_RELEASED: Final = frozenset(
    {
        BatchState.SENT,
        BatchState.RECEIPTED,
        BatchState.FILE_REJECTED,
        BatchState.UNKNOWN,
        BatchState.RECONCILED,
    }
)


class ApprovalRefusal(StrEnum):
    """Why a batch was not released."""

    NO_SUCH_BATCH = "no_such_batch"
    HASH_DIFFERS = "hash_differs"
    MAKER_MAY_NOT_APPROVE = "maker_may_not_approve"
    STATE_DOES_NOT_ALLOW = "state_does_not_allow"
    HOLDS_NOT_READ = "holds_not_read"
    # The stored bytes are not those that were hashed; nothing leaves and a task stands open.
    BYTES_CHANGED = "bytes_changed"
    # A hold came, or the value date passed: the batch was voided and frozen anew without it.
    REFROZEN = "refrozen"
    BEYOND_CALENDAR = "beyond_calendar"


@dataclass(frozen=True, slots=True)
class Approval:
    """Who approves what. An empty municipality means that the checker acts for all."""

    batch_id: str
    sha256: bytes
    checker: str
    municipality_code: str
    event_id: bytes
    at: datetime
    today: date


def approve_batch(
    approval: Approval,
    *,
    ledger: Ledger,
    holds: HoldsInFlight,
    bank: Bank,
    channel: BankChannel,
    now: Callable[[], datetime],
) -> Batch | ApprovalRefusal:
    """Approve and release. Idempotent on (batch, hash)."""
    if not holds.catch_up():
        return ApprovalRefusal.HOLDS_NOT_READ
    outcome = ledger.run(lambda tx: _approve(approval, tx, bank))
    if isinstance(outcome, Batch) and outcome.state is BatchState.RELEASING:
        return release(outcome, ledger=ledger, vault=bank.vault, channel=channel, now=now)
    return outcome


def resume_releases(
    *, ledger: Ledger, vault: Vault, channel: BankChannel, now: Callable[[], datetime]
) -> int:
    """Finish what a crash or a full disk interrupted; returns how many files were in that state."""
    batches = ledger.run(
        lambda tx: tx.batches.in_state(BatchState.RELEASING, RESUMED_PER_ROUND_MAX)
    )
    for batch in batches:
        release(batch, ledger=ledger, vault=vault, channel=channel, now=now)
    return len(batches)


def release(
    batch: Batch,
    *,
    ledger: Ledger,
    vault: Vault,
    channel: BankChannel,
    now: Callable[[], datetime],
) -> Batch:
    """Deliver a batch that is `releasing`. Safe to repeat: the same bytes, never over another."""
    sealed = ledger.run(lambda tx: tx.batches.sealed_file(batch.batch_id))
    content = vault.open_file(batch.batch_id, sealed)
    if hashlib.sha256(content).digest() != batch.sha256:
        raise RuntimeError("the bytes of an approved file changed")
    delivered = channel.deliver(batch.file_name + FILE_ENDING, content)
    return ledger.run(lambda tx: _after_delivery(batch.batch_id, delivered, tx, now()))


def _approve(approval: Approval, tx: LedgerTransaction, bank: Bank) -> Batch | ApprovalRefusal:
    batch = tx.batches.lock(approval.batch_id)
    if batch is None or approval.municipality_code not in ("", batch.municipality_code):
        return ApprovalRefusal.NO_SUCH_BATCH
    if approval.sha256 != batch.sha256:
        return ApprovalRefusal.HASH_DIFFERS
    if approval.checker == batch.maker:
        return ApprovalRefusal.MAKER_MAY_NOT_APPROVE
    if batch.state is BatchState.RELEASING or batch.state in _RELEASED:
        return batch
    if batch.state is not BatchState.FROZEN:
        return ApprovalRefusal.STATE_DOES_NOT_ALLOW
    content = bank.vault.open_file(batch.batch_id, tx.batches.sealed_file(batch.batch_id))
    if hashlib.sha256(content).digest() != batch.sha256:
        tx.money.open_task("bytes_changed", batch.batch_id, "not the hashed bytes", approval.at)
        return ApprovalRefusal.BYTES_CHANGED
    tx.batches.lock_payer(batch.programme, batch.municipality_code)
    lines = tx.batches.lines(batch.batch_id)
    payments = locked_payments(batch, lines, PaymentState.FROZEN, tx)
    units = [_unit(payment) for payment in payments]
    active = tx.claims.active_holds(units)
    cause = Cause(approval.event_id, approval.checker, approval.at)
    if batch.value_date <= approval.today or any(stopping(p.claim, active) for p in payments):
        try:
            value_date = bank.next_bank_day(approval.today)
        except ValueError:
            return ApprovalRefusal.BEYOND_CALENDAR
        _refreeze(batch, value_date, payments, tx, bank, cause)
        return ApprovalRefusal.REFROZEN
    return _release(batch, payments, tx, cause)


def _release(batch: Batch, payments: list[Payment], tx: LedgerTransaction, cause: Cause) -> Batch:
    tx.batches.approve(batch, cause.actor, cause.at)
    released = replace(
        batch,
        state=advanced(batch.state, BatchChange.APPROVE, BatchChange.RELEASE),
        checker=cause.actor,
        attempt=batch.attempt + 1,
    )
    book = Book(payments)
    for payment in payments:
        book.move(payment.payment_id, PaymentChange.RELEASE, cause)
    tx.money.save(book, cause.at)
    tx.batches.save(released, cause.at)
    tx.money.note(cause, "approve", batch.batch_id, batch.records, batch.amount_yen)
    return released


def _refreeze(
    batch: Batch,
    value_date: date,
    payments: list[Payment],
    tx: LedgerTransaction,
    bank: Bank,
    cause: Cause,
) -> None:
    """Void the batch and freeze what may still go, as the same maker's proposal."""
    holds = tx.claims.active_holds([_unit(payment) for payment in payments])
    book = Book(payments)
    ready, stopped = ready_payees(payments, holds, tx, bank.vault, cause)
    for payment, hold_cause in stopped:
        book.move(payment.payment_id, PaymentChange.UNFREEZE, cause)
        book.move(payment.payment_id, PaymentChange.HOLD, cause, hold_cause=hold_cause)
    tx.batches.save(replace(batch, state=advanced(batch.state, BatchChange.VOID)), cause.at)
    tx.money.note(cause, "void", batch.batch_id, batch.records, batch.amount_yen)
    if ready:
        plan = BatchPlan(
            programme=batch.programme,
            municipality_code=batch.municipality_code,
            value_date=value_date,
            maker=batch.maker,
            request_id=batch.request_id,
            cause=cause,
        )
        freeze_into_file(ready, PaymentChange.REFREEZE, plan, book, tx, bank)
    tx.money.save(book, cause.at)


def _after_delivery(batch_id: str, delivered: bool, tx: LedgerTransaction, at: datetime) -> Batch:
    batch = tx.batches.lock(batch_id)
    if batch is None:
        raise LookupError("a released batch is gone")
    if batch.state is not BatchState.RELEASING:
        return batch
    lines = tx.batches.lines(batch_id)
    payments = locked_payments(batch, lines, PaymentState.RELEASING, tx)
    cause = Cause(batch.sha256[:16], batch.checker or "", at)
    change, word = PaymentChange.SEND, "send"
    state = advanced(batch.state, BatchChange.SEND)
    if not delivered:
        change, word = PaymentChange.LOSE_TRACK, "lose_track"
        state = advanced(batch.state, BatchChange.LOSE_TRACK)
        tx.money.open_task("file_unknown", batch_id, "other bytes stand under this name", at)
    book = Book(payments)
    for payment in payments:
        book.move(payment.payment_id, change, cause)
    tx.money.save(book, at)
    sent = replace(batch, state=state)
    tx.batches.save(sent, at)
    tx.money.note(cause, word, batch_id, batch.records, batch.amount_yen)
    return sent


def locked_payments(
    batch: Batch, lines: list[BatchLine], state: PaymentState, tx: LedgerTransaction
) -> list[Payment]:
    """The payments of a file in the order of its lines, their claims locked. Each must stand in
    this file and in `state`: anything else is a broken invariant.
    """
    tx.claims.lock_of_units([(batch.programme, line.claim_unit_id) for line in lines])
    payments = {
        payment.payment_id: payment
        for payment in tx.claims.payments(
            [(line.claim_unit_id, PaymentId(line.payment_id)) for line in lines]
        )
    }
    ordered = [payments[PaymentId(line.payment_id)] for line in lines]
    if any(p.state is not state or p.batch_id != batch.batch_id for p in ordered):
        raise RuntimeError("a payment does not stand in the file that names it")
    return ordered


def _unit(payment: Payment) -> UnitKey:
    return payment.claim.programme, payment.claim.claim_unit_id
