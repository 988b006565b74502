"""Reading 総合振込 files: every framing, every refusal, every damaged byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpbank.tests import zengin_examples as examples
from jpbank.tests.properties import STEADY
from jpbank.zengin import Framing, Rule, ZenginError, read_transfer_file, write_transfer_file

LINES = [examples.VECTOR_BYTES[start : start + 120] for start in range(0, 610, 122)]
HEADER, FIRST, SECOND, TRAILER, END = LINES


def _join(*lines: bytes) -> bytes:
    return b"".join(line + b"\r\n" for line in lines)


def _put(line: bytes, offset: int, value: bytes) -> bytes:
    return line[:offset] + value + line[offset + len(value) :]


def _refusal(data: bytes) -> ZenginError:
    with pytest.raises(ZenginError) as refusal:
        read_transfer_file(data)
    return refusal.value


@pytest.mark.parametrize("framing", Framing)
@pytest.mark.parametrize("last_separator", [True, False])
@pytest.mark.parametrize("end_of_file", [b"", b"\x1a"])
def test_every_framing_reads_as_the_same_file(
    framing: Framing, last_separator: bool, end_of_file: bytes
) -> None:
    data = write_transfer_file(examples.VECTOR, framing)
    if not last_separator:
        data = data.removesuffix(framing.value)
    assert read_transfer_file(data + end_of_file) == examples.VECTOR


@pytest.mark.parametrize(
    ("data", "rule", "record_index", "byte_offset"),
    [
        (b"", Rule.EMPTY, 0, 0),
        (b"\r\n\x1a", Rule.EMPTY, 0, 0),
        (b"\xef\xbb\xbf" + examples.VECTOR_BYTES, Rule.BYTE_ORDER_MARK, 0, 0),
        (b"\xff\xfe" + examples.VECTOR_BYTES, Rule.BYTE_ORDER_MARK, 0, 0),
        (b"\xf1\xf2\xf1\xf0" + HEADER[4:], Rule.EBCDIC, 0, 0),
        (_join(_put(HEADER, 3, b"1"), FIRST, SECOND, TRAILER, END), Rule.EBCDIC, 0, 3),
        (_join(_put(HEADER, 1, b"11"), FIRST, TRAILER, END), Rule.TRANSFER_KIND, 0, 1),
        (_join(FIRST, SECOND, TRAILER, END), Rule.HEADER_FIRST, 0, 0),
        (_join(HEADER, TRAILER, END), Rule.NO_DATA, 1, 122),
        (_join(HEADER, FIRST, SECOND), Rule.TRAILER_MISSING, 3, 366),
        (_join(HEADER, FIRST, SECOND, END), Rule.TRAILER_MISSING, 3, 366),
        (_join(HEADER, FIRST, SECOND, TRAILER), Rule.END_MISSING, 4, 488),
        (_join(*LINES, END), Rule.AFTER_END, 5, 610),
        (_join(*LINES[:4], *LINES), Rule.MULTIPLE_BATCHES, 4, 488),
        (_join(HEADER, FIRST, _put(SECOND, 0, b"3"), TRAILER, END), Rule.UNKNOWN_RECORD, 2, 244),
        (_join(HEADER, FIRST, TRAILER, END), Rule.TRAILER_COUNT, 2, 245),
        (
            _join(HEADER, FIRST, _put(SECOND, 80, b"0000100001"), TRAILER, END),
            Rule.TRAILER_AMOUNT,
            3,
            373,
        ),
        (
            _join(HEADER, FIRST, _put(SECOND, 80, b"0000000000"), TRAILER, END),
            Rule.AMOUNT_ZERO,
            2,
            324,
        ),
        (
            _join(HEADER, FIRST, FIRST, _put(TRAILER, 7, b"000000600000"), END),
            Rule.DUPLICATE_RECORD,
            2,
            244,
        ),
        (_join(HEADER, FIRST, SECOND[:-1], TRAILER, END), Rule.SEPARATOR, 2, 364),
        (examples.VECTOR_BYTES[:-3], Rule.RECORD_LENGTH, 4, 607),
        (examples.VECTOR_BYTES[:-1], Rule.RECORD_LENGTH, 4, 609),
        (HEADER[:50], Rule.RECORD_LENGTH, 0, 50),
        (_join(_put(HEADER, 54, b"0230"), *LINES[1:]), Rule.DATE, 0, 54),
    ],
)
def test_a_broken_file_is_refused_whole_with_rule_and_place(
    data: bytes, rule: Rule, record_index: int, byte_offset: int
) -> None:
    error = _refusal(data)
    assert (error.rule, error.record_index, error.byte_offset) == (rule, record_index, byte_offset)


def test_a_separator_of_another_kind_is_found_where_it_stands() -> None:
    data = bytearray(examples.VECTOR_BYTES)
    data[120] = ord("\n")
    error = _refusal(bytes(data))
    assert (error.rule, error.record_index, error.byte_offset) == (Rule.SEPARATOR, 0, 120)


def test_the_looser_names_that_some_banks_write_are_read() -> None:
    loose = _put(_put(FIRST, 50, "ｶｦﾙ".encode("cp932").ljust(30)), 38, b"    ")
    loose = _put(loose, 5, "ﾃ ｽﾄ".encode("cp932"))
    file = read_transfer_file(_join(HEADER, loose, SECOND, TRAILER, END))
    assert file.records[0].bank_name == "ﾃ ｽﾄ"
    assert file.records[0].payee_name == "ｶｦﾙ"


# Bytes whose change stays within what the format allows: only the hash and the ledger's match can
# see it (a reference is EDI information too, so byte 112 may say either). Everything else must be
# refused, at the very byte or where the sums stand.
HEADER_PAYLOAD = set(range(4, 103))
DATA_PAYLOAD = {*range(1, 38), *range(42, 80), 90, *range(91, 113)}


def _is_payload(byte: int) -> bool:
    record, offset = divmod(byte, 122)
    if record == 0:
        return offset in HEADER_PAYLOAD
    return record in (1, 2) and offset in DATA_PAYLOAD


STRUCTURAL = [byte for byte in range(610) if not _is_payload(byte)]


@pytest.mark.parametrize("byte", STRUCTURAL)
def test_a_damaged_structural_byte_is_refused_with_its_place(byte: int) -> None:
    for value in {*b"\x00\x1a \r\n0123456789Y\xb1\xdf\xff", examples.VECTOR_BYTES[byte] ^ 1}:
        damaged = bytearray(examples.VECTOR_BYTES)
        damaged[byte] = value
        if bytes(damaged) == examples.VECTOR_BYTES:
            continue
        error = _refusal(bytes(damaged))
        amount = byte // 122 in (1, 2) and 80 <= byte % 122 < 90
        record_kind = byte % 122 == 0
        if not (amount or record_kind or byte == 609):
            assert error.record_index == byte // 122
            assert 0 <= byte - error.byte_offset < 12


@STEADY
@given(st.integers(0, 609), st.integers(0, 255))
def test_a_file_with_one_changed_byte_is_refused_or_differs_in_payload_only(
    byte: int, value: int
) -> None:
    damaged = bytearray(examples.VECTOR_BYTES)
    damaged[byte] = value
    if bytes(damaged) == examples.VECTOR_BYTES:
        return
    try:
        file = read_transfer_file(bytes(damaged))
    except ZenginError:
        return
    assert _is_payload(byte) or byte >= 608
    assert (file != examples.VECTOR) == _is_payload(byte)


@STEADY
@given(st.binary(max_size=400) | st.binary(max_size=100).map(lambda tail: HEADER + tail))
def test_no_input_raises_anything_but_the_typed_error(data: bytes) -> None:
    with pytest.raises(ZenginError):
        read_transfer_file(data)
