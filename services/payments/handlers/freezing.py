"""Payments become the bytes of a bank file; used when a batch is proposed and when it is refrozen.

Invariants: the caller holds the locks of payer and claims; bytes, hash, lines and the payments'
states are committed together; a reference is never used twice.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.payments.domain.bank_file import FileLine, Payee, compose, read_payee
from services.payments.domain.batch import Batch, BatchLine, BatchState, batch_id
from services.payments.domain.book import Book
from services.payments.domain.claims import ActiveHold, stopping
from services.payments.domain.holds import HoldNotice
from services.payments.domain.money import Cause, Yen
from services.payments.domain.payment import Payment, PaymentChange
from services.payments.ports import LedgerTransaction, Payers, UnitKey, Vault

UNREADABLE_ACCOUNT: Final = "account_unreadable"
# `events.v1.HoldCause`: staff. A person must look before this money can go.
STAFF_HOLD: Final = 7


@dataclass(frozen=True, slots=True)
class Bank:
    """What freezing needs beside the rows."""

    vault: Vault
    payers: Payers
    # the first bank day after the given one; raises ValueError beyond the known calendar
    next_bank_day: Callable[[date], date]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """For whom a file is made, and on whose word."""

    programme: str
    municipality_code: str
    value_date: date
    maker: str
    request_id: str
    cause: Cause


def ready_payees(
    payments: Sequence[Payment],
    holds: dict[UnitKey, list[ActiveHold]],
    tx: LedgerTransaction,
    vault: Vault,
    cause: Cause,
) -> tuple[list[tuple[Payment, Payee]], list[tuple[Payment, int]]]:
    """Divide payments into those that can be paid and those that are stopped, with the cause.

    An account that cannot be opened or written is set aside by a hold of our own and a task, so
    that one bad record never stops a municipality's file.
    """
    ready: list[tuple[Payment, Payee]] = []
    stopped: list[tuple[Payment, int]] = []
    for payment in payments:
        hold = stopping(payment.claim, holds)
        if hold is not None:
            stopped.append((payment, hold.cause))
            continue
        plaintext = vault.open_account(payment)
        payee = None if plaintext is None else read_payee(plaintext)
        if payee is None:
            _set_aside(payment, tx, cause)
            stopped.append((payment, STAFF_HOLD))
        else:
            ready.append((payment, payee))
    return ready, stopped


def freeze_into_file(
    ready: Sequence[tuple[Payment, Payee]],
    change: PaymentChange,
    plan: BatchPlan,
    book: Book,
    tx: LedgerTransaction,
    bank: Bank,
) -> Batch:
    """Compose the file, hash it, and keep it as a frozen batch; payments move in `book`."""
    number = tx.batches.next_number(plan.programme, plan.municipality_code, plan.value_date)
    name = batch_id(plan.programme, plan.municipality_code, plan.value_date, number)
    references = tx.batches.references(len(ready))
    file_lines: list[FileLine] = []
    lines: list[BatchLine] = []
    for line_number, ((payment, payee), reference) in enumerate(
        zip(ready, references, strict=True), start=1
    ):
        file_lines.append(FileLine(payee, payment.amount_yen, reference))
        lines.append(
            BatchLine(
                line_number,
                reference,
                payment.payment_id,
                payment.claim.claim_unit_id,
                payment.amount_yen,
            )
        )
        book.move(payment.payment_id, change, plan.cause, batch_id=name, line_number=line_number)
    content = compose(bank.payers.payer(plan.municipality_code), plan.value_date, file_lines)
    batch = Batch(
        batch_id=name,
        programme=plan.programme,
        municipality_code=plan.municipality_code,
        value_date=plan.value_date,
        number=number,
        state=BatchState.FROZEN,
        records=len(lines),
        amount_yen=Yen(sum(line.amount_yen for line in lines)),
        sha256=hashlib.sha256(content).digest(),
        maker=plan.maker,
        request_id=plan.request_id,
    )
    tx.batches.insert(batch, lines, bank.vault.seal_file(name, content), plan.cause.at)
    tx.money.note(plan.cause, "freeze", name, batch.records, batch.amount_yen)
    return batch


def _set_aside(payment: Payment, tx: LedgerTransaction, cause: Cause) -> None:
    """The hold bears the payment's id: it ends when another revision takes the payment's place."""
    tx.claims.save_holds(
        [
            HoldNotice(
                hold_id=payment.payment_id,
                programme=payment.claim.programme,
                claim_unit_id=payment.claim.claim_unit_id,
                party_id=payment.claim.party_id,
                hold_cause=STAFF_HOLD,
                version=1,
                active=True,
                cause=cause,
            )
        ]
    )
    tx.money.open_task(
        UNREADABLE_ACCOUNT, payment.payment_id.hex(), "the account cannot be written", cause.at
    )
