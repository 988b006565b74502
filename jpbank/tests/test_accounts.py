"""Accounts, Yucho symbols, and the master of banks and branches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jpbank import branches, kana
from jpbank.accounts import (
    Account,
    AccountError,
    AccountField,
    AccountType,
    convert_yucho_symbol,
    from_yucho_symbol,
    parse_account,
    to_yucho_symbol,
)
from jpbank.tests.properties import STEADY

YUCHO_EXAMPLES = [
    ("10530", "12345671", "058", "1234567", AccountType.ORDINARY),
    ("11940", "12345671", "198", "1234567", AccountType.ORDINARY),
    ("11940", "1234561", "198", "0123456", AccountType.ORDINARY),
    ("01940-1", "123456", "199", "0123456", AccountType.CURRENT),
    ("00530", "123456", "059", "0123456", AccountType.CURRENT),
    ("17300", "19927651", "738", "1992765", AccountType.ORDINARY),
]


def test_the_canonical_form_is_fifteen_digits() -> None:
    account = Account("9900", "058", AccountType.ORDINARY, "1234567")
    assert account.canonical() == b"990005811234567"


def test_one_account_in_two_notations_is_one_account() -> None:
    typed = parse_account(
        bank_code="９９００", branch_code="58", account_type="普通", account_number=" 42 "
    )
    assert typed == Account("9900", "058", AccountType.ORDINARY, "0000042")


def test_an_account_shows_no_digit() -> None:
    shown = repr(Account("9900", "058", AccountType.ORDINARY, "1234567"))
    assert not any(char.isdigit() for char in shown)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"bank_code": ""}, AccountField.BANK_CODE),
        ({"bank_code": "0000"}, AccountField.BANK_CODE),
        ({"bank_code": "12345"}, AccountField.BANK_CODE),
        ({"branch_code": "1a"}, AccountField.BRANCH_CODE),
        ({"account_type": "3"}, AccountField.ACCOUNT_TYPE),
        ({"account_number": "12345678"}, AccountField.ACCOUNT_NUMBER),
        ({"account_number": "一二三"}, AccountField.ACCOUNT_NUMBER),
    ],
)
def test_a_malformed_part_is_named_and_not_repeated(
    change: dict[str, str], field: AccountField
) -> None:
    good = {
        "bank_code": "9900",
        "branch_code": "058",
        "account_type": "1",
        "account_number": "1234567",
    }
    with pytest.raises(AccountError) as refusal:
        parse_account(**{**good, **change})
    assert refusal.value.field is field
    assert not any(
        value and value in str(refusal.value) for value in change.values() if value != "3"
    )


def test_an_account_cannot_be_made_of_a_short_number() -> None:
    with pytest.raises(AccountError):
        Account("9900", "058", AccountType.ORDINARY, "123")


@pytest.mark.parametrize(("kigo", "bango", "branch", "number", "kind"), YUCHO_EXAMPLES)
def test_a_yucho_symbol_becomes_the_account_other_banks_address(
    kigo: str, bango: str, branch: str, number: str, kind: AccountType
) -> None:
    assert convert_yucho_symbol(kigo, bango) == Account("9900", branch, kind, number)


@pytest.mark.parametrize(("kigo", "bango", "branch", "number", "kind"), YUCHO_EXAMPLES)
def test_a_yucho_account_leads_back_to_its_symbol_s_first_three_digits_and_number(
    kigo: str, bango: str, branch: str, number: str, kind: AccountType
) -> None:
    symbol = to_yucho_symbol(Account("9900", branch, kind, number))
    assert (symbol.kigo_prefix, symbol.bango) == (kigo[:3], bango)


@STEADY
@given(st.integers(min_value=1, max_value=9_999_999), st.sampled_from(["1053", "0194", "1730"]))
def test_every_yucho_number_goes_there_and_back(number: int, kigo: str) -> None:
    bango = f"{number}1" if kigo[0] == "1" else str(number)
    symbol = to_yucho_symbol(from_yucho_symbol(kigo + "0", bango))
    assert (symbol.kigo_prefix, symbol.bango) == (kigo[:3], bango)


@pytest.mark.parametrize(
    ("kigo", "bango", "field"),
    [
        ("10530", "12345672", AccountField.YUCHO_NUMBER),
        ("10530", "123456781", AccountField.YUCHO_NUMBER),
        ("00530", "12345678", AccountField.YUCHO_NUMBER),
        ("20530", "12345671", AccountField.YUCHO_SYMBOL),
        ("1053", "12345671", AccountField.YUCHO_SYMBOL),
        ("11940", "12345671", AccountField.YUCHO_SYMBOL),
    ],
)
def test_a_wrong_yucho_symbol_is_refused_by_part(
    kigo: str, bango: str, field: AccountField
) -> None:
    with pytest.raises(AccountError) as refusal:
        from_yucho_symbol(kigo, bango)
    assert refusal.value.field is field


@pytest.mark.parametrize(
    "account",
    [
        Account("0001", "058", AccountType.ORDINARY, "1234567"),
        Account("9900", "058", AccountType.CURRENT, "1234567"),
        Account("9900", "057", AccountType.ORDINARY, "1234567"),
        Account("9900", "058", AccountType.ORDINARY, "0000000"),
    ],
)
def test_an_account_that_is_not_yucho_s_has_no_symbol(account: Account) -> None:
    with pytest.raises(AccountError):
        to_yucho_symbol(account)


def test_yucho_is_the_only_bank_of_the_99_hundreds() -> None:
    assert [code for code in branches.all_banks() if code.startswith("99")] == ["9900"]
    assert not branches.bank_exists("9999")
    assert not branches.branch_exists("9999", "001")
    assert not branches.branch_exists("9900", "999")


def test_each_yucho_branch_is_named_by_its_digits() -> None:
    readings = ["ゼロ", "イチ", "ニ", "サン", "ヨン", "ゴ", "ロク", "ナナ", "ハチ", "キユウ"]
    yucho = branches.find_bank("9900")
    assert yucho is not None
    assert len(yucho.branches) == 94
    for code, branch in yucho.branches.items():
        name = "".join(readings[int(digit)] for digit in code)
        assert branch.file_kana == kana.normalise_party_name(name)


def test_every_name_of_the_master_fits_its_field_in_a_file() -> None:
    for bank in branches.all_banks().values():
        for name in (bank.file_kana, *(branch.file_kana for branch in bank.branches.values())):
            assert len(name) <= 15
            assert kana.is_legal(name, kana.CharacterClass.BANK_NAME)


def test_the_master_is_as_large_as_the_country_s_banks() -> None:
    assert len(branches.all_banks()) > 1_000
    assert sum(len(bank.branches) for bank in branches.all_banks().values()) > 25_000
    assert branches.master_version()
