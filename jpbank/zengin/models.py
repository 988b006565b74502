"""What a 総合振込 file says, as values. Shapes only: ``writer`` and ``reader`` judge them.

Names are half-width kana (``jpbank.kana`` makes them). Fields that identify a person or an account
do not show in repr.
"""

from dataclasses import dataclass, field
from typing import Final

from jpbank.accounts import Account, AccountType
from jpbank.zengin.errors import Rule, ZenginError

#: Widths of the trailer: six digits of records, twelve of yen.
TRAILER_RECORDS_MAX: Final = 999_999
TRAILER_YEN_MAX: Final = 999_999_999_999
#: Width of 振込金額.
AMOUNT_YEN_MAX: Final = 9_999_999_999
#: Customer codes 1 and 2 together: where our payment reference stands.
REFERENCE_DIGITS: Final = 20


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What one bank contract allows in a file; never more than the trailer can count."""

    records_max: int = 9_999
    amount_yen_max: int = AMOUNT_YEN_MAX
    total_yen_max: int = TRAILER_YEN_MAX

    def __post_init__(self) -> None:
        """Refuse a contract that the format could not express."""
        if not (
            1 <= self.records_max <= TRAILER_RECORDS_MAX
            and 1 <= self.amount_yen_max <= AMOUNT_YEN_MAX
            and 1 <= self.total_yen_max <= TRAILER_YEN_MAX
        ):
            raise ValueError("the limits exceed what a 総合振込 file can express")

    def check(self, count: int, total_yen: int, *, byte_offset: int) -> None:
        """Refuse too many records (the ``count``-th is the one too many) or too much money."""
        if count > self.records_max:
            raise ZenginError(
                Rule.LIMIT_RECORDS,
                record_index=self.records_max + 1,
                byte_offset=byte_offset,
                message=f"more than {self.records_max} payments",
            )
        if total_yen > self.total_yen_max:
            raise ZenginError(
                Rule.LIMIT_TOTAL,
                record_index=count,
                byte_offset=byte_offset,
                field="amount_yen",
                message=f"the sum exceeds {self.total_yen_max} yen",
            )


#: GMO Aozora's bulk transfer allows 9,999 items; banks differ, so contracts set their own.
DEFAULT_LIMITS: Final = FileLimits()
#: What the format itself allows: readers use it, since a bank's file need not follow our contract.
FORMAT_LIMITS: Final = FileLimits(records_max=TRAILER_RECORDS_MAX)


@dataclass(frozen=True, slots=True)
class TransferHeader:
    """Who pays, from which account, on which day (MMDD; resolve with ``calendar``)."""

    client_code: str
    client_name: str
    value_date_mmdd: str
    bank_code: str
    branch_code: str
    account_type: AccountType
    account_number: str = field(repr=False)
    bank_name: str = ""
    branch_name: str = ""


@dataclass(frozen=True, slots=True)
class TransferRecord:
    """One payment. ``reference`` is 20 digits, or "" where ``edi_information`` is given instead."""

    bank_code: str
    branch_code: str
    account_type: AccountType
    account_number: str = field(repr=False)
    payee_name: str = field(repr=False)
    amount_yen: int
    reference: str
    bank_name: str = ""
    branch_name: str = ""
    new_code: str = "1"
    transfer_class: str = "7"
    edi_information: str | None = field(default=None, repr=False)

    @property
    def account(self) -> Account:
        """Give the payee's account."""
        return Account(self.bank_code, self.branch_code, self.account_type, self.account_number)


@dataclass(frozen=True, slots=True)
class TransferFile:
    """One file, one batch: a payer, a day and at least one payment."""

    header: TransferHeader
    records: tuple[TransferRecord, ...]

    @property
    def count(self) -> int:
        """Give 合計件数."""
        return len(self.records)

    @property
    def total_yen(self) -> int:
        """Give 合計金額."""
        return sum(record.amount_yen for record in self.records)
