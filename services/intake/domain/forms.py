"""The form as a client sends it: shapes and sizes only; `validation` judges what is in it.

These structs are decoded from JSON and the published OpenAPI is generated from them, so what the
document promises and what the code takes are one thing.
"""

from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

# Sizes are this project's own bounds, wide enough for every form known: docs/open_questions.md has
# no doubt on them. A paper form of 2020 lists ten persons; the bound leaves room for any household.
PERSONS_MAX: Final = 50
NAME_CHARACTERS_MAX: Final = 64
# RFC 5321 section 4.5.3.1.3: a path has at most 256 octets, two of them angle brackets.
EMAIL_CHARACTERS_MAX: Final = 254
# ITU-T E.164: at most 15 digits after the plus sign.
PHONE_CHARACTERS_MAX: Final = 16
DIGITS_CHARACTERS_MAX: Final = 16

KanaName = Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
# Full-width digits are taken too, and 1 is as good as 0000001: the canonical form pads.
Digits = Annotated[str, Meta(min_length=1, max_length=DIGITS_CHARACTERS_MAX)]
# BCP 47, as far as notices need it.
Language = Annotated[
    str, Meta(max_length=16, pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", examples=["ja"])
]
Email = Annotated[
    str, Meta(min_length=3, max_length=EMAIL_CHARACTERS_MAX, examples=["shiken@example.jp"])
]
Phone = Annotated[
    str, Meta(min_length=8, max_length=PHONE_CHARACTERS_MAX, examples=["+819012345678"])
]
CapacityName = Literal["head", "separated", "proxy"]


class Person(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A person the money is claimed for, or who opts out of it (受給を希望しない)."""

    name_kana: Annotated[KanaName, Meta(examples=["テスト　タロウ"])]
    born_on: Annotated[date, Meta(examples=["1980-01-31"])]
    opted_out: bool = False


class BankAccount(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="account"):
    """An account by bank and branch code (統一金融機関コード and 店番)."""

    bank_code: Annotated[Digits, Meta(examples=["0001"])]
    branch_code: Annotated[Digits, Meta(examples=["001"])]
    account_type: Literal["ordinary", "current", "savings"]
    account_number: Annotated[Digits, Meta(examples=["1234567"])]
    holder_kana: KanaName


class YuchoAccount(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="yucho"):
    """A Japan Post Bank account by its own symbol and number (記号・番号)."""

    symbol: Annotated[Digits, Meta(examples=["10530"])]
    number: Annotated[Digits, Meta(examples=["12345671"])]
    holder_kana: KanaName


class RegisteredAccount(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="registered_account"
):
    """The account registered with the state for the applicant (公金受取口座)."""


class Cash(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", tag="cash"):
    """Money at the counter."""


Payout = BankAccount | YuchoAccount | RegisteredAccount | Cash


class Contact(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where notices go: exactly one of the two."""

    email: Email | None = None
    phone: Phone | None = None


class ApplyForm(Struct, frozen=True, forbid_unknown_fields=True, tag_field="intent", tag="apply"):
    """A first application, or a correction of one: dedup tells which."""

    capacity: CapacityName
    persons: Annotated[list[Person], Meta(min_length=1, max_length=PERSONS_MAX)]
    payout: Payout
    language: Language
    # False: this form lists only some members, and others follow.
    persons_complete: bool = True
    contact: Contact | None = None


class WithdrawForm(
    Struct, frozen=True, forbid_unknown_fields=True, tag_field="intent", tag="withdraw"
):
    """Takes the applicant's claim back."""

    language: Language
    capacity: CapacityName = "head"
    contact: Contact | None = None


Form = ApplyForm | WithdrawForm
