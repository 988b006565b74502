"""Register records of the contracts as dedup keeps them."""

from kyufu.events.v1 import registry_pb2

from services.eligibility.domain.registers import (
    Household,
    Person,
    RegisteredAccount,
    Separation,
)


def household_of(message: registry_pb2.RegistryRecord) -> Household:
    """A household with its persons; their names stay sealed."""
    record = message.household
    return Household(
        snapshot_id=message.snapshot_id,
        version=message.version,
        municipality_code=record.municipality_code,
        persons=tuple(
            Person(
                resident_id=person.resident_id,
                person_fingerprint=person.person_fingerprint,
                born_on=person.born_on,
                died_on=person.died_on,
                is_head=person.is_head,
                name_kana=person.name_kana.SerializeToString(deterministic=True),
            )
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


def person_message(person: Person) -> registry_pb2.HouseholdPerson:
    """A person on the wire."""
    message = registry_pb2.HouseholdPerson(
        resident_id=person.resident_id,
        person_fingerprint=person.person_fingerprint,
        born_on=person.born_on,
        died_on=person.died_on,
        is_head=person.is_head,
    )
    message.name_kana.ParseFromString(person.name_kana)
    return message


def person_of(message: registry_pb2.HouseholdPerson) -> Person:
    """A person as the rules read it."""
    return Person(
        resident_id=message.resident_id,
        person_fingerprint=message.person_fingerprint,
        born_on=message.born_on,
        died_on=message.died_on,
        is_head=message.is_head,
        name_kana=message.name_kana.SerializeToString(deterministic=True),
    )
