"""Who pays: every municipality has its own paying account and consignor code (委託者コード)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Payer:
    """The header of a municipality's bank files. Names are half-width kana, as banks print them.

    Widths by the bank's format 総合振込: consignor code 10 digits, account number 7 digits.
    """

    municipality_code: str
    consignor_code: str
    consignor_name: str
    bank_code: str
    bank_name: str
    branch_code: str
    branch_name: str
    account_type: str
    account_number: str


@dataclass(frozen=True, slots=True)
class PayerPattern:
    """How payers are derived from municipality codes in an installation that pays nobody."""

    consignor_suffix: str
    name_prefix: str
    name_suffix: str
    bank_code: str
    bank_name: str
    branch_code: str
    branch_name: str
    account_type: str


def synthetic_payer(municipality_code: str, pattern: PayerPattern) -> Payer:
    """A visibly synthetic payer; raises ValueError for what is not a municipality's code.

    Codes have 6 digits with the check digit (全国地方公共団体コード).
    """
    if len(municipality_code) != 6 or not (
        municipality_code.isascii() and municipality_code.isdigit()
    ):
        raise ValueError("a municipality code has 6 digits")
    return Payer(
        municipality_code=municipality_code,
        consignor_code=municipality_code + pattern.consignor_suffix,
        consignor_name=f"{pattern.name_prefix} {municipality_code} {pattern.name_suffix}",
        bank_code=pattern.bank_code,
        bank_name=pattern.bank_name,
        branch_code=pattern.branch_code,
        branch_name=pattern.branch_name,
        account_type=pattern.account_type,
        account_number="0" + municipality_code,
    )
