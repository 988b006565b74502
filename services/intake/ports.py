"""What the handlers need from the outside."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from services.intake.domain.applications import (
    Application,
    ApplicationId,
    Client,
    KeyUse,
    Programme,
    Subject,
)
from services.intake.domain.refusals import Refused
from services.intake.domain.statuses import Decision, PaymentState, StatusFacts


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a credential vouches for: this programme, key and body, and nothing else."""

    client: Client
    programme_id: str
    idempotency_key: str
    body_digest: bytes


@dataclass(frozen=True, slots=True)
class NotPublished:
    """The broker did not confirm the application; the same key may be sent again."""

    overloaded: bool


@dataclass(frozen=True, slots=True)
class OwnedStatus:
    """One row of the projection and whose it is; `subject` is None until the submission is read."""

    client_id: str | None
    subject: Subject | None
    facts: StatusFacts


@dataclass(frozen=True, slots=True)
class SubmissionSeen:
    """From applications.submitted."""

    application_id: ApplicationId
    client_id: str
    credential_fingerprint: bytes
    submitted_at_ms: int


@dataclass(frozen=True, slots=True)
class DecisionSeen:
    """From applications.decided(.protected)."""

    application_id: ApplicationId
    decision: Decision
    reasons: tuple[str, ...]
    amount_yen: int
    knows_claim_unit: bool
    decided_at_ms: int


@dataclass(frozen=True, slots=True)
class PaymentSeen:
    """From payments.events(.protected). `version` rises by one with each change of a payment."""

    application_id: ApplicationId
    payment_id: bytes
    state: PaymentState
    version: int
    occurred_at_ms: int


StatusChange = SubmissionSeen | DecisionSeen | PaymentSeen


class WallClock(Protocol):
    """The time of requests."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01T00:00Z."""
        ...

    def today_jst(self) -> date:
        """The legal day."""
        ...


class Identities(Protocol):
    """Keyed ids and fingerprints; the same input always gives the same bytes."""

    def person(self, key: bytes) -> bytes:
        """16 bytes of a person's canonical name and birth date."""
        ...

    def account(self, canonical_account: bytes) -> bytes:
        """16 bytes of a canonical account."""
        ...

    def subject(self, client_id: str, credential_fingerprint: bytes) -> Subject:
        """The citizen's name at this client."""
        ...

    def application_id(
        self, *, client_id: str, programme_id: str, idempotency_key: str, subject: Subject
    ) -> ApplicationId:
        """The id of this request, and of each retry of it."""
        ...

    def is_own(self, application_id: ApplicationId, *, client_id: str, subject: Subject) -> bool:
        """Whether the id was given to this client and subject."""
        ...

    def receipt_number(self, application_id: ApplicationId) -> str:
        """The number people read out; never an authentication."""
        ...


class CredentialVerifier(Protocol):
    """The authority of citizens' credentials, and what towns vouch for."""

    def verify(self, credential: str, request: SignedRequest) -> bytes | Refused:
        """The credential's fingerprint, or why it does not hold."""
        ...


class ClientDirectory(Protocol):
    """Registered frontends."""

    def by_token(self, token: str) -> Client | None:
        """The client whose token this is."""
        ...


class ProgrammeCatalogue(Protocol):
    """Programmes that take applications."""

    def by_id(self, programme_id: str) -> Programme | None:
        """The programme, if it takes applications."""
        ...


class IdempotencyLedger(Protocol):
    """Remembers what each key was used for."""

    async def register(self, key_digest: bytes, request_digest: bytes) -> KeyUse:
        """Note the use durably before anything is published; never fails, may not know."""
        ...


class ApplicationLog(Protocol):
    """The durable log that applications are accepted into."""

    async def publish(
        self, application: Application, traceparent: str | None
    ) -> NotPublished | None:
        """Write one application; None once the broker has acknowledged it."""
        ...


class StatusReader(Protocol):
    """The projection, as read by requests."""

    async def find(self, application_id: ApplicationId) -> OwnedStatus | None:
        """The row, or None when nothing was projected yet; raises StatusStoreAway."""
        ...


class StatusStoreAway(Exception):
    """The projection cannot be read now."""
