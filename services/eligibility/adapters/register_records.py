"""Checked register lines as records: names and accounts sealed, ids turned into fingerprints."""

from collections.abc import Sequence
from datetime import date

from google.protobuf.message import Message
from kyufu.events.v1 import common_pb2, registry_pb2

from chassis.fingerprints import Fingerprinter
from chassis.ids import claim_unit_id
from chassis.sealing import Sealer
from services.eligibility.adapters.sealed_values import (
    ACCOUNT_FIELD,
    NAME_FIELD,
    REGISTERED_ACCOUNT,
    RESIDENT,
)
from services.eligibility.domain.register_lines import (
    AccountLine,
    CredentialLine,
    PersonLine,
    SeparationLine,
)

_EVIDENCE = {
    "protection_order": registry_pb2.SEPARATION_EVIDENCE_PROTECTION_ORDER,
    "certificate": registry_pb2.SEPARATION_EVIDENCE_CERTIFICATE,
    "support_measure": registry_pb2.SEPARATION_EVIDENCE_SUPPORT_MEASURE,
}


class RegisterRecords:
    """Makes the records of one snapshot and version."""

    def __init__(
        self,
        snapshot_id: str,
        version: int,
        *,
        sealer: Sealer,
        persons: Fingerprinter,
        credentials: Fingerprinter,
        accounts: Fingerprinter,
    ) -> None:
        self._snapshot_id = snapshot_id
        self._version = version
        self._sealer = sealer
        self._persons = persons
        self._credentials = credentials
        self._accounts = accounts

    def household(self, persons: Sequence[PersonLine]) -> tuple[bytes, Message]:
        """Key and record of a whole household."""
        household_id = persons[0].household_id
        unit = claim_unit_id(self._snapshot_id, household_id)
        record = registry_pb2.HouseholdRecord(
            claim_unit_id=unit,
            household_id=household_id,
            municipality_code=persons[0].municipality_code,
            persons=[self._person(person) for person in persons],
        )
        return unit, self._record(household=record)

    def credential(self, line: CredentialLine) -> tuple[bytes, Message]:
        """Key and record of a credential. The key names the snapshot too: by the fingerprint alone
        compaction would lose the older snapshot, by which another programme still decides.
        """
        fingerprint = self._credentials.of(line.kind, line.issuer, line.serial)
        record = registry_pb2.CredentialRecord(
            credential_fingerprint=fingerprint,
            resident_id=line.resident_id,
            claim_unit_id=claim_unit_id(self._snapshot_id, line.household_id),
            municipality_code=line.municipality_code,
            valid_from=_number(line.valid_from),
            valid_until=0 if line.valid_until is None else _number(line.valid_until),
        )
        return fingerprint + self._snapshot_id.encode(), self._record(credential=record)

    def account(self, line: AccountLine) -> tuple[bytes, Message]:
        """Key and record of a registered account. The key names the owner too: by the claim unit
        alone compaction would keep the account of one member and lose the others.
        """
        unit = claim_unit_id(self._snapshot_id, line.household_id)
        sealed = self._sealer.seal(
            "account",
            REGISTERED_ACCOUNT,
            line.resident_id,
            ACCOUNT_FIELD,
            line.canonical + line.holder,
        )
        record = registry_pb2.AccountRecord(
            claim_unit_id=unit,
            resident_id=line.resident_id,
            account=common_pb2.AccountPayout(
                account_fingerprint=self._accounts.fingerprint(line.canonical), account=sealed
            ),
            suspended=line.suspended,
        )
        return unit + line.resident_id, self._record(account=record)

    def separation(self, line: SeparationLine) -> tuple[bytes, Message]:
        """Key and record of a separation."""
        unit = claim_unit_id(self._snapshot_id, line.household_id)
        record = registry_pb2.SeparationRecord(
            claim_unit_id=unit,
            resident_ids=line.resident_ids,
            evidence=_EVIDENCE[line.evidence],
        )
        return unit, self._record(separation=record)

    def _person(self, line: PersonLine) -> registry_pb2.HouseholdPerson:
        born_on = line.born_on.isoformat().encode("ascii")
        return registry_pb2.HouseholdPerson(
            resident_id=line.resident_id,
            person_fingerprint=self._persons.fingerprint(line.name_key + b"|" + born_on),
            born_on=_number(line.born_on),
            died_on=0 if line.died_on is None else _number(line.died_on),
            is_head=line.is_head,
            name_kana=self._sealer.seal(
                "identity", RESIDENT, line.resident_id, NAME_FIELD, line.name_kana
            ),
        )

    def _record(
        self,
        *,
        household: registry_pb2.HouseholdRecord | None = None,
        credential: registry_pb2.CredentialRecord | None = None,
        account: registry_pb2.AccountRecord | None = None,
        separation: registry_pb2.SeparationRecord | None = None,
    ) -> registry_pb2.RegistryRecord:
        return registry_pb2.RegistryRecord(
            snapshot_id=self._snapshot_id,
            version=self._version,
            household=household,
            credential=credential,
            account=account,
            separation=separation,
        )


def _number(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day
