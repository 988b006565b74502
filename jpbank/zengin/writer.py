"""Writes 総合振込 files: frozen values in, the exact bytes that people approve and banks get out.

Invariants: every line passes the strict form of its layout; nothing is cut, padded over or
replaced; the trailer states what was written; the same values always give the same bytes.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from jpbank.zengin.checks import Finding, amount_fault, date_fault, first_fault
from jpbank.zengin.errors import Rule, ZenginError
from jpbank.zengin.formats import (
    DATA,
    DATA_EDI,
    HEADER,
    RECORD_LENGTH,
    Field,
    FieldType,
    RecordLayout,
)
from jpbank.zengin.framing import Framing
from jpbank.zengin.models import (
    DEFAULT_LIMITS,
    FileLimits,
    TransferFile,
    TransferHeader,
    TransferRecord,
)

END_LINE: Final = b"9".ljust(RECORD_LENGTH)
_BANK_NAMES: Final = ("bank_name", "branch_name")


def _width_fault(value: str, field: Field, offset: int) -> Finding | None:
    """Say how ``value`` fails to fill its field exactly and reversibly."""
    if field.type is FieldType.N:
        if not value.isascii():
            text = f"{field.japanese} must be half-width digits"
            return Finding(Rule.FIELD_DIGITS, offset, field.name, text)
        if len(value) != field.length:
            text = f"{field.japanese} must be {field.length} digits"
            return Finding(Rule.FIELD_OVERFLOW, offset, field.name, text)
        return None
    if len(value) > field.length:
        text = f"{field.japanese} is longer than {field.length} bytes and is never cut"
        return Finding(Rule.FIELD_OVERFLOW, offset, field.name, text)
    if value.endswith(" ") and field.character_class is not None:
        text = f"{field.japanese} ends in a space, which reading would take for padding"
        return Finding(Rule.FIELD_ALIGNMENT, offset, field.name, text)
    inner = value.find(" ") if field.name in _BANK_NAMES else -1
    for position, char in enumerate(value):
        # cp932 gives one byte to ASCII and half-width kana only.
        if position == inner or not (char.isascii() or "\uff61" <= char <= "\uff9f"):
            text = f"{field.japanese} holds a forbidden character"
            return Finding(Rule.FIELD_CHARACTER, offset + position, field.name, text)
    return None


def fit(layout: RecordLayout, values: Mapping[str, str]) -> bytes | Finding:
    """Lay ``values`` out; fields not given are padding. The plain way, field by field."""
    line, offset = "", 0
    for field in layout.fields:
        value = values.get(field.name, field.allowed[0] if field.allowed else "")
        fault = _width_fault(value, field, offset)
        if fault is not None:
            return fault
        line += value.ljust(field.length)
        offset += field.length
    encoded = line.encode("cp932")
    return first_fault(encoded, layout, strict=True) or encoded


def encode_header(header: TransferHeader) -> bytes | Finding:
    """Give the header's 120 bytes, or what is wrong with it."""
    values = {
        "client_code": header.client_code,
        "client_name": header.client_name,
        "value_date_mmdd": header.value_date_mmdd,
        "bank_code": header.bank_code,
        "bank_name": header.bank_name,
        "branch_code": header.branch_code,
        "branch_name": header.branch_name,
        "account_type": format(header.account_type, "d"),
        "account_number": header.account_number,
    }
    line = fit(HEADER, values)
    if isinstance(line, Finding):
        return line
    return date_fault(line[HEADER.slice_of("value_date_mmdd")]) or line


def _fits(record: TransferRecord, customer: str) -> bool:
    """Tell cheaply whether every value has its width; the exact fault is sought only if not."""
    return (
        len(record.bank_code) == 4
        and len(record.branch_code) == 3
        and len(record.account_number) == 7
        and len(record.bank_name) <= 15
        and len(record.branch_name) <= 15
        and " " not in record.bank_name
        and " " not in record.branch_name
        and len(record.payee_name) <= 30
        and record.payee_name[-1:] != " "
        and len(customer) <= 20
        and customer[-1:] != " "
        and len(record.new_code) == 1
        and len(record.transfer_class) == 1
    )


