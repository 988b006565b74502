"""Bank accounts in one canonical form, and Yucho's 記号番号 turned into it and back.

Place in the flow: intake parses what an applicant typed, link fingerprints ``canonical()`` so that
one account in two notations is one account, pay writes it into files.
Invariants: an Account that exists is well formed; it never shows its digits by repr, log or error.
Existence of bank and branch is a separate question (``jpbank.branches``), except for Yucho, where
the branch is derived and a derived branch that does not exist proves the symbol wrong.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from typing import Final

from jpbank import branches

YUCHO_BANK_CODE: Final = "9900"


@unique
class AccountType(IntEnum):
    """Kinds of account that 総合振込 can credit (預金種目), by their digit in the file."""

    ORDINARY = 1  # 普通
    CURRENT = 2  # 当座
    SAVINGS = 4  # 貯蓄
    OTHER = 9  # その他


@unique
class AccountField(StrEnum):
    """Names the part of an account that was refused."""

    BANK_CODE = "bank_code"
    BRANCH_CODE = "branch_code"
    ACCOUNT_TYPE = "account_type"
    ACCOUNT_NUMBER = "account_number"
    YUCHO_SYMBOL = "yucho_symbol"
    YUCHO_NUMBER = "yucho_number"


class AccountError(ValueError):
    """A part of an account is malformed; the message names the part, never its value."""

    def __init__(self, field: AccountField, reason: str) -> None:
        super().__init__(f"{field.value}: {reason}")
        self.field = field
        self.reason = reason


_WIDTHS: Final = (
    (AccountField.BANK_CODE, 4),
    (AccountField.BRANCH_CODE, 3),
    (AccountField.ACCOUNT_NUMBER, 7),
)


@dataclass(frozen=True, slots=True, repr=False)
class Account:
    """One account as the bank system addresses it: 4, 3 and 7 digits and the kind of account."""

    bank_code: str
    branch_code: str
    account_type: AccountType
    account_number: str

    def __post_init__(self) -> None:
        """Refuse a malformed account at birth, so that nobody needs to ask again."""
        for field, width in _WIDTHS:
            value = getattr(self, field.value)
            if len(value) != width or not (value.isascii() and value.isdigit()):
                raise AccountError(field, f"must be {width} digits")
        if not isinstance(self.account_type, AccountType):
            raise AccountError(AccountField.ACCOUNT_TYPE, "must be an AccountType")

    def __repr__(self) -> str:
        """Hide the digits: accounts are personal data and end up in logs by accident."""
        return "Account([sensitive])"

    def canonical(self) -> bytes:
        """Give the 15 bytes ``bank4 branch3 type1 number7`` that fingerprints are made of."""
        digits = f"{self.bank_code}{self.branch_code}{self.account_type:d}{self.account_number}"
        return digits.encode("ascii")


_TYPE_NAMES: Final = {
    "普通": AccountType.ORDINARY,
    "当座": AccountType.CURRENT,
    "貯蓄": AccountType.SAVINGS,
    "その他": AccountType.OTHER,
}


def _digits(text: str, field: AccountField, width: int) -> str:
    """Accept full-width digits, blanks and hyphens as people type them; pad to ``width``."""
    plain = re.sub(r"[\s\-‐-―−ー]", "", unicodedata.normalize("NFKC", text))
    if not plain:
        raise AccountError(field, "is empty")
    if not (plain.isascii() and plain.isdigit()):
        raise AccountError(field, "must be digits only")
    if len(plain) > width:
        raise AccountError(field, f"has more than {width} digits")
    return plain.zfill(width)


def parse_account_type(value: AccountType | str) -> AccountType:
    """Accept the file's digit (also full-width) or the Japanese word on a bank card."""
    if isinstance(value, AccountType):
        return value
    plain = unicodedata.normalize("NFKC", value).strip()
    if plain in _TYPE_NAMES:
        return _TYPE_NAMES[plain]
    for account_type in AccountType:
        if plain == str(account_type.value):
            return account_type
    raise AccountError(AccountField.ACCOUNT_TYPE, "must be 1, 2, 4 or 9")


