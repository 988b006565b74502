"""A synthetic town for tests: households, credentials and forms, sealed with throw-away keys."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2, registry_pb2

from chassis.ids import claim_unit_id
from chassis.sealing import Opener, Sealer
from services.eligibility.adapters.parameters_file import load_programmes

PROGRAMME = "tokubetsu-teigaku-2020"
SNAPSHOT = "2020-04-27"
TOWN = "131016"
PROGRAMMES = load_programmes()
# 2020-05-11T00:00:00Z
MAY_11_MS = 1_589_155_200_000
_KEYS = {name: X25519PrivateKey.generate() for name in ("identity", "account", "contact")}
SEALER = Sealer({name: key.public_key() for name, key in _KEYS.items()})
OPENER = Opener(_KEYS)
BANK_BRANCH = "0001001"


def write_keys(secrets: Path) -> None:
    """Put the keys that open this town's values where a stage mounts its secrets."""
    for name in ("identity", "account"):
        (secrets / "sealing" / f"{name}.key").write_bytes(_KEYS[name].private_bytes_raw())


def id16(*words: object) -> bytes:
    """Sixteen bytes for some words."""
    return hashlib.blake2b("|".join(map(str, words)).encode(), digest_size=16).digest()


@dataclass(frozen=True)
class Member:
    """One synthetic person; names are visibly made up."""

    name: str
    born_on: int = 19800131
    died_on: int = 0

    @property
    def resident_id(self) -> bytes:
        return id16("resident", self.name)

    @property
    def kana(self) -> bytes:
        return f"ﾃｽﾄ {self.name}".encode("cp932")

    @property
    def fingerprint(self) -> bytes:
        return id16("person", self.name, self.born_on)

    @property
    def credential(self) -> bytes:
        return id16("credential", self.name)


@dataclass(frozen=True)
class Home:
    """A household; the first member is its head."""

    number: int
    members: tuple[Member, ...]
    municipality_code: str = TOWN

    @property
    def unit(self) -> bytes:
        return claim_unit_id(SNAPSHOT, id16("household", self.number))

    @property
    def head(self) -> Member:
        return self.members[0]

    @cache  # noqa: B019 - sealed once, so that two runs see the same register
    def household(self, version: int = 1) -> registry_pb2.RegistryRecord:
        record = registry_pb2.HouseholdRecord(
            claim_unit_id=self.unit,
            household_id=id16("household", self.number),
            municipality_code=self.municipality_code,
            persons=[
                registry_pb2.HouseholdPerson(
                    resident_id=member.resident_id,
                    person_fingerprint=member.fingerprint,
                    born_on=member.born_on,
                    died_on=member.died_on,
                    is_head=index == 0,
                    name_kana=SEALER.seal(
                        "identity", "resident", member.resident_id, "name_kana", member.kana
                    ),
                )
                for index, member in enumerate(self.members)
            ],
        )
        return registry_pb2.RegistryRecord(snapshot_id=SNAPSHOT, version=version, household=record)

    def credentials(self, version: int = 1) -> list[registry_pb2.RegistryRecord]:
        return [
            registry_pb2.RegistryRecord(
                snapshot_id=SNAPSHOT,
                version=version,
                credential=registry_pb2.CredentialRecord(
                    credential_fingerprint=member.credential,
                    resident_id=member.resident_id,
                    claim_unit_id=self.unit,
                    municipality_code=self.municipality_code,
                    valid_from=20160101,
                ),
            )
            for member in self.members
        ]

    def registered_account(
        self, member: Member, digits: str, *, suspended: bool = False
    ) -> registry_pb2.RegistryRecord:
        record = registry_pb2.AccountRecord(
            claim_unit_id=self.unit,
            resident_id=member.resident_id,
            account=account(digits, member, "registered_account", member.resident_id),
            suspended=suspended,
        )
        return registry_pb2.RegistryRecord(snapshot_id=SNAPSHOT, version=1, account=record)

    def separation(self, *members: Member, version: int = 1) -> registry_pb2.RegistryRecord:
        record = registry_pb2.SeparationRecord(
            claim_unit_id=self.unit,
            resident_ids=[member.resident_id for member in members],
            evidence=registry_pb2.SEPARATION_EVIDENCE_PROTECTION_ORDER,
        )
        return registry_pb2.RegistryRecord(snapshot_id=SNAPSHOT, version=version, separation=record)


