"""Reads 総合振込 files whole or not at all.

Every byte of an accepted file is accounted for: framing, order, every field of every record, the
trailer's count and sum, and no payment twice. What is left undetected by design are bytes whose
other values are just as valid (a name, an account digit, a reference): hash and ledger see those.
"""

from dataclasses import dataclass
from typing import Final

from jpbank.accounts import AccountType
from jpbank.zengin import formats
from jpbank.zengin.checks import Finding, amount_fault, date_fault, first_fault
from jpbank.zengin.errors import Rule, ZenginError
from jpbank.zengin.formats import DATA, EDI_FLAG_OFFSET, HEADER, TRAILER, RecordLayout
from jpbank.zengin.framing import split_records
from jpbank.zengin.models import (
    FORMAT_LIMITS,
    FileLimits,
    TransferFile,
    TransferHeader,
    TransferRecord,
)

_HEADER_KIND, _DATA_KIND, _TRAILER_KIND, _END_KIND = b"1289"
_EDI_FLAG: Final = ord("Y")
_AMOUNT: Final = DATA.slice_of("amount_yen")
_TYPES: Final = {format(kind, "d").encode("ascii"): kind for kind in AccountType}
_DATA_CUTS: Final = tuple(
    DATA.slice_of(name)
    for name in (
        "bank_code", "bank_name", "branch_code", "branch_name", "account_type", "account_number",
        "payee_name", "new_code", "transfer_class",
    )
)  # fmt: skip
_REFERENCE: Final = slice(
    DATA.slice_of("customer_code_1").start, DATA.slice_of("customer_code_2").stop
)


@dataclass(frozen=True, slots=True)
class BatchLayouts:
    """Which layouts a kind of file uses for its data (without and with EDI) and its trailer."""

    data: RecordLayout
    data_edi: RecordLayout
    trailer: RecordLayout


TRANSFER_LAYOUTS: Final = BatchLayouts(formats.DATA, formats.DATA_EDI, formats.TRAILER)


@dataclass(frozen=True, slots=True)
class Batch:
    """The checked lines of a file's one batch; record ``i`` of the file starts at i * stride."""

    header: bytes
    data: list[bytes]
    trailer: bytes
    stride_bytes: int


def _order_error(kind: int | None, expected: Rule) -> tuple[Rule, str]:
    """Choose the rule for a record that is not the one expected there."""
    messages = {
        Rule.NO_DATA: "a payment record must follow the header",
        Rule.TRAILER_MISSING: "the trailer must follow the payments",
        Rule.END_MISSING: "the end record must follow the trailer",
        Rule.AFTER_END: "nothing may follow the end record",
    }
    if expected is not Rule.AFTER_END and kind is not None:
        if kind == _HEADER_KIND:
            return Rule.MULTIPLE_BATCHES, "a file carries one batch, and this is a second header"
        if kind not in b"1289":
            return Rule.UNKNOWN_RECORD, "データ区分 must be 1, 2, 8 or 9"
    return expected, messages[expected]


def read_batch(data: bytes, layouts: BatchLayouts) -> Batch:
    """Check framing, order and every field by itself; sums are the caller's, who knows them."""
    framed = split_records(data)
    lines, stride = framed.lines, framed.framing.stride_bytes

    def check(index: int, layout: RecordLayout) -> bytes:
        fault = first_fault(lines[index], layout, strict=False)
        if fault is not None:
            raise fault.at(index, index * stride)
        return lines[index]

    def refuse(index: int, expected: Rule) -> ZenginError:
        kind = lines[index][0] if index < len(lines) else None
        rule, message = _order_error(kind, expected)
        return ZenginError(
            rule, record_index=index, byte_offset=min(index * stride, len(data)), message=message
        )

    if lines[0][0] != _HEADER_KIND:
        raise ZenginError(
            Rule.HEADER_FIRST, record_index=0, byte_offset=0, message="the header must come first"
        )
    header = check(0, HEADER)
    date = date_fault(header[HEADER.slice_of("value_date_mmdd")])
    if date is not None:
        raise date.at(0, 0)
    index = 1
    while index < len(lines) and lines[index][0] == _DATA_KIND:
        edi = lines[index][EDI_FLAG_OFFSET] == _EDI_FLAG
        check(index, layouts.data_edi if edi else layouts.data)
        index += 1
    if index == 1:
        raise refuse(index, Rule.NO_DATA)
    if index == len(lines) or lines[index][0] != _TRAILER_KIND:
        raise refuse(index, Rule.TRAILER_MISSING)
    trailer = check(index, layouts.trailer)
    end = index + 1
    if end == len(lines) or lines[end][0] != _END_KIND:
        raise refuse(end, Rule.END_MISSING)
    check(end, formats.END)
    if end + 1 < len(lines):
        raise refuse(end + 1, Rule.AFTER_END)
    return Batch(header, lines[1:index], trailer, stride)


