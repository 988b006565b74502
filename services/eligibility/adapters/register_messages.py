"""Register records of the contracts as dedup keeps them."""

from kyufu.events.v1 import registry_pb2

from services.eligibility.adapters.wire import field, tag
from services.eligibility.domain.registers import (
    Household,
    Person,
    RegisteredAccount,
    Separation,
)

_NAME_KANA = tag(registry_pb2.HouseholdPerson.NAME_KANA_FIELD_NUMBER)


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
    message = registry_pb2.HouseholdPerson(
        resident_id=person.resident_id,
        person_fingerprint=person.person_fingerprint,
        born_on=person.born_on,
        died_on=person.died_on,
        is_head=person.is_head,
    )
    return message.SerializeToString() + field(_NAME_KANA, person.name_kana)


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
