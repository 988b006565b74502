"""Our result file for 総合振込."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpbank.tests import zengin_examples as examples
from jpbank.tests.properties import STEADY
from jpbank.zengin import (
    Framing,
    ResultCode,
    ResultFile,
    ResultRecord,
    Rule,
    TransferHeader,
    TransferRecord,
    ZenginError,
    read_result_file,
    read_transfer_file,
    write_result_file,
)

ANSWER = ResultFile(
    examples.HEADER,
    (
        ResultRecord(examples.FIRST, ResultCode.PAID),
        ResultRecord(examples.SECOND, ResultCode.NAME_MISMATCH),
    ),
)
telegraphic = (examples.records | examples.edi_records).map(
    lambda record: replace(record, transfer_class="7")
)


def test_a_result_is_the_payment_s_line_with_the_code_at_byte_111() -> None:
    lines = write_result_file(ANSWER).split(b"\r\n")
    sent = examples.VECTOR_BYTES.split(b"\r\n")
    assert lines[0] == sent[0]
    assert lines[2] == sent[2][:111] + b"2" + sent[2][112:]


def test_the_trailer_states_all_paid_and_failed() -> None:
    trailer = write_result_file(ANSWER).split(b"\r\n")[3]
    assert trailer.rstrip() == b"8000002000000400000000001000000300000000001000000100000"
    assert (ANSWER.totals.paid_yen, ANSWER.totals.failed_count) == (300_000, 1)


@STEADY
@given(
    examples.headers,
    st.lists(telegraphic, min_size=1, max_size=4, unique=True),
    st.sampled_from(ResultCode),
    st.sampled_from(Framing),
)
def test_a_result_file_is_read_back_as_it_was_written(
    header: TransferHeader,
    transfers: list[TransferRecord],
    code: ResultCode,
    framing: Framing,
) -> None:
    file = ResultFile(header, tuple(ResultRecord(transfer, code) for transfer in transfers))
    assert read_result_file(write_result_file(file, framing)) == file


def _refusal(data: bytes) -> ZenginError:
    with pytest.raises(ZenginError) as refusal:
        read_result_file(data)
    return refusal.value


@pytest.mark.parametrize("digit", b"5678 A")
def test_a_code_outside_the_list_is_refused_at_its_byte(digit: int) -> None:
    data = bytearray(write_result_file(ANSWER))
    data[122 + 111] = digit
    error = _refusal(bytes(data))
    assert (error.rule, error.byte_offset) == (Rule.FIELD_VALUE, 122 + 111)


@pytest.mark.parametrize("offset", [6, 18, 24, 36, 42, 54])
def test_a_trailer_that_disagrees_is_refused(offset: int) -> None:
    data = bytearray(write_result_file(ANSWER))
    data[3 * 122 + offset] ^= 1
    error = _refusal(bytes(data))
    assert (error.rule, error.record_index) == (Rule.RESULT_TOTALS, 3)


def test_a_changed_code_is_caught_by_the_totals() -> None:
    data = bytearray(write_result_file(ANSWER))
    data[122 + 111] = ord("1")
    assert _refusal(bytes(data)).rule is Rule.RESULT_TOTALS


def test_one_payment_answered_twice_is_refused_even_with_two_codes() -> None:
    twice = ResultFile(
        examples.HEADER,
        (
            ResultRecord(examples.FIRST, ResultCode.PAID),
            ResultRecord(examples.FIRST, ResultCode.NO_ACCOUNT),
        ),
    )
    with pytest.raises(ZenginError) as refusal:
        write_result_file(twice)
    assert refusal.value.rule is Rule.DUPLICATE_RECORD


def test_a_payment_file_does_not_pass_for_a_result_nor_a_result_for_a_payment_file() -> None:
    assert _refusal(examples.VECTOR_BYTES).field == "result_code"
    with pytest.raises(ZenginError) as refusal:
        read_transfer_file(write_result_file(ANSWER))
    assert refusal.value.field == "transfer_class"


def test_a_result_file_without_results_is_refused() -> None:
    with pytest.raises(ZenginError) as refusal:
        write_result_file(ResultFile(examples.HEADER, ()))
    assert refusal.value.rule is Rule.NO_DATA


def test_a_documentary_transfer_cannot_be_answered() -> None:
    letter = replace(examples.FIRST, transfer_class="8")
    with pytest.raises(ZenginError) as refusal:
        write_result_file(ResultFile(examples.HEADER, (ResultRecord(letter, ResultCode.PAID),)))
    assert refusal.value.field == "transfer_class"