def parse_account(
    *, bank_code: str, branch_code: str, account_type: AccountType | str, account_number: str
) -> Account:
    """Make an Account of what a person or a spreadsheet wrote; raise AccountError naming the part.

    Short codes are padded with zeros on the left, as spreadsheets drop them.
    """
    bank = _digits(bank_code, AccountField.BANK_CODE, 4)
    if bank == "0000":
        raise AccountError(AccountField.BANK_CODE, "must not be zero")
    return Account(
        bank,
        _digits(branch_code, AccountField.BRANCH_CODE, 3),
        parse_account_type(account_type),
        _digits(account_number, AccountField.ACCOUNT_NUMBER, 7),
    )


@dataclass(frozen=True, slots=True, repr=False)
class YuchoSymbol:
    """A 記号番号 as far as an Account can tell it.

    ``kigo_prefix`` is the first three digits of the 記号. The 店番 does not carry the fourth (and
    the fifth is 0), so two 記号 can share one 店番 and the whole 記号 cannot be recovered: whoever
    needs it again (国庫金 is paid to the original 記号番号) keeps it beside the account.
    """

    kigo_prefix: str
    bango: str

    def __repr__(self) -> str:
        """Hide the digits, as Account does."""
        return "YuchoSymbol([sensitive])"


def convert_yucho_symbol(kigo: str, bango: str) -> Account:
    """Turn ゆうちょ 記号 and 番号 into the account that other banks address (振込用) by digits.

    ``kigo`` may carry the single digit printed after it (``01940-1``); it is not used.
    記号 1xxxx (総合口座): 店番 = digits 2-3 with 8 appended, number = 番号 without its final 1.
    記号 0xxxx (振替口座): 店番 = digits 2-3 with 9 appended, number = 番号 as it is, 当座.
    Source: jp-bank.japanpost.jp kj_tk_sk_kz_furikomi_ksk. Ask ``from_yucho_symbol`` to have
    the branch checked as well.
    """
    plain = unicodedata.normalize("NFKC", kigo).strip()
    match = re.fullmatch(r"([01])([0-9]{2})[0-9]{2}(?:[-‐-―−ー ][0-9])?", plain)
    if match is None:
        raise AccountError(AccountField.YUCHO_SYMBOL, "must be 5 digits that begin with 0 or 1")
    field = AccountField.YUCHO_NUMBER
    if match[1] == "1":
        number = _digits(bango, field, 8)
        if not number.endswith("1"):
            raise AccountError(field, "must end in 1 where the symbol begins with 1")
        branch_code, number, kind = match[2] + "8", number[:-1], AccountType.ORDINARY
    else:
        branch_code, number, kind = match[2] + "9", _digits(bango, field, 7), AccountType.CURRENT
    return Account(YUCHO_BANK_CODE, branch_code, kind, number)


def from_yucho_symbol(kigo: str, bango: str) -> Account:
    """Convert what an applicant gave, and refuse a symbol that leads to no branch of Yucho."""
    account = convert_yucho_symbol(kigo, bango)
    if not branches.branch_exists(account.bank_code, account.branch_code):
        raise AccountError(AccountField.YUCHO_SYMBOL, "leads to no branch of Yucho")
    return account


def to_yucho_symbol(account: Account) -> YuchoSymbol:
    """Turn a Yucho account back into what can be known of its 記号番号, 番号 without padding."""
    if account.bank_code != YUCHO_BANK_CODE:
        raise AccountError(AccountField.BANK_CODE, "is not Yucho")
    digits, last = account.branch_code[:2], account.branch_code[2]
    number = account.account_number.lstrip("0")
    if not number:
        raise AccountError(AccountField.ACCOUNT_NUMBER, "must not be zero")
    if last == "8" and account.account_type in (AccountType.ORDINARY, AccountType.SAVINGS):
        return YuchoSymbol("1" + digits, number + "1")
    if last == "9" and account.account_type is AccountType.CURRENT:
        return YuchoSymbol("0" + digits, number)
    raise AccountError(AccountField.BRANCH_CODE, "and account type do not form a Yucho account")
