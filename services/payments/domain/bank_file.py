"""Payments as the bytes of a 総合振込 file. The format itself lives in `jpbank.zengin`.

The same lines always give the same bytes, so that one hash stands for what people approved.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from jpbank import kana
from jpbank.accounts import Account, AccountError, AccountType
from jpbank.calendar import to_mmdd
from jpbank.zengin import (
    FileLimits,
    Framing,
    TransferFile,
    TransferHeader,
    TransferRecord,
    write_transfer_file,
)
from jpbank.zengin.models import REFERENCE_DIGITS, TRAILER_RECORDS_MAX
from services.payments.domain.money import Yen
from services.payments.domain.payers import Payer

# bank 4, branch 3, type 1, number 7; the holder's kana follows
CANONICAL_ACCOUNT_BYTES: Final = 15
# width of 受取人名
HOLDER_BYTES_MAX: Final = 30
# Our own limit is the programme's; the format only bounds what a trailer can count.
_LIMITS: Final = FileLimits(records_max=TRAILER_RECORDS_MAX)


@dataclass(frozen=True, slots=True, repr=False)
class Payee:
    """Where one line's money goes. Never shown by repr: account and name are personal data."""

    account: Account
    holder_kana: str

    def __repr__(self) -> str:
        return "Payee([sensitive])"


@dataclass(frozen=True, slots=True)
class FileLine:
    """One data record."""

    payee: Payee
    amount_yen: Yen
    reference: int


def reference_text(reference: int) -> str:
    """The 20 digits of customer codes 1 and 2."""
    text = f"{reference:0{REFERENCE_DIGITS}d}"
    if len(text) != REFERENCE_DIGITS:
        raise ValueError("a payment reference has at most 20 digits")
    return text


def read_payee(plaintext: bytes) -> Payee | None:
    """The payee of an opened account; None where a bank file could not carry it."""
    try:
        digits = plaintext[:CANONICAL_ACCOUNT_BYTES].decode("ascii")
        holder = plaintext[CANONICAL_ACCOUNT_BYTES:].decode("cp932")
        account = Account(digits[:4], digits[4:7], AccountType(int(digits[7:8])), digits[8:])
    except (UnicodeDecodeError, AccountError, ValueError):
        return None
    name = holder.strip(" ")
    if not 0 < len(name) <= HOLDER_BYTES_MAX:
        return None
    if not kana.is_legal(name, kana.CharacterClass.PARTY_NAME):
        return None
    return Payee(account, name)


def compose(payer: Payer, value_date: date, lines: Sequence[FileLine]) -> bytes:
    """The whole file, CR LF after every record; raises ZenginError for what cannot be written."""
    header = TransferHeader(
        client_code=payer.consignor_code,
        client_name=payer.consignor_name,
        value_date_mmdd=to_mmdd(value_date),
        bank_code=payer.bank_code,
        bank_name=payer.bank_name,
        branch_code=payer.branch_code,
        branch_name=payer.branch_name,
        account_type=AccountType(int(payer.account_type)),
        account_number=payer.account_number,
    )
    records = tuple(
        TransferRecord(
            bank_code=line.payee.account.bank_code,
            branch_code=line.payee.account.branch_code,
            account_type=line.payee.account.account_type,
            account_number=line.payee.account.account_number,
            payee_name=line.payee.holder_kana,
            amount_yen=line.amount_yen,
            reference=reference_text(line.reference),
        )
        for line in lines
    )
    return write_transfer_file(TransferFile(header, records), Framing.CRLF, _LIMITS)