def _field_by_field(record: TransferRecord) -> bytes | Finding:
    """Encode the plain way, which names the first field that does not fit."""
    values = {
        "bank_code": record.bank_code,
        "bank_name": record.bank_name,
        "branch_code": record.branch_code,
        "branch_name": record.branch_name,
        "account_type": format(record.account_type, "d"),
        "account_number": record.account_number,
        "payee_name": record.payee_name,
        "amount_yen": f"{record.amount_yen:010d}",
        "new_code": record.new_code,
        "transfer_class": record.transfer_class,
    }
    if record.edi_information is not None:
        return fit(DATA_EDI, {**values, "edi_information": record.edi_information})
    codes = {
        "customer_code_1": record.reference[:10],
        "customer_code_2": record.reference[10:],
    }
    return fit(DATA, {**values, **codes})


def encode_record(record: TransferRecord, limits: FileLimits) -> bytes | Finding:
    """Give the payment's 120 bytes, or what is wrong with it. The hot path of writing."""
    amount = record.amount_yen
    if type(amount) is not int:  # bool and float pass for int elsewhere; money must not
        text = "振込金額 must be a whole number of yen"
        return Finding(Rule.FIELD_VALUE, DATA.offset_of("amount_yen"), "amount_yen", text)
    fault = amount_fault(amount, limits.amount_yen_max)
    if fault is not None:
        return fault
    edi = record.edi_information
    layout, flag, customer = (DATA, " ", record.reference) if edi is None else (DATA_EDI, "Y", edi)
    if edi is not None and record.reference:
        text = "a payment carries a reference or EDI information, not both"
        offset = DATA_EDI.offset_of("edi_information")
        return Finding(Rule.FIELD_VALUE, offset, "edi_information", text)
    if not _fits(record, customer):
        return _field_by_field(record)
    text = (
        f"2{record.bank_code}{record.bank_name:<15}{record.branch_code}{record.branch_name:<15}0000"
        f"{record.account_type:d}{record.account_number}{record.payee_name:<30}{amount:010d}"
        f"{record.new_code}{customer:<20}{record.transfer_class}{flag}       "
    )
    try:
        line = text.encode("cp932")
    except UnicodeEncodeError:
        return _field_by_field(record)
    if len(line) != RECORD_LENGTH or first_fault(line, layout, strict=True) is not None:
        return _field_by_field(record)
    return line


def encode_trailer(count: int, total_yen: int) -> bytes:
    """Give 合計件数 and 合計金額; the limits have been checked by then."""
    line = f"8{count:06d}{total_yen:012d}".encode("ascii").ljust(RECORD_LENGTH)
    if len(line) != RECORD_LENGTH:
        raise AssertionError("the trailer overflows although the limits were kept")
    return line


def iter_transfer_file(
    header: TransferHeader,
    records: Iterable[TransferRecord],
    framing: Framing,
    limits: FileLimits = DEFAULT_LIMITS,
) -> Iterator[bytes]:
    """Give the file line by line, for files too large to hold as values.

    Raises ZenginError at the first fault, so what was taken before is no file: write it under a
    temporary name. Lines are remembered to refuse a payment that stands twice in the file.
    """
    separator, stride = framing.value, framing.stride_bytes
    line = encode_header(header)
    if isinstance(line, Finding):
        raise line.at(0, 0)
    yield line + separator
    total_yen = 0
    seen: set[bytes] = set()
    count = 0
    for count, record in enumerate(records, start=1):
        start = count * stride
        line = encode_record(record, limits)
        if isinstance(line, Finding):
            raise line.at(count, start)
        total_yen += record.amount_yen
        limits.check(count, total_yen, byte_offset=start)
        seen.add(line)
        if len(seen) != count:
            raise Finding(Rule.DUPLICATE_RECORD, 0, "", "the same payment stands twice").at(
                count, start
            )
        yield line + separator
    if not count:
        raise ZenginError(
            Rule.NO_DATA, record_index=1, byte_offset=stride, message="a file needs a payment"
        )
    yield encode_trailer(count, total_yen) + separator
    yield END_LINE + separator


def write_transfer_file(
    file: TransferFile, framing: Framing = Framing.CRLF, limits: FileLimits = DEFAULT_LIMITS
) -> bytes:
    """Give the whole file's bytes; raise ZenginError for the first fault and write nothing."""
    return b"".join(iter_transfer_file(file.header, file.records, framing, limits))
