"""What the bank answered: a receipt for each file, then the result of each line.

Invariants: an answer is taken whole or refused whole; the same answer is taken once; whatever does
not fit what was sent changes no money and leaves a task for a person.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from services.payments.domain.batch import Batch, BatchChange, BatchState, advanced
from services.payments.domain.book import Book
from services.payments.domain.facts import ArrivedFile, BankAnswer
from services.payments.domain.money import BankResult, Cause, PaymentId, Yen
from services.payments.domain.payment import PaymentChange, PaymentState
from services.payments.domain.results import Mismatch, Receipt, check_receipt, match_results
from services.payments.handlers.approve_batch import locked_payments
from services.payments.ports import BankChannel, Ledger, LedgerTransaction, Vault

RECEIPT_ENDING: Final = ".receipt.json"
RESULT_ENDING: Final = ".result.dat"
RECEIPT: Final = "receipt"
RESULT: Final = "result"
ANSWER_REFUSED: Final = "bank_answer_refused"
ANSWER_CHANGED: Final = "bank_answer_changed"
FILE_REJECTED: Final = "file_rejected"
BANK: Final = "bank"

ReceiptReader = Callable[[bytes], Receipt | None]


def read_bank_answers(
    *,
    ledger: Ledger,
    vault: Vault,
    channel: BankChannel,
    read_receipt: ReceiptReader,
    now: Callable[[], datetime],
) -> list[str]:
    """Take every answer that has arrived; returns a word for each, for the metric."""
    known = ledger.run(lambda tx: tx.answers.known())
    words: list[str] = []
    for file in channel.arrived(known):
        digest = hashlib.sha256(file.content).digest()
        if file.file_name not in known:
            words.append(_take(file, digest, ledger, vault, read_receipt, now()))
        elif known[file.file_name] != digest:
            words.append("changed")
            _open_task(ledger, ANSWER_CHANGED, file.file_name, "other content than read", now())
    return words


def _take(
    file: ArrivedFile,
    digest: bytes,
    ledger: Ledger,
    vault: Vault,
    read_receipt: ReceiptReader,
    at: datetime,
) -> str:
    def work(tx: LedgerTransaction) -> str:
        if file.file_name.endswith(RECEIPT_ENDING):
            batch_id = file.file_name.removesuffix(RECEIPT_ENDING)
            outcome = _take_receipt(batch_id, read_receipt(file.content), digest, tx, at)
            kind = RECEIPT
        else:
            batch_id = file.file_name.removesuffix(RESULT_ENDING)
            outcome = _take_result(batch_id, file.content, digest, tx, vault, at)
            kind = RESULT
        if outcome == "early":
            return outcome
        refused = isinstance(outcome, Mismatch)
        answer = BankAnswer(file.file_name, digest, batch_id, kind, not refused, str(outcome))
        if not tx.answers.keep(answer, at):
            return "repeated"
        if refused:
            tx.money.open_task(ANSWER_REFUSED, file.file_name, str(outcome), at)
        return "refused" if refused else str(outcome)

    return ledger.run(work)


def _take_receipt(
    batch_id: str, receipt: Receipt | None, digest: bytes, tx: LedgerTransaction, at: datetime
) -> str | Mismatch:
    batch = tx.batches.lock(batch_id)
    if batch is None:
        return Mismatch.OTHER_FILE
    if receipt is None:
        return Mismatch.UNREADABLE
    if batch.state is BatchState.RELEASING:
        # The file is at the bank, our own word about it is not yet written: read again later.
        return "early"
    mismatch = check_receipt(batch, receipt)
    if mismatch is not None:
        return mismatch
    if batch.state is BatchState.UNKNOWN and receipt.accepted:
        batch = _prove_sent(batch, Cause(digest[:16], BANK, at), tx)
    if batch.state is not BatchState.SENT:
        return Mismatch.OTHER_FILE
    if receipt.accepted:
        tx.batches.save(replace(batch, state=advanced(batch.state, BatchChange.TAKE_RECEIPT)), at)
        return "receipted"
    _reject(batch, receipt.rule, Cause(digest[:16], BANK, at), tx)
    return FILE_REJECTED


def _prove_sent(batch: Batch, cause: Cause, tx: LedgerTransaction) -> Batch:
    """The bank's receipt for the very bytes is evidence that an unknown file has arrived."""
    lines = tx.batches.lines(batch.batch_id)
    payments = locked_payments(batch, lines, PaymentState.UNKNOWN, tx)
    book = Book(payments)
    for payment in payments:
        book.move(payment.payment_id, PaymentChange.PROVE_SENT, cause)
    tx.money.save(book, cause.at)
    tx.money.note(cause, "prove_sent", batch.batch_id, batch.records, batch.amount_yen)
    return replace(batch, state=advanced(batch.state, BatchChange.PROVE_SENT))


def _reject(batch: Batch, rule: str, cause: Cause, tx: LedgerTransaction) -> None:
    """The bank refused the file whole by `rule`: nothing was paid, and every payment is planned
    again.
    """
    payments = locked_payments(batch, tx.batches.lines(batch.batch_id), PaymentState.SENT, tx)
    book = Book(payments)
    for payment in payments:
        book.move(payment.payment_id, PaymentChange.REJECT_FILE, cause)
    tx.money.save(book, cause.at)
    tx.batches.save(replace(batch, state=advanced(batch.state, BatchChange.REJECT)), cause.at)
    tx.money.note(cause, FILE_REJECTED, batch.batch_id, batch.records, batch.amount_yen)
    tx.money.open_task(FILE_REJECTED, batch.batch_id, rule or "no rule named", cause.at)


def _take_result(
    batch_id: str,
    content: bytes,
    digest: bytes,
    tx: LedgerTransaction,
    vault: Vault,
    at: datetime,
) -> str | Mismatch:
    batch = tx.batches.lock(batch_id)
    if batch is None:
        return Mismatch.OTHER_FILE
    if batch.state in {BatchState.RELEASING, BatchState.SENT, BatchState.UNKNOWN}:
        # Its receipt comes first; a receipt may yet prove that an unknown file has arrived.
        return "early"
    if batch.state is not BatchState.RECEIPTED:
        return Mismatch.OTHER_FILE
    lines = tx.batches.lines(batch_id)
    sent = vault.open_file(batch_id, tx.batches.sealed_file(batch_id))
    results = match_results(sent, lines, content)
    if isinstance(results, Mismatch):
        return results
    cause = Cause(digest[:16], BANK, at)
    payments = locked_payments(batch, lines, PaymentState.SENT, tx)
    book = Book(payments)
    returned_yen = returned = 0
    for line, payment in zip(lines, payments, strict=True):
        result = results[line.line_number]
        change = PaymentChange.SETTLE
        if result is not BankResult.PAID:
            change = PaymentChange.RETURN
            returned += 1
            returned_yen += payment.amount_yen
        book.move(payment.payment_id, change, cause, bank_result=result)
    tx.money.save(book, at)
    told = [(news, book.get(PaymentId(news.payment_id))) for news in book.news]
    tx.money.notify_of_payments(told)
    tx.batches.save(
        replace(
            batch,
            state=advanced(batch.state, BatchChange.RECONCILE),
            returned_records=returned,
            returned_yen=Yen(returned_yen),
        ),
        at,
    )
    tx.money.note(cause, "reconcile", batch_id, batch.records, batch.amount_yen)
    return "reconciled"


def _open_task(ledger: Ledger, kind: str, subject: str, reason: str, at: datetime) -> None:
    ledger.run(lambda tx: tx.money.open_task(kind, subject, reason, at))