def _text(value: bytes) -> str:
    return value.decode("cp932").rstrip(" ")


def parse_header(line: bytes) -> TransferHeader:
    """Turn a checked header line into its value."""

    def text(name: str) -> str:
        return _text(line[HEADER.slice_of(name)])

    return TransferHeader(
        client_code=text("client_code"),
        client_name=text("client_name"),
        value_date_mmdd=text("value_date_mmdd"),
        bank_code=text("bank_code"),
        branch_code=text("branch_code"),
        account_type=_TYPES[line[HEADER.slice_of("account_type")]],
        account_number=text("account_number"),
        bank_name=text("bank_name"),
        branch_name=text("branch_name"),
    )


def parse_record(line: bytes) -> TransferRecord:
    """Turn a checked data line into its value."""
    bank, bank_name, branch, branch_name, kind, number, payee, new_code, transfer_class = (
        line[cut] for cut in _DATA_CUTS
    )
    customer = line[_REFERENCE]
    is_edi = line[EDI_FLAG_OFFSET] == _EDI_FLAG
    return TransferRecord(
        bank_code=bank.decode("ascii"),
        branch_code=branch.decode("ascii"),
        account_type=_TYPES[kind],
        account_number=number.decode("ascii"),
        payee_name=_text(payee),
        amount_yen=int(line[_AMOUNT]),
        reference="" if is_edi else customer.decode("ascii"),
        bank_name=_text(bank_name),
        branch_name=_text(branch_name),
        new_code=new_code.decode("ascii"),
        transfer_class=transfer_class.decode("ascii"),
        edi_information=_text(customer) if is_edi else None,
    )


def check_amounts(batch: Batch, limits: FileLimits) -> list[int]:
    """Give each payment's yen, after checking each and the limits on all."""
    amounts: list[int] = []
    total_yen = 0
    for index, line in enumerate(batch.data, start=1):
        amount = int(line[_AMOUNT])
        fault = amount_fault(amount, limits.amount_yen_max)
        start = index * batch.stride_bytes
        if fault is not None:
            raise fault.at(index, start)
        total_yen += amount
        limits.check(index, total_yen, byte_offset=start)
        amounts.append(amount)
    return amounts


def check_total(batch: Batch, layout: RecordLayout, name: str, expected: int, rule: Rule) -> None:
    """Compare one number of the trailer with what the payments say."""
    if int(batch.trailer[layout.slice_of(name)]) != expected:
        index = len(batch.data) + 1
        message = "the trailer does not agree with the payments"
        finding = Finding(rule, layout.offset_of(name), name, message)
        raise finding.at(index, index * batch.stride_bytes)


def refuse_duplicates(lines: list[bytes], stride_bytes: int) -> None:
    """Refuse a payment that stands twice; ``lines`` are compared as they are."""
    if len(set(lines)) == len(lines):
        return
    seen: set[bytes] = set()
    for index, line in enumerate(lines, start=1):
        if line in seen:
            finding = Finding(Rule.DUPLICATE_RECORD, 0, "", "the same payment stands twice")
            raise finding.at(index, index * stride_bytes)
        seen.add(line)


def read_transfer_file(data: bytes, limits: FileLimits = FORMAT_LIMITS) -> TransferFile:
    """Read a 総合振込 file in any framing; raise ZenginError, and return nothing, at any fault."""
    batch = read_batch(data, TRANSFER_LAYOUTS)
    amounts = check_amounts(batch, limits)
    check_total(batch, TRAILER, "count", len(amounts), Rule.TRAILER_COUNT)
    check_total(batch, TRAILER, "total_yen", sum(amounts), Rule.TRAILER_AMOUNT)
    refuse_duplicates(batch.data, batch.stride_bytes)
    records = tuple(parse_record(line) for line in batch.data)
    return TransferFile(parse_header(batch.header), records)