def account(
    digits: str, holder: Member, owner_kind: str, owner_id: bytes, branch: str = BANK_BRANCH
) -> common_pb2.AccountPayout:
    """A sealed account; `digits`: its seven digits."""
    canonical = f"{branch}1{digits}".encode()
    return common_pb2.AccountPayout(
        account_fingerprint=id16("account", canonical),
        account=SEALER.seal("account", owner_kind, owner_id, "account", canonical + holder.kana),
    )


@dataclass(frozen=True)
class Form:
    """An application as somebody fills it in; `key` makes its id."""

    applicant: Member
    persons: tuple[Member, ...]
    key: str = "first"
    digits: str = "1234567"
    holder: Member | None = None
    branch: str = BANK_BRANCH
    payout: str = "account"
    opted_out: frozenset[Member] = field(default_factory=frozenset)
    complete: bool = True
    capacity: int = apps.CAPACITY_HEAD
    intent: int = apps.INTENT_APPLY
    submitted_at_ms: int = MAY_11_MS
    body: str = ""

    @property
    def application_id(self) -> bytes:
        return id16("application", self.applicant.name, self.key) + b"mac4"

    def but(self, **changes: object) -> "Form":
        return replace(self, **changes)  # type: ignore[arg-type]

    def submitted(self) -> apps.ApplicationSubmitted:
        message = apps.ApplicationSubmitted(
            event_id=id16("submitted", self.application_id, self.body),
            application_id=self.application_id,
            programme=PROGRAMME,
            client_id="portal",
            channel=common_pb2.CHANNEL_ONLINE,
            intent=apps.Intent.ValueType(self.intent),
            credential_fingerprint=self.applicant.credential,
            capacity=apps.Capacity.ValueType(self.capacity),
            persons=[
                apps.ClaimedPerson(
                    person_fingerprint=person.fingerprint, opted_out=person in self.opted_out
                )
                for person in self.persons
            ],
            persons_complete=self.complete,
            contact=SEALER.seal(
                "contact", "application", self.application_id, "contact",
                b'{"email":"shiken@kyufu.example"}',
            ),
            language="ja",
            body_digest=id16("body", self.body, self.digits, self.payout) * 2,
            submitted_at_ms=self.submitted_at_ms,
            receipt_number="0",
        )  # fmt: skip
        if self.intent == apps.INTENT_WITHDRAW:
            return message
        if self.payout == "account":
            holder = self.holder or self.applicant
            message.account.CopyFrom(
                account(self.digits, holder, "application", self.application_id, self.branch)
            )
        elif self.payout == "cash":
            message.cash.SetInParent()
        else:
            message.registered_account.SetInParent()
        return message


def home(number: int, size: int = 2) -> Home:
    """A household of `size` synthetic members."""
    return Home(number, tuple(Member(f"ｼｹﾝ{number}-{index}") for index in range(size)))


def form(of: Home, **changes: object) -> Form:
    """The head's ordinary form for everybody."""
    return (
        Form(of.head, of.members).but(digits=f"{of.number:07d}", **changes)
        if ("digits" not in changes)
        else Form(of.head, of.members).but(**changes)
    )


def withdrawal(of: Home, key: str = "withdraw") -> Form:
    """The head takes the claim back."""
    return Form(
        of.head, (), key=key, intent=apps.INTENT_WITHDRAW, capacity=apps.CAPACITY_UNSPECIFIED
    )
