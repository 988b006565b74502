"""Judges a form whose shapes are right: kana, dates, accounts, contact. All defects at once.

The result holds canonical values, so that one person and one account have one fingerprint however
they were written.
"""

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Final

from services.intake.domain import canonical
from services.intake.domain.applications import PayoutKind
from services.intake.domain.forms import (
    ApplyForm,
    Cash,
    Contact,
    Form,
    Payout,
    Person,
    RegisteredAccount,
)
from services.intake.domain.refusals import FieldCode, FieldError

# The oldest person ever known was 122; nobody on a register of this century was born before.
BORN_ON_MIN: Final = date(1890, 1, 1)
# Addresses only need to be told from nonsense here; the notice finds out whether one lives.
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
# ITU-T E.164
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class SoundPerson:
    """`key` is what the person's fingerprint is taken of."""

    key: bytes
    opted_out: bool


@dataclass(frozen=True, slots=True)
class SoundAccount:
    """`canonical`: 15 digits (bank 4, branch 3, type 1, number 7). `holder`: half-width kana."""

    canonical: bytes
    holder: bytes


@dataclass(frozen=True, slots=True)
class SoundForm:
    """A form without defects, in canonical values."""

    persons: tuple[SoundPerson, ...]
    persons_complete: bool
    payout: SoundAccount | PayoutKind | None
    contact: bytes | None


def validate(form: Form, today: date) -> SoundForm | tuple[FieldError, ...]:
    """The canonical form, or every defect by field. `today` is the legal day in Asia/Tokyo."""
    errors: list[FieldError] = []
    contact = _contact(form.contact, errors)
    if isinstance(form, ApplyForm):
        persons = tuple(
            _person(index, person, today, errors) for index, person in enumerate(form.persons)
        )
        payout = _payout(form.payout, errors)
        sound = SoundForm(persons, form.persons_complete, payout, contact)
    else:
        sound = SoundForm((), True, None, contact)
    return tuple(errors) if errors else sound


def _person(index: int, person: Person, today: date, errors: list[FieldError]) -> SoundPerson:
    key = canonical.person_key(person.name_kana, person.born_on)
    if key is None:
        errors.append(FieldError(f"persons[{index}].name_kana", FieldCode.NOT_KANA))
    if not BORN_ON_MIN <= person.born_on <= today:
        errors.append(FieldError(f"persons[{index}].born_on", FieldCode.DATE_OUT_OF_RANGE))
    return SoundPerson(key or b"", person.opted_out)


def _payout(payout: Payout, errors: list[FieldError]) -> SoundAccount | PayoutKind | None:
    match payout:
        case RegisteredAccount():
            return "registered_account"
        case Cash():
            return "cash"
    account = canonical.account(payout)
    if isinstance(account, str):
        errors.append(FieldError(f"payout.{account}", FieldCode.NOT_AN_ACCOUNT))
    holder = canonical.holder(payout.holder_kana)
    if holder is None:
        errors.append(FieldError("payout.holder_kana", FieldCode.NOT_KANA))
    if isinstance(account, str) or holder is None:
        return None
    return SoundAccount(account, holder)


def _contact(contact: Contact | None, errors: list[FieldError]) -> bytes | None:
    if contact is None:
        return None
    if (contact.email is None) == (contact.phone is None):
        errors.append(FieldError("contact", FieldCode.ONE_OF_EMAIL_AND_PHONE))
        return None
    if contact.email is not None:
        if not _EMAIL.fullmatch(contact.email):
            errors.append(FieldError("contact.email", FieldCode.BAD_FORMAT))
        return json.dumps({"email": contact.email}, ensure_ascii=False).encode()
    if not _PHONE.fullmatch(contact.phone or ""):
        errors.append(FieldError("contact.phone", FieldCode.BAD_FORMAT))
    return json.dumps({"phone": contact.phone}).encode()
