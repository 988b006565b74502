"""Our result file for 総合振込: what became of each payment.

No standard result file or reason code list for 総合振込 has been published; banks agree on one with
each customer. This one is ours, made after the result of 預金口座振替 (91): the payment file's
header unchanged; each payment's own line with the result code at byte 111 (0-based) in place of
振込指定区分; a trailer with count and yen of all, of the paid and of the failed; the end record.
A file may answer for some of a batch's payments only. Records match by reference and content.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

from jpbank.zengin import formats, reader
from jpbank.zengin.checks import Finding
from jpbank.zengin.errors import Rule, ZenginError
from jpbank.zengin.formats import RECORD_LENGTH, RESULT_CODE_OFFSET, RESULT_TRAILER
from jpbank.zengin.framing import Framing
from jpbank.zengin.models import FORMAT_LIMITS, FileLimits, TransferHeader, TransferRecord
from jpbank.zengin.writer import END_LINE, encode_header, encode_record

_RESULT_LAYOUTS: Final = reader.BatchLayouts(
    formats.RESULT_DATA, formats.RESULT_DATA_EDI, RESULT_TRAILER
)
_TELEGRAPHIC: Final = "7"


@unique
class ResultCode(IntEnum):
    """What the bank says of one payment. These codes are ours, not a published standard."""

    PAID = 0
    NO_ACCOUNT = 1
    NAME_MISMATCH = 2
    ACCOUNT_CLOSED = 3
    CREDIT_BLOCKED = 4
    OTHER = 9


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """One payment as it was sent, and its result."""

    transfer: TransferRecord
    code: ResultCode


@dataclass(frozen=True, slots=True)
class ResultTotals:
    """The trailer of a result file."""

    count: int
    total_yen: int
    paid_count: int
    paid_yen: int
    failed_count: int
    failed_yen: int


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One result file: the header of the payment file it answers, and results."""

    header: TransferHeader
    records: tuple[ResultRecord, ...]

    @property
    def totals(self) -> ResultTotals:
        """Give the numbers of the trailer."""
        return _totals((record.transfer.amount_yen, record.code) for record in self.records)


def _totals(results: Iterable[tuple[int, ResultCode]]) -> ResultTotals:
    counts, yen = [0, 0], [0, 0]
    for amount_yen, code in results:
        failed = code is not ResultCode.PAID
        counts[failed] += 1
        yen[failed] += amount_yen
    return ResultTotals(sum(counts), sum(yen), counts[0], yen[0], counts[1], yen[1])


def _with_code(line: bytes, code: ResultCode | str) -> bytes:
    digit = code if isinstance(code, str) else format(code, "d")
    return line[:RESULT_CODE_OFFSET] + digit.encode("ascii") + line[RESULT_CODE_OFFSET + 1 :]


def _encode_result(record: ResultRecord, limits: FileLimits) -> bytes | Finding:
    if record.transfer.transfer_class != _TELEGRAPHIC:
        text = "the result takes the place of 振込指定区分, so only 7 can be answered"
        return Finding(Rule.FIELD_VALUE, RESULT_CODE_OFFSET, "transfer_class", text)
    line = encode_record(record.transfer, limits)
    return line if isinstance(line, Finding) else _with_code(line, record.code)


def write_result_file(
    file: ResultFile, framing: Framing = Framing.CRLF, limits: FileLimits = FORMAT_LIMITS
) -> bytes:
    """Give the result file's bytes; raise ZenginError for the first fault."""
    stride = framing.stride_bytes
    header = encode_header(file.header)
    if isinstance(header, Finding):
        raise header.at(0, 0)
    lines: list[bytes] = []
    total_yen = 0
    for index, record in enumerate(file.records, start=1):
        line = _encode_result(record, limits)
        if isinstance(line, Finding):
            raise line.at(index, index * stride)
        total_yen += record.transfer.amount_yen
        limits.check(index, total_yen, byte_offset=index * stride)
        lines.append(line)
    if not lines:
        raise ZenginError(
            Rule.NO_DATA, record_index=1, byte_offset=stride, message="a file needs a result"
        )
    reader.refuse_duplicates([_with_code(line, _TELEGRAPHIC) for line in lines], stride)
    totals = file.totals
    trailer = (
        f"8{totals.count:06d}{totals.total_yen:012d}{totals.paid_count:06d}{totals.paid_yen:012d}"
        f"{totals.failed_count:06d}{totals.failed_yen:012d}"
    )
    lines = [header, *lines, trailer.encode("ascii").ljust(RECORD_LENGTH), END_LINE]
    return framing.value.join(lines) + framing.value


def read_result_file(data: bytes, limits: FileLimits = FORMAT_LIMITS) -> ResultFile:
    """Read a result file in any framing, whole or not at all; raise ZenginError at any fault."""
    batch = reader.read_batch(data, _RESULT_LAYOUTS)
    amounts = reader.check_amounts(batch, limits)
    codes = [ResultCode(line[RESULT_CODE_OFFSET] - ord("0")) for line in batch.data]
    totals = _totals(zip(amounts, codes, strict=True))
    for name in ("count", "total_yen", "paid_count", "paid_yen", "failed_count", "failed_yen"):
        reader.check_total(batch, RESULT_TRAILER, name, getattr(totals, name), Rule.RESULT_TOTALS)
    payment_lines = [_with_code(line, _TELEGRAPHIC) for line in batch.data]
    reader.refuse_duplicates(payment_lines, batch.stride_bytes)
    records = tuple(
        ResultRecord(reader.parse_record(line), code)
        for line, code in zip(payment_lines, codes, strict=True)
    )
    return ResultFile(reader.parse_header(batch.header), records)
