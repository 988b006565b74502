"""What the bank says became of a file, held against what was sent: all of it, or nothing.

A line matches by its reference AND its content: amount, account and name as they were sent. One
line that does not match refuses the whole answer: nobody knows then whose answer it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from jpbank.zengin import ResultCode, ZenginError, read_result_file, read_transfer_file
from services.payments.domain.bank_file import reference_text
from services.payments.domain.batch import Batch, BatchLine
from services.payments.domain.money import BankResult

_RESULTS: Final = MappingProxyType(
    {
        ResultCode.PAID: BankResult.PAID,
        ResultCode.NO_ACCOUNT: BankResult.NO_ACCOUNT,
        ResultCode.NAME_MISMATCH: BankResult.NAME_MISMATCH,
        ResultCode.ACCOUNT_CLOSED: BankResult.ACCOUNT_CLOSED,
        ResultCode.CREDIT_BLOCKED: BankResult.CREDIT_BLOCKED,
        ResultCode.OTHER: BankResult.OTHER,
    }
)


class Mismatch(StrEnum):
    """Why an answer of the bank is refused whole."""

    UNREADABLE = "unreadable"
    OTHER_HEADER = "other_header"
    UNKNOWN_LINE = "unknown_line"
    LINE_TWICE = "line_twice"
    OTHER_CONTENT = "other_content"
    LINES_MISSING = "lines_missing"
    OTHER_FILE = "other_file"
    OTHER_TOTALS = "other_totals"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The bank took a file, or refused it whole by one of its rules."""

    file_name: str
    sha256: bytes
    accepted: bool
    rule: str
    records: int
    amount_yen: int


def match_results(
    sent: bytes, lines: Sequence[BatchLine], answer: bytes
) -> dict[int, BankResult] | Mismatch:
    """The result of every line by line number."""
    try:
        said = read_result_file(answer)
    except ZenginError:
        return Mismatch.UNREADABLE
    file = read_transfer_file(sent)
    if said.header != file.header:
        return Mismatch.OTHER_HEADER
    transfers = {record.reference: record for record in file.records}
    ledger = {reference_text(line.reference): line for line in lines}
    results: dict[int, BankResult] = {}
    for record in said.records:
        reference = record.transfer.reference
        line, transfer = ledger.get(reference), transfers.get(reference)
        if line is None or transfer is None:
            return Mismatch.UNKNOWN_LINE
        if record.transfer != transfer or transfer.amount_yen != line.amount_yen:
            return Mismatch.OTHER_CONTENT
        if line.line_number in results:
            return Mismatch.LINE_TWICE
        results[line.line_number] = _RESULTS[record.code]
    return results if len(results) == len(lines) else Mismatch.LINES_MISSING


def check_receipt(batch: Batch, receipt: Receipt) -> Mismatch | None:
    """Whether a receipt speaks of exactly the bytes that were sent."""
    if receipt.file_name != batch.file_name or receipt.sha256 != batch.sha256:
        return Mismatch.OTHER_FILE
    if receipt.accepted and (receipt.records, receipt.amount_yen) != (
        batch.records,
        batch.amount_yen,
    ):
        return Mismatch.OTHER_TOTALS
    return None
