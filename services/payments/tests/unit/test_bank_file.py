"""The bytes of a bank file, and what may not stand in one."""

from datetime import date

import pytest

from jpbank import branches
from jpbank.zengin import read_transfer_file
from services.payments.adapters.parameters import PayerTable, load_programmes
from services.payments.domain.bank_file import FileLine, compose, read_payee, reference_text
from services.payments.domain.money import Yen

PLAINTEXT = b"000100110000042" + "ﾃｽﾄ ﾊﾅｺ".encode("cp932")
DAY = date(2020, 5, 29)


def test_the_same_lines_always_give_the_same_bytes() -> None:
    payee = read_payee(PLAINTEXT)
    assert payee is not None
    payer = PayerTable().payer("131016")
    lines = [FileLine(payee, Yen(100_000), 7), FileLine(payee, Yen(200_000), 8)]
    content = compose(payer, DAY, lines)
    assert content == compose(payer, DAY, lines)
    assert len(content) == 5 * 122
    file = read_transfer_file(content)
    assert [record.reference for record in file.records] == ["0" * 19 + "7", "0" * 19 + "8"]
    assert [record.amount_yen for record in file.records] == [100_000, 200_000]
    assert file.header.account_number == "0131016"


@pytest.mark.parametrize(
    "plaintext",
    [
        b"",
        b"000100110000042",
        b"000100130000042" + b"\xc3\xbd\xc4",
        b"00010011000004" + b"\xc3\xbd\xc4",
        PLAINTEXT[:15] + "山田".encode("cp932"),
        PLAINTEXT[:15] + "ﾃｰﾀ".encode("cp932"),
        PLAINTEXT[:15] + b"\xb1" * 31,
        PLAINTEXT[:15] + b"\x81",
    ],
)
def test_what_a_file_could_not_carry_is_no_payee(plaintext: bytes) -> None:
    assert read_payee(plaintext) is None


def test_thirty_bytes_of_name_are_a_payee() -> None:
    assert read_payee(PLAINTEXT[:15] + b"\xb1" * 30) is not None


def test_a_payee_does_not_show_itself() -> None:
    assert "ﾃｽﾄ" not in repr(read_payee(PLAINTEXT))


@pytest.mark.parametrize(("reference", "fits"), [(10**20 - 1, True), (10**20, False)])
def test_a_reference_has_twenty_digits(reference: int, fits: bool) -> None:
    if fits:
        assert len(reference_text(reference)) == 20
    else:
        with pytest.raises(ValueError, match="20 digits"):
            reference_text(reference)


def test_payers_pay_from_a_branch_that_exists_and_are_told_apart() -> None:
    table = PayerTable()
    payer, other = table.payer("131016"), table.payer("271004")
    branch = branches.find_branch(payer.bank_code, payer.branch_code)
    bank = branches.find_bank(payer.bank_code)
    assert branch is not None
    assert bank is not None
    assert (payer.bank_name, payer.branch_name) == (bank.file_kana, branch.file_kana)
    assert len(payer.consignor_code) == 10
    assert payer.consignor_code != other.consignor_code
    assert payer.account_number != other.account_number


@pytest.mark.parametrize("code", ["", "13101", "1310166", "13101a", "１３１０１６"])
def test_what_is_no_municipality_has_no_payer(code: str) -> None:
    with pytest.raises(ValueError, match="6 digits"):
        PayerTable().payer(code)


def test_every_programme_has_limits_that_a_trailer_can_count() -> None:
    for programme in load_programmes().values():
        assert programme.opens_at < programme.closes_at
        assert 0 < programme.file_records_max <= 999_999
        assert programme.item_yen_max <= programme.payment_yen_max
