"""Synthetic households of two for the bench of the stages: registers and applications, sealed."""

import hashlib
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2, common_pb2, registry_pb2

from chassis.ids import claim_unit_id
from chassis.sealing import Opener, Sealer

PERSONS: Final = 2
SNAPSHOT: Final = "2020-04-27"
PROGRAMME: Final = "tokubetsu-teigaku-2020"
MAY_11_MS: Final = 1_589_155_200_000
PURPOSES: Final = ("identity", "account", "contact")


def id16(*words: object) -> bytes:
    """Sixteen bytes for some words."""
    return hashlib.blake2b("|".join(map(str, words)).encode(), digest_size=16).digest()


class Street:
    """Synthetic households of two, one application each; everything follows from the number."""

    def __init__(self) -> None:
        keys = {name: X25519PrivateKey.generate() for name in PURPOSES}
        self.opener = Opener(keys)
        self._sealer = Sealer({name: key.public_key() for name, key in keys.items()})

    def household(self, number: int) -> tuple[bytes, Message]:
        """The register's record."""
        unit = self._unit(number)
        persons = []
        for index in range(PERSONS):
            resident = id16("resident", number, index)
            name = self._name(number, index)
            persons.append(
                registry_pb2.HouseholdPerson(
                    resident_id=resident,
                    person_fingerprint=id16("person", number, index),
                    born_on=19800131,
                    is_head=index == 0,
                    name_kana=self._sealer.seal(
                        "identity", "resident", resident, "name_kana", name
                    ),
                )
            )
        record = registry_pb2.HouseholdRecord(
            claim_unit_id=unit,
            household_id=id16("household", number),
            municipality_code="131016",
            persons=persons,
        )
        return unit, registry_pb2.RegistryRecord(snapshot_id=SNAPSHOT, version=1, household=record)

    def credential(self, number: int) -> tuple[bytes, Message]:
        """The head's credential."""
        record = registry_pb2.CredentialRecord(
            credential_fingerprint=id16("credential", number),
            resident_id=id16("resident", number, 0),
            claim_unit_id=self._unit(number),
            municipality_code="131016",
            valid_from=20160101,
        )
        key = record.credential_fingerprint + SNAPSHOT.encode()
        return key, registry_pb2.RegistryRecord(snapshot_id=SNAPSHOT, version=1, credential=record)

    def application(self, number: int) -> tuple[bytes, Message]:
        """The head's application for everybody, as intake writes it."""
        application_id = id16("application", number) + b"mac4"
        digits = b"0001" + b"001" + b"1" + f"{number % 10**7:07d}".encode()
        seal = self._sealer.seal
        account = common_pb2.AccountPayout(
            account_fingerprint=id16("account", number),
            account=seal(
                "account", "application", application_id, "account",
                digits + self._name(number, 0),
            ),
        )  # fmt: skip
        message = applications_pb2.ApplicationSubmitted(
            event_id=id16("submitted", number),
            application_id=application_id,
            programme=PROGRAMME,
            client_id="portal",
            channel=common_pb2.CHANNEL_ONLINE,
            intent=applications_pb2.INTENT_APPLY,
            credential_fingerprint=id16("credential", number),
            capacity=applications_pb2.CAPACITY_HEAD,
            persons=[
                applications_pb2.ClaimedPerson(person_fingerprint=id16("person", number, index))
                for index in range(PERSONS)
            ],
            persons_complete=True,
            account=account,
            contact=seal(
                "contact", "application", application_id, "contact",
                b'{"email":"shiken@kyufu.example"}',
            ),
            language="ja",
            body_digest=id16("body", number) * 2,
            submitted_at_ms=MAY_11_MS + number % 86_400_000,
            receipt_number="0000-0000-0000-0000-0000",
        )  # fmt: skip
        return message.credential_fingerprint, message

    def _unit(self, number: int) -> bytes:
        return claim_unit_id(SNAPSHOT, id16("household", number))

    def _name(self, number: int, index: int) -> bytes:
        return f"ﾃｽﾄ ｼｹﾝ{number}-{index}".encode("cp932")
