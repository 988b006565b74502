"""Which forms are sound, and how each defect is named."""

from datetime import date

import msgspec
import pytest

from services.intake.domain.forms import Form
from services.intake.domain.refusals import FieldError
from services.intake.domain.validation import SoundAccount, SoundForm, validate
from services.intake.tests.support import form

TODAY = date(2020, 5, 11)


def judge(**changes: object) -> SoundForm | tuple[FieldError, ...]:
    shaped: Form = msgspec.convert(form(**changes), Form)
    return validate(shaped, TODAY)


def sound(**changes: object) -> SoundForm:
    result = judge(**changes)
    assert isinstance(result, SoundForm), result
    return result


def defects(**changes: object) -> list[tuple[str, str]]:
    result = judge(**changes)
    assert isinstance(result, tuple)
    return [(error.field, error.code.value) for error in result]


def account(**changes: str) -> dict[str, str]:
    return {**form()["payout"], **changes}


def yucho(symbol: str, number: str) -> dict[str, str]:
    return {"kind": "yucho", "symbol": symbol, "number": number, "holder_kana": "テスト"}


def canonical(payout: dict[str, str]) -> bytes:
    sound_payout = sound(payout=payout).payout
    assert isinstance(sound_payout, SoundAccount)
    return sound_payout.canonical


def test_a_faultless_form_is_sound() -> None:
    result = sound()
    assert result.payout == SoundAccount(b"000100111234567", "ﾃｽﾄ ﾀﾛｳ".encode("cp932"))
    assert result.contact == b'{"email": "shiken@kyufu.example"}'


@pytest.mark.parametrize(
    "number",
    ["42", "0000042", "０００００４２", "４２", " 42 "],
    ids=["short", "padded", "wide", "w", "s"],
)
def test_one_account_number_in_any_notation_has_one_canonical_form(number: str) -> None:
    assert canonical(account(account_number=number)) == b"000100110000042"


# 記号, 番号, canonical: DOMAIN A10.
@pytest.mark.parametrize(
    ("symbol", "number", "expected"),
    [
        ("10530", "12345671", b"990005811234567"),
        ("10530", "1234561", b"990005810123456"),
        ("01940", "123456", b"990019920123456"),
        ("00530", "123456", b"990005920123456"),
    ],
)
def test_a_yucho_symbol_becomes_the_account_it_stands_for(
    symbol: str, number: str, expected: bytes
) -> None:
    assert canonical(yucho(symbol, number)) == expected


def test_a_yucho_account_in_two_notations_is_one_account() -> None:
    as_account = account(bank_code="9900", branch_code="058", account_number="1234567")
    assert canonical(as_account) == canonical(yucho("10530", "12345671"))


@pytest.mark.parametrize(
    "name",
    [
        "テスト　タロウ",
        "ﾃｽﾄ ﾀﾛｳ",
        "てすと たろう",
        "テストタロウ",
        " テスト　　タロウ ",
        "テスト・タロウ",
    ],
)
def test_one_name_in_any_notation_is_one_person(name: str) -> None:
    person = {"name_kana": name, "born_on": "1980-01-31"}
    assert sound(persons=[person]).persons[0].key == "ﾃｽﾄﾀﾛｳ|1980-01-31".encode("cp932")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"persons": [{"name_kana": "試験太郎", "born_on": "1980-01-31"}]},
         [("persons[0].name_kana", "not_kana")]),
        ({"persons": [{"name_kana": "髙﨑", "born_on": "1980-01-31"}]},
         [("persons[0].name_kana", "not_kana")]),
        ({"persons": [{"name_kana": "テスト", "born_on": "2020-05-12"}]},
         [("persons[0].born_on", "date_out_of_range")]),
        ({"persons": [{"name_kana": "テスト", "born_on": "1889-12-31"}]},
         [("persons[0].born_on", "date_out_of_range")]),
        ({"payout": {**form()["payout"], "account_number": "12345678"}},
         [("payout.account_number", "not_an_account")]),
        ({"payout": {**form()["payout"], "bank_code": "0000"}},
         [("payout.bank_code", "not_an_account")]),
        ({"payout": {**form()["payout"], "holder_kana": "試験"}},
         [("payout.holder_kana", "not_kana")]),
        # Its branch, 198, is not in the master of branches.
        ({"payout": yucho("11940", "12345671")}, [("payout.symbol", "not_an_account")]),
        ({"payout": yucho("20530", "12345671")}, [("payout.symbol", "not_an_account")]),
        ({"payout": yucho("10530", "12345672")}, [("payout.number", "not_an_account")]),
        ({"contact": {}}, [("contact", "one_of_email_and_phone")]),
        ({"contact": {"email": "a@b.example", "phone": "+819012345678"}},
         [("contact", "one_of_email_and_phone")]),
        ({"contact": {"email": "nobody"}}, [("contact.email", "bad_format")]),
        ({"contact": {"phone": "09012345678"}}, [("contact.phone", "bad_format")]),
    ],
)  # fmt: skip
def test_each_defect_is_named_by_field_and_code(
    changes: dict[str, object], expected: list[tuple[str, str]]
) -> None:
    assert defects(**changes) == expected


@pytest.mark.parametrize("born_on", ["2020-05-11", "1890-01-01"])
def test_the_first_and_last_birth_dates_are_taken(born_on: str) -> None:
    sound(persons=[{"name_kana": "テスト", "born_on": born_on}])


def test_all_defects_are_told_at_once() -> None:
    people = [
        {"name_kana": "試験", "born_on": "1980-01-31"},
        {"name_kana": "テスト", "born_on": "2021-01-01"},
    ]
    assert defects(persons=people, contact={"email": "x@y"}) == [
        ("contact.email", "bad_format"),
        ("persons[0].name_kana", "not_kana"),
        ("persons[1].born_on", "date_out_of_range"),
    ]


def test_a_withdrawal_needs_intent_and_language_only() -> None:
    shaped: Form = msgspec.convert({"intent": "withdraw", "language": "ja"}, Form)
    assert validate(shaped, TODAY) == SoundForm((), True, None, None)
