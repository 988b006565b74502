"""One notation for each person and each account, by the Japanese banking facts in `jpbank`."""

import re
from datetime import date
from typing import Final

from jpbank.accounts import (
    Account,
    AccountError,
    AccountField,
    AccountType,
    from_yucho_symbol,
    parse_account,
)
from jpbank.kana import KanaError, name_key, normalise_party_name, to_bytes
from services.intake.domain.forms import BankAccount, YuchoAccount

_TYPES: Final = {
    "ordinary": AccountType.ORDINARY,
    "current": AccountType.CURRENT,
    "savings": AccountType.SAVINGS,
}
# What the bank library calls a part, and the form's field that it came from.
_FORM_FIELDS: Final = {
    AccountField.YUCHO_SYMBOL: "symbol",
    AccountField.YUCHO_NUMBER: "number",
}
_SPACES: Final = re.compile(" {2,}")


def holder(kana: str) -> bytes | None:
    """The holder as banks write it: half-width, one byte a character; None if that cannot be."""
    try:
        return to_bytes(_SPACES.sub(" ", normalise_party_name(kana)))
    except KanaError:
        return None


def person_key(kana: str, born_on: date) -> bytes | None:
    """What a person is known by: the name without spaces, and the birth date. None if the name
    has no form in half-width kana. The importer of the registers computes the same bytes.
    """
    try:
        return name_key(kana) + b"|" + born_on.isoformat().encode("ascii")
    except KanaError:
        return None


def account(payout: BankAccount | YuchoAccount) -> bytes | str:
    """15 digits: bank 4, branch 3, type 1, number 7; or the name of the field that is wrong."""
    try:
        return _account(payout).canonical()
    except AccountError as error:
        return _FORM_FIELDS.get(error.field, error.field.value)


def _account(payout: BankAccount | YuchoAccount) -> Account:
    if isinstance(payout, YuchoAccount):
        return from_yucho_symbol(payout.symbol, payout.number)
    return parse_account(
        bank_code=payout.bank_code,
        branch_code=payout.branch_code,
        account_type=_TYPES[payout.account_type],
        account_number=payout.account_number,
    )
