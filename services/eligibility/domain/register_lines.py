"""Lines of register files, checked one by one. A bad line says which column and why, never what.

Households are judged whole: one bad line, no head, two heads or a person of another household
refuses all its lines, because half a household would be paid half.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from jpbank import accounts, branches, kana
from services.eligibility.domain import municipalities

Row = Mapping[str, str]


class LineRefused(Exception):
    """A line cannot be taken; `field` is the column, `reason` constant."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PersonLine:
    """One line of households.csv. Names: half-width; `name_key` without spaces."""

    household_id: bytes
    municipality_code: str
    resident_id: bytes
    name_kana: bytes
    name_key: bytes
    born_on: date
    died_on: date | None
    is_head: bool


@dataclass(frozen=True, slots=True)
class CredentialLine:
    """One line of credentials.csv."""

    kind: str
    issuer: str
    serial: str
    resident_id: bytes
    household_id: bytes
    municipality_code: str
    valid_from: date
    valid_until: date | None


@dataclass(frozen=True, slots=True, repr=False)
class AccountLine:
    """One line of accounts.csv: 15 canonical bytes and the holder in half-width kana."""

    resident_id: bytes
    household_id: bytes
    canonical: bytes
    holder: bytes
    suspended: bool


@dataclass(frozen=True, slots=True)
class SeparationLine:
    """One line of separations.csv; the applicant stands first."""

    household_id: bytes
    resident_ids: tuple[bytes, ...]
    evidence: str


COLUMNS: Mapping[str, tuple[str, ...]] = {
    "households": (
        "household_id", "municipality_code", "resident_id", "name_kana", "born_on", "died_on",
        "is_head",
    ),
    "credentials": (
        "kind", "issuer", "serial", "resident_id", "household_id", "municipality_code",
        "valid_from", "valid_until",
    ),
    "accounts": (
        "resident_id", "household_id", "bank_code", "branch_code", "account_type",
        "account_number", "holder_kana", "suspended",
    ),
    "separations": ("household_id", "resident_ids", "evidence"),
}  # fmt: skip
CREDENTIAL_KINDS = frozenset({"card", "paper", "counter"})
EVIDENCE = frozenset({"protection_order", "certificate", "support_measure"})


def read_person(row: Row) -> PersonLine:
    """Raises LineRefused."""
    name = _name(row, "name_kana")
    born_on = _day(row, "born_on")
    died_on = _day(row, "died_on") if row["died_on"] else None
    if died_on is not None and died_on < born_on:
        raise LineRefused("died_on", "died_before_birth")
    return PersonLine(
        household_id=_id(row, "household_id"),
        municipality_code=_municipality(row),
        resident_id=_id(row, "resident_id"),
        name_kana=kana.to_bytes(name),
        name_key=kana.name_key(name),
        born_on=born_on,
        died_on=died_on,
        is_head=_flag(row, "is_head"),
    )


def read_credential(row: Row) -> CredentialLine:
    """Raises LineRefused."""
    kind, serial = row["kind"], row["serial"].strip()
    if kind not in CREDENTIAL_KINDS:
        raise LineRefused("kind", "unknown_kind")
    if not row["issuer"] or "|" in row["issuer"]:
        raise LineRefused("issuer", "bad_issuer")
    if not serial or "|" in serial:
        raise LineRefused("serial", "bad_serial")
    if kind == "card":
        serial = serial.lower()
        if not all(char in "0123456789abcdef" for char in serial):
            raise LineRefused("serial", "not_hexadecimal")
    valid_from = _day(row, "valid_from")
    valid_until = _day(row, "valid_until") if row["valid_until"] else None
    if valid_until is not None and valid_until < valid_from:
        raise LineRefused("valid_until", "ends_before_it_begins")
    return CredentialLine(
        kind=kind,
        issuer=row["issuer"],
        serial=serial,
        resident_id=_id(row, "resident_id"),
        household_id=_id(row, "household_id"),
        municipality_code=_municipality(row),
        valid_from=valid_from,
        valid_until=valid_until,
    )


def read_account(row: Row) -> AccountLine:
    """Raises LineRefused."""
    try:
        account = accounts.parse_account(
            bank_code=row["bank_code"],
            branch_code=row["branch_code"],
            account_type=row["account_type"],
            account_number=row["account_number"],
        )
    except accounts.AccountError as error:
        raise LineRefused(error.field.value, "bad_account") from error
    if not branches.branch_exists(account.bank_code, account.branch_code):
        raise LineRefused("branch_code", "unknown_branch")
    return AccountLine(
        resident_id=_id(row, "resident_id"),
        household_id=_id(row, "household_id"),
        canonical=account.canonical(),
        holder=kana.to_bytes(_name(row, "holder_kana")),
        suspended=_flag(row, "suspended"),
    )


def read_separation(row: Row) -> SeparationLine:
    """Raises LineRefused."""
    residents = tuple(_parse_id(text, "resident_ids") for text in row["resident_ids"].split())
    if not residents or len(set(residents)) != len(residents):
        raise LineRefused("resident_ids", "nobody_or_somebody_twice")
    if row["evidence"] not in EVIDENCE:
        raise LineRefused("evidence", "unknown_evidence")
    return SeparationLine(_id(row, "household_id"), residents, row["evidence"])


def check_household(persons: tuple[PersonLine, ...]) -> LineRefused | None:
    """What is wrong with a household as a whole, if anything is."""
    heads = sum(person.is_head for person in persons)
    if heads != 1:
        return LineRefused("is_head", "no_head" if heads == 0 else "two_heads")
    if len({person.municipality_code for person in persons}) != 1:
        return LineRefused("municipality_code", "household_in_two_municipalities")
    return None


def _id(row: Row, field: str) -> bytes:
    return _parse_id(row[field], field)


def _parse_id(text: str, field: str) -> bytes:
    try:
        return uuid.UUID(text).bytes
    except ValueError as error:
        raise LineRefused(field, "bad_id") from error


def _day(row: Row, field: str) -> date:
    try:
        return date.fromisoformat(row[field])
    except ValueError as error:
        raise LineRefused(field, "bad_date") from error


def _flag(row: Row, field: str) -> bool:
    if row[field] not in ("0", "1"):
        raise LineRefused(field, "not_0_or_1")
    return row[field] == "1"


def _name(row: Row, field: str) -> str:
    try:
        return kana.normalise_party_name(row[field])
    except kana.KanaError as error:
        raise LineRefused(field, "bad_kana") from error


def _municipality(row: Row) -> str:
    problem = municipalities.problem_of(row["municipality_code"])
    if problem is not None:
        raise LineRefused("municipality_code", problem.value)
    return row["municipality_code"]
