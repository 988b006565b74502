"""Layouts, and writing 総合振込 files."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpbank.accounts import AccountType
from jpbank.tests import zengin_examples as examples
from jpbank.tests.properties import STEADY
from jpbank.zengin import (
    FileLimits,
    Framing,
    Rule,
    TransferFile,
    ZenginError,
    formats,
    iter_transfer_file,
    read_transfer_file,
    write_transfer_file,
)


def test_the_published_file_is_written_byte_for_byte() -> None:
    written = write_transfer_file(examples.VECTOR)
    assert written == examples.VECTOR_BYTES
    digest = "4c07efa1ca616153ccc800f89f06fee9725a953146c3689263415fabbbffe1ed"
    assert (len(written), sha256(written).hexdigest()) == (610, digest)


def test_the_published_file_unseparated_has_its_published_hash() -> None:
    written = write_transfer_file(examples.VECTOR, Framing.NONE)
    digest = "751bbfe3658ba0005f1a88041d68ec7dfb22a14c83d55403857686cc8579fa72"
    assert (len(written), sha256(written).hexdigest()) == (600, digest)


@STEADY
@given(examples.files, st.sampled_from(Framing))
def test_what_is_written_is_read_back_as_it_was(file: TransferFile, framing: Framing) -> None:
    assert read_transfer_file(write_transfer_file(file, framing)) == file


@pytest.mark.parametrize(
    ("layout", "name", "offset"),
    [
        (formats.HEADER, "client_name", 14),
        (formats.HEADER, "value_date_mmdd", 54),
        (formats.HEADER, "account_number", 96),
        (formats.DATA, "clearing_house", 38),
        (formats.DATA, "payee_name", 50),
        (formats.DATA, "amount_yen", 80),
        (formats.DATA, "customer_code_2", 101),
        (formats.DATA, "transfer_class", 111),
        (formats.DATA, "edi_flag", 112),
        (formats.DATA_EDI, "edi_information", 91),
        (formats.TRAILER, "total_yen", 7),
        (formats.RESULT_DATA, "result_code", formats.RESULT_CODE_OFFSET),
        (formats.RESULT_TRAILER, "failed_yen", 43),
    ],
)
def test_a_field_stands_at_its_published_byte(
    layout: formats.RecordLayout, name: str, offset: int
) -> None:
    assert layout.offset_of(name) == offset


def test_a_layout_that_does_not_fill_its_record_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="119"):
        formats.RecordLayout("short", (formats.Field("x", formats.FieldType.C, 119, "x"),))


@pytest.mark.parametrize(
    ("change", "rule", "field", "offset"),
    [
        ({"payee_name": "ﾃ" * 31}, Rule.FIELD_OVERFLOW, "payee_name", 50),
        ({"payee_name": ""}, Rule.FIELD_REQUIRED, "payee_name", 50),
        ({"payee_name": "ﾃｽﾄ "}, Rule.FIELD_ALIGNMENT, "payee_name", 50),
        ({"payee_name": " ﾃｽﾄ"}, Rule.FIELD_ALIGNMENT, "payee_name", 50),
        ({"payee_name": "ﾃｽﾄ太"}, Rule.FIELD_CHARACTER, "payee_name", 53),
        ({"payee_name": "ﾃｽﾄ¥"}, Rule.FIELD_CHARACTER, "payee_name", 53),
        ({"payee_name": "ｷｬﾉﾝ"}, Rule.FIELD_CHARACTER, "payee_name", 51),
        ({"payee_name": "ｶｦﾙ"}, Rule.FIELD_CHARACTER, "payee_name", 51),
        ({"payee_name": "ｱﾞ"}, Rule.VOICING_MARK, "payee_name", 51),
        ({"payee_name": "ﾟ"}, Rule.VOICING_MARK, "payee_name", 50),
        ({"bank_name": "ﾃ ｽﾄ"}, Rule.FIELD_CHARACTER, "bank_name", 6),
        ({"branch_name": "ﾃ" * 16}, Rule.FIELD_OVERFLOW, "branch_name", 23),
        ({"bank_code": "99000", "branch_code": "58"}, Rule.FIELD_OVERFLOW, "bank_code", 1),
        ({"bank_code": "99a0"}, Rule.FIELD_DIGITS, "bank_code", 3),
        ({"account_number": "123456７"}, Rule.FIELD_DIGITS, "account_number", 43),
        ({"new_code": "3"}, Rule.FIELD_VALUE, "new_code", 90),
        ({"transfer_class": "0"}, Rule.FIELD_VALUE, "transfer_class", 111),
        ({"reference": "123"}, Rule.FIELD_OVERFLOW, "customer_code_1", 91),
        ({"reference": "1" * 21}, Rule.FIELD_OVERFLOW, "customer_code_2", 101),
        ({"edi_information": "ﾃｽﾄ"}, Rule.FIELD_VALUE, "edi_information", 91),
        ({"amount_yen": 0}, Rule.AMOUNT_ZERO, "amount_yen", 80),
        ({"amount_yen": -1}, Rule.AMOUNT_ZERO, "amount_yen", 80),
        ({"amount_yen": 10_000_000_000}, Rule.LIMIT_AMOUNT, "amount_yen", 80),
        ({"amount_yen": 100_000.0}, Rule.FIELD_VALUE, "amount_yen", 80),
        ({"amount_yen": True}, Rule.FIELD_VALUE, "amount_yen", 80),
    ],
)
def test_a_payment_that_does_not_fit_is_refused_at_its_byte(
    change: dict[str, Any], rule: Rule, field: str, offset: int
) -> None:
    file = TransferFile(examples.HEADER, (examples.FIRST, replace(examples.SECOND, **change)))
    with pytest.raises(ZenginError) as refusal:
        write_transfer_file(file, Framing.CRLF)
    error = refusal.value
    assert (error.rule, error.field) == (rule, field)
    assert (error.record_index, error.byte_offset) == (2, 2 * 122 + offset)


@pytest.mark.parametrize(
    ("change", "rule", "field"),
    [
        ({"client_name": "ﾃ" * 41}, Rule.FIELD_OVERFLOW, "client_name"),
        ({"client_name": ""}, Rule.FIELD_REQUIRED, "client_name"),
        ({"client_code": "1"}, Rule.FIELD_OVERFLOW, "client_code"),
        ({"value_date_mmdd": "0230"}, Rule.DATE, "value_date_mmdd"),
        ({"value_date_mmdd": "1301"}, Rule.DATE, "value_date_mmdd"),
        ({"account_type": AccountType.SAVINGS}, Rule.FIELD_VALUE, "account_type"),
    ],
)
def test_a_header_that_does_not_fit_is_refused(
    change: dict[str, Any], rule: Rule, field: str
) -> None:
    file = TransferFile(replace(examples.HEADER, **change), examples.VECTOR.records)
    with pytest.raises(ZenginError) as refusal:
        write_transfer_file(file)
    assert (refusal.value.rule, refusal.value.field) == (rule, field)


def test_the_largest_payment_fills_its_field() -> None:
    largest = replace(examples.FIRST, amount_yen=9_999_999_999)
    file = TransferFile(examples.HEADER, (largest,))
    assert read_transfer_file(write_transfer_file(file)).total_yen == 9_999_999_999


def test_a_contract_s_limits_hold_to_the_record_and_the_yen() -> None:
    exact = FileLimits(records_max=2, amount_yen_max=300_000, total_yen_max=400_000)
    assert write_transfer_file(examples.VECTOR, limits=exact) == examples.VECTOR_BYTES
    for limits, rule in [
        (replace(exact, records_max=1), Rule.LIMIT_RECORDS),
        (replace(exact, amount_yen_max=299_999), Rule.LIMIT_AMOUNT),
        (replace(exact, total_yen_max=399_999), Rule.LIMIT_TOTAL),
    ]:
        with pytest.raises(ZenginError) as refusal:
            write_transfer_file(examples.VECTOR, limits=limits)
        assert refusal.value.rule is rule


def test_limits_beyond_the_trailer_s_width_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="exceed"):
        FileLimits(records_max=1_000_000)


def test_a_file_without_payments_is_refused() -> None:
    with pytest.raises(ZenginError) as refusal:
        write_transfer_file(TransferFile(examples.HEADER, ()))
    assert refusal.value.rule is Rule.NO_DATA


def test_the_same_payment_twice_is_refused_at_the_second() -> None:
    file = TransferFile(examples.HEADER, (examples.FIRST, examples.SECOND, examples.FIRST))
    with pytest.raises(ZenginError) as refusal:
        write_transfer_file(file)
    assert (refusal.value.rule, refusal.value.record_index) == (Rule.DUPLICATE_RECORD, 3)


def test_a_file_can_be_written_line_by_line() -> None:
    lines = list(iter_transfer_file(examples.HEADER, iter(examples.VECTOR.records), Framing.CRLF))
    assert [len(line) for line in lines] == [122] * 5
    assert b"".join(lines) == examples.VECTOR_BYTES


def test_neither_a_value_s_repr_nor_an_error_shows_name_or_account() -> None:
    shown = repr(examples.VECTOR)
    assert "ﾔﾏﾀﾞ" not in shown
    assert "0000042" not in shown
    wrong = replace(examples.FIRST, payee_name="ﾔﾏﾀﾞ,")
    with pytest.raises(ZenginError) as refusal:
        write_transfer_file(TransferFile(examples.HEADER, (wrong,)))
    assert "ﾔﾏﾀﾞ" not in str(refusal.value)
