"""A synthetic town for tests: claims, decisions, holds, keys."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from kyufu.events.v1 import applications_pb2, common_pb2

from chassis.clock import to_ms
from chassis.sealing import Opener, Sealer
from services.payments.adapters.vault import SealedVault
from services.payments.domain.claims import DecidedOutcome, Decision
from services.payments.domain.holds import HoldNotice
from services.payments.domain.money import Cause, ClaimKey, Item, PaymentId, Payout, Yen

PROGRAMME = "tokubetsu-teigaku-2020"
TOWN = "131016"
NOW = datetime(2020, 5, 11, 3, 0, tzinfo=UTC)
TODAY = date(2020, 5, 11)
HOLDER = "ﾃｽﾄ ﾀﾛｳ"
PERSON_YEN = 100_000


def token(*words: object) -> bytes:
    """16 bytes that stand for a name in a test."""
    return hashlib.blake2b(repr(words).encode(), digest_size=16).digest()


def claim_of(name: str) -> ClaimKey:
    return ClaimKey(PROGRAMME, token("unit", name), token("unit", name))


@dataclass
class Keys:
    """The account purpose's key pair, and sealing as the importer of registers does."""

    private: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    def vault(self) -> SealedVault:
        return SealedVault(
            Opener({"account": self.private}), Sealer({"account": self.private.public_key()})
        )

    def account(self, number: int, holder: str = HOLDER) -> bytes:
        plaintext = f"00010011{number:07d}".encode() + holder.encode("cp932")
        sealer = Sealer({"account": self.private.public_key()})
        sealed = sealer.seal("account", "registered_account", token(number), "account", plaintext)
        return sealed.SerializeToString()


def decision(
    name: str,
    *,
    revision: int = 1,
    persons: tuple[str, ...] | None = None,
    account_sealed: bytes = b"sealed",
    town: str = TOWN,
    event: str = "",
    at: datetime = NOW,
    protected: bool = False,
    contact_sealed: bytes = b"",
) -> Decision:
    """An approved decision of `name`'s household, 100,000 yen a person."""
    beneficiaries = persons if persons is not None else (f"{name}-1",)
    items = tuple(Item(token(person), "base", Yen(PERSON_YEN)) for person in beneficiaries)
    return Decision(
        payment_id=PaymentId(token("payment", name, revision, event)),
        application_id=token("application", name, revision) + b"maca",
        claim=claim_of(name),
        party_kind=1,
        protected=protected,
        revision=revision,
        replaces_revision=0,
        outcome=DecidedOutcome.APPROVED,
        items=items,
        amount_yen=Yen(PERSON_YEN * len(items)),
        payout=Payout.ACCOUNT,
        municipality_code=town,
        submitted_at=at - timedelta(hours=1),
        cause=Cause(token("decided", name, revision, event), "eligibility", at),
        account_sealed=account_sealed,
        account_fingerprint=token("account", name),
        contact_sealed=contact_sealed,
        language="ja",
    )


def decided_message(
    name: str, *, persons: tuple[str, ...] = ("p",), account_sealed: bytes = b""
) -> applications_pb2.ApplicationDecided:
    """The same decision as eligibility writes it."""
    claim = claim_of(name)
    return applications_pb2.ApplicationDecided(
        event_id=token("decided", name),
        causing_event_id=token("caused", name),
        application_id=token("application", name) + b"maca",
        programme=PROGRAMME,
        client_id="portal",
        channel=common_pb2.CHANNEL_ONLINE,
        claim_unit_id=claim.claim_unit_id,
        party=common_pb2.Party(kind=common_pb2.PARTY_KIND_HEAD, party_id=claim.party_id),
        revision=1,
        outcome=common_pb2.OUTCOME_APPROVED,
        items=[
            common_pb2.EntitlementItem(
                beneficiary_id=token(name, person), occurrence="base", amount_yen=PERSON_YEN
            )
            for person in persons
        ],
        amount_yen=PERSON_YEN * len(persons),
        account=common_pb2.AccountPayout(
            account_fingerprint=token("account", name),
            account=common_pb2.Sealed.FromString(account_sealed),
        ),
        language="ja",
        municipality_code=TOWN,
        submitted_at_ms=to_ms(NOW),
        decided_at_ms=to_ms(NOW),
        stage=common_pb2.STAGE_DECIDE,
    )


def withdrawal(name: str, replaces: int) -> Decision:
    """The decision that takes back revision `replaces`."""
    base = decision(name, revision=replaces + 1, persons=(), event="withdraw")
    return Decision(
        **{
            **{name: getattr(base, name) for name in base.__slots__},
            "outcome": DecidedOutcome.WITHDRAWN,
            "replaces_revision": replaces,
        }
    )


def hold(name: str, *, version: int = 1, active: bool = True, hold_cause: int = 3) -> HoldNotice:
    claim = claim_of(name)
    return HoldNotice(
        hold_id=token("hold", name),
        programme=PROGRAMME,
        claim_unit_id=claim.claim_unit_id,
        party_id=b"",
        hold_cause=hold_cause,
        version=version,
        active=active,
        cause=Cause(token("held", name, version), "eligibility", NOW),
    )
