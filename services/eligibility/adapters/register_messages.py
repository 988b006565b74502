"""Register records of the contracts as dedup keeps them."""

from collections.abc import Iterable
from typing import Any

from kyufu.events.v1 import registry_pb2

from services.eligibility.adapters.messages import ID_BYTES, require
from services.eligibility.adapters.wire import field, number, number_tag, tag
from services.eligibility.domain.registers import (
    Household,
    Person,
    RegisteredAccount,
    Separation,
)

_PERSON = registry_pb2.HouseholdPerson
_RESIDENT_ID = tag(_PERSON.RESIDENT_ID_FIELD_NUMBER)
_FINGERPRINT = tag(_PERSON.PERSON_FINGERPRINT_FIELD_NUMBER)
_BORN_ON = number_tag(_PERSON.BORN_ON_FIELD_NUMBER)
_DIED_ON = number_tag(_PERSON.DIED_ON_FIELD_NUMBER)
_IS_HEAD = number_tag(_PERSON.IS_HEAD_FIELD_NUMBER)
_NAME_KANA = tag(_PERSON.NAME_KANA_FIELD_NUMBER)


def check_record(message: registry_pb2.RegistryRecord, key: bytes) -> None:
    """Whether dedup can take a household, an account or a separation under this key; a closing
    record has none of its own.
    """
    kind = message.WhichOneof("record")
    if kind is None or kind == "complete":
        return
    record = getattr(message, kind)
    owner = record.resident_id if kind == "account" else b""
    require(record.claim_unit_id + owner == key, "wrong_key")
    require(len(record.claim_unit_id) == ID_BYTES, "bad_claim_unit_id")
    residents = _residents_of(record, kind)
    require(all(len(each) == ID_BYTES for each in residents), "bad_resident_id")
    if kind == "separation":
        require(len(record.resident_ids) > 0, "nobody_separated")
    elif kind == "account":
        # Without it nobody would notice that other households use the account as well.
        require(len(record.account.account_fingerprint) == ID_BYTES, "bad_account")


def _residents_of(record: Any, kind: str) -> Iterable[bytes]:
    if kind == "household":
        return (person.resident_id for person in record.persons)
    return record.resident_ids if kind == "separation" else (record.resident_id,)


def household_of(message: registry_pb2.RegistryRecord) -> Household:
    """A household with its persons; their names stay sealed."""
    record = message.household
    return Household(
        snapshot_id=message.snapshot_id,
        version=message.version,
        municipality_code=record.municipality_code,
        persons=tuple(
            person_of(person, name_kana=person.name_kana.SerializeToString(deterministic=True))
            for person in record.persons
        ),
    )


def account_of(message: registry_pb2.RegistryRecord) -> RegisteredAccount:
    """A registered account; it stays sealed."""
    record = message.account
    return RegisteredAccount(
        version=message.version,
        resident_id=record.resident_id,
        account_fingerprint=record.account.account_fingerprint,
        account=record.account.SerializeToString(deterministic=True),
        suspended=record.suspended,
    )


def separation_of(message: registry_pb2.RegistryRecord) -> Separation:
    """Who lives apart; the kind of evidence is not needed to decide."""
    return Separation(message.version, tuple(message.separation.resident_ids))


def person_value(person: Person) -> bytes:
    """A person on the wire, the sealed name taken over as it is."""
    return b"".join(
        (
            field(_RESIDENT_ID, person.resident_id),
            field(_FINGERPRINT, person.person_fingerprint),
            number(_BORN_ON, person.born_on),
            number(_DIED_ON, person.died_on),
            number(_IS_HEAD, person.is_head),
            field(_NAME_KANA, person.name_kana),
        )
    )


def person_of(message: registry_pb2.HouseholdPerson, *, name_kana: bytes) -> Person:
    """A person as the rules read it."""
    return Person(
        resident_id=message.resident_id,
        person_fingerprint=message.person_fingerprint,
        born_on=message.born_on,
        died_on=message.died_on,
        is_head=message.is_head,
        name_kana=name_kana,
    )
