"""The four registers of a synthetic nation as the importer writes them.

Messages are filled into one blank per household size, which costs a third of building them anew.
Which key and partition a record gets, the importer's own `RegisterTopic` says for the first record
of each register, and a test compares all.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from kyufu.events.v1 import registry_pb2

from bench.town.keys import Seal, TownKeys, nonce_of
from bench.town.mix import Kind, TownPlan
from bench.town.people import (
    CREDENTIAL,
    DIED_BEFORE,
    HOUSEHOLD,
    OTHER_CREDENTIAL,
    PERSON_FINGERPRINT,
    SNAPSHOT,
    Home,
    People,
)
from bench.town.records import TownRecord, partition_of
from services.eligibility.adapters.partition_keys import key_on
from services.eligibility.adapters.register_topics import REGISTERS
from services.eligibility.adapters.sealed_values import (
    ACCOUNT_FIELD,
    NAME_FIELD,
    REGISTERED_ACCOUNT,
    RESIDENT,
)

VERSION: Final = 1
VALID_FROM: Final = 20190101
VALID_UNTIL: Final = 20281231
TYPE: Final = registry_pb2.RegistryRecord.DESCRIPTOR.full_name
# Places of sealed values within a household, for their nonces; forms have theirs above.
REGISTERED_PLACE: Final = 64


class Registers:
    """Writes the registers, each in the order of the households."""

    def __init__(self, plan: TownPlan, people: People, keys: TownKeys) -> None:
        self._plan, self._people = plan, people
        self._names = Seal(keys, "identity", RESIDENT, 16, NAME_FIELD)
        self._accounts = Seal(keys, "account", REGISTERED_ACCOUNT, 16, ACCOUNT_FIELD)
        self._blanks: dict[int, registry_pb2.RegistryRecord] = {}
        self._credential = _blank()
        self._credential.credential.valid_from = VALID_FROM
        self._credential.credential.valid_until = VALID_UNTIL

    def register(self, name: str) -> Iterator[TownRecord]:
        """One register with its closing records."""
        of = {
            "households": self._household,
            "credentials": self._credentials,
            "accounts": self._account,
            "separations": self._separation,
        }[name]
        # What a household of any other kind does not have need not be drawn.
        only = {"accounts": Kind.REGISTERED, "separations": Kind.SEPARATED}.get(name)
        home = self._people.home
        written: Counter[int] = Counter()
        partitions = self._plan.partitions
        for number in range(self._plan.households):
            if only is not None and self._people.kind(number) is not only:
                continue
            for record in of(home(number)):
                place = record.partition
                if place is None:
                    place = partition_of(record.key, partitions)
                written[place] += 1
                yield record
        for partition in range(partitions):
            yield self._closing(name, partition, written[partition])

    def _household(self, home: Home) -> Iterator[TownRecord]:
        message = self._blanks.get(home.size)
        if message is None:
            message = self._blanks[home.size] = self._blank_household(home.size)
        household, people, seal = message.household, self._people, self._names
        household.claim_unit_id = home.unit
        household.household_id = home.draw[HOUSEHOLD]
        household.municipality_code = people.town(home)
        for index, (person, drawn) in enumerate(zip(household.persons, home.persons, strict=True)):
            resident_id = drawn[:16]
            person.resident_id = resident_id
            person.person_fingerprint = drawn[PERSON_FINGERPRINT]
            person.born_on = people.born_on(home, index)
            person.died_on = 0
            nonce = nonce_of(people.seed_bytes, home.number, index)
            seal.fill(person.name_kana, resident_id, nonce, people.name(home, index))
        if home.kind is Kind.DIED_BEFORE:
            household.persons[-1].died_on = DIED_BEFORE
        yield TownRecord("registry.households", home.unit, message.SerializeToString(), TYPE, None)

    def _credentials(self, home: Home) -> Iterator[TownRecord]:
        if home.kind is Kind.UNKNOWN_CREDENTIAL:
            return
        owner = -1 if home.kind in (Kind.NOT_HEAD, Kind.PROXY, Kind.SEPARATION_UNPROVEN) else 0
        yield self._credential_of(home, home.draw[CREDENTIAL], home.persons[owner][:16])
        if home.kind is Kind.SEPARATED:
            yield self._credential_of(home, home.draw[OTHER_CREDENTIAL], home.persons[-1][:16])

    def _credential_of(self, home: Home, fingerprint: bytes, resident_id: bytes) -> TownRecord:
        record = self._credential.credential
        record.credential_fingerprint = fingerprint
        record.resident_id = resident_id
        record.claim_unit_id = home.unit
        record.municipality_code = self._people.town(home)
        value = self._credential.SerializeToString()
        return TownRecord("registry.credentials", fingerprint, value, TYPE, None)

    def _account(self, home: Home) -> Iterator[TownRecord]:
        people, resident_id = self._people, home.persons[0][:16]
        message = _blank()
        record = message.account
        record.claim_unit_id = home.unit
        record.resident_id = resident_id
        record.account.account_fingerprint = people.account_fingerprint(home)
        record.account.account.CopyFrom(self._accounts.blank)
        self._accounts.fill(
            record.account.account,
            resident_id,
            nonce_of(people.seed_bytes, home.number, REGISTERED_PLACE),
            people.canonical(home) + people.name(home, 0),
        )
        partition = partition_of(home.unit, self._plan.partitions)
        key = home.unit + resident_id
        yield TownRecord("registry.accounts", key, message.SerializeToString(), TYPE, partition)

    def _separation(self, home: Home) -> Iterator[TownRecord]:
        message = _blank()
        message.separation.claim_unit_id = home.unit
        message.separation.resident_ids.append(home.persons[-1][:16])
        message.separation.evidence = registry_pb2.SEPARATION_EVIDENCE_PROTECTION_ORDER
        value = message.SerializeToString()
        yield TownRecord("registry.separations", home.unit, value, TYPE, None)

    def _closing(self, register: str, partition: int, records: int) -> TownRecord:
        message = _blank()
        message.complete.register = REGISTERS[register]
        message.complete.partition = partition
        message.complete.records = records
        key = key_on(partition, self._plan.partitions, f"complete/{SNAPSHOT}/{register}")
        return TownRecord(f"registry.{register}", key, message.SerializeToString(), TYPE, partition)

    def _blank_household(self, size: int) -> registry_pb2.RegistryRecord:
        message = _blank()
        for index in range(size):
            person = message.household.persons.add(is_head=index == 0)
            person.name_kana.CopyFrom(self._names.blank)
        return message


def _blank() -> registry_pb2.RegistryRecord:
    return registry_pb2.RegistryRecord(snapshot_id=SNAPSHOT, version=VERSION)
