"""The two use cases of citizens: submit an application, ask for its status.

Invariants (INV-1, INV-6): `Accepted` is returned only after the log has acknowledged the
application, and the same request always gets the same application id.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

from services.intake.domain.applications import (
    Accepted,
    AccountPayout,
    Application,
    ApplicationId,
    ClaimedPerson,
    Client,
    KeyUse,
    PayoutKind,
    Subject,
)
from services.intake.domain.forms import Form, WithdrawForm
from services.intake.domain.refusals import Code, Refused
from services.intake.domain.statuses import StatusFacts
from services.intake.domain.validation import SoundAccount, SoundForm, validate
from services.intake.ports import (
    ApplicationLog,
    CredentialVerifier,
    IdempotencyLedger,
    Identities,
    ProgrammeCatalogue,
    SignedRequest,
    StatusReader,
    StatusStoreAway,
    WallClock,
)

APPLY_SCOPE: Final = "apply"
KEY_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Submission:
    """One request to take an application; `body_digest` is SHA-256 over the body as received."""

    client: Client
    programme_id: str
    idempotency_key: str
    credential: str
    body_digest: bytes
    form: Form
    traceparent: str | None = None


class SubmitApplication:
    """Checks, canonicalises, publishes; answers once the application cannot be lost."""

    def __init__(
        self,
        *,
        clock: WallClock,
        identities: Identities,
        programmes: ProgrammeCatalogue,
        credentials: CredentialVerifier,
        ledger: IdempotencyLedger,
        log: ApplicationLog,
    ) -> None:
        self._clock = clock
        self._identities = identities
        self._programmes = programmes
        self._credentials = credentials
        self._ledger = ledger
        self._log = log

    async def submit(self, submission: Submission) -> Accepted | Refused:
        """Take one application, or say why not."""
        client = submission.client
        if APPLY_SCOPE not in client.scopes:
            return Refused(Code.SCOPE_MISSING)
        if self._programmes.by_id(submission.programme_id) is None:
            return Refused(Code.PROGRAMME_UNKNOWN)
        sound = validate(submission.form, self._clock.today_jst())
        if isinstance(sound, tuple):
            return Refused(Code.FORM_INVALID, sound)
        credential = self._credentials.verify(
            submission.credential,
            SignedRequest(
                client,
                submission.programme_id,
                submission.idempotency_key,
                submission.body_digest,
            ),
        )
        if isinstance(credential, Refused):
            return credential
        return await self._publish(submission, sound, credential)

    async def _publish(
        self, submission: Submission, sound: SoundForm, credential_fingerprint: bytes
    ) -> Accepted | Refused:
        identities, client_id = self._identities, submission.client.client_id
        subject = identities.subject(client_id, credential_fingerprint)
        application_id = identities.application_id(
            client_id=client_id,
            programme_id=submission.programme_id,
            idempotency_key=submission.idempotency_key,
            subject=subject,
        )
        # The same body under another person's credential is another request.
        request_digest = hashlib.sha256(submission.body_digest + credential_fingerprint).digest()
        use = await self._ledger.register(application_id[:KEY_DIGEST_BYTES], request_digest)
        if use is KeyUse.REUSED:
            return Refused(Code.IDEMPOTENCY_KEY_REUSED)
        receipt_number = identities.receipt_number(application_id)
        failure = await self._log.publish(
            self._application(
                submission, sound, credential_fingerprint, application_id, receipt_number
            ),
            submission.traceparent,
        )
        if failure is not None:
            return Refused(Code.OVERLOADED if failure.overloaded else Code.BROKER_UNAVAILABLE)
        return Accepted(application_id, receipt_number, subject)

    def _application(
        self,
        submission: Submission,
        sound: SoundForm,
        credential_fingerprint: bytes,
        application_id: ApplicationId,
        receipt_number: str,
    ) -> Application:
        form = submission.form
        person = self._identities.person
        return Application(
            application_id=application_id,
            receipt_number=receipt_number,
            programme_id=submission.programme_id,
            client_id=submission.client.client_id,
            channel=submission.client.channel,
            withdraw=isinstance(form, WithdrawForm),
            capacity=form.capacity,
            credential_fingerprint=credential_fingerprint,
            persons=tuple(ClaimedPerson(person(p.key), p.opted_out) for p in sound.persons),
            persons_complete=sound.persons_complete,
            payout=self._payout(sound.payout),
            contact_plaintext=sound.contact,
            language=form.language,
            body_digest=submission.body_digest,
            submitted_at_ms=self._clock.now_ms(),
        )

    def _payout(
        self, payout: SoundAccount | PayoutKind | None
    ) -> AccountPayout | PayoutKind | None:
        if not isinstance(payout, SoundAccount):
            return payout
        return AccountPayout(
            fingerprint=self._identities.account(payout.canonical),
            plaintext=payout.canonical + payout.holder,
        )


@dataclass(frozen=True, slots=True)
class FoundStatus:
    """What is known of one's own application; `facts` is None before it was projected."""

    application_id: ApplicationId
    facts: StatusFacts | None


class ReadStatus:
    """Tells an owner, and nobody else, what became of an application.

    The id itself proves that it was given to this client and subject, so a status is known from the
    moment of the 202, before the projection has read the record.
    """

    def __init__(self, *, identities: Identities, statuses: StatusReader) -> None:
        self._identities = identities
        self._statuses = statuses

    async def read(
        self, application_id: ApplicationId, client: Client, subject: Subject
    ) -> FoundStatus | Refused:
        """The facts, or APPLICATION_UNKNOWN for everybody who is not the owner."""
        if APPLY_SCOPE not in client.scopes:
            return Refused(Code.SCOPE_MISSING)
        if not self._identities.is_own(application_id, client_id=client.client_id, subject=subject):
            return Refused(Code.APPLICATION_UNKNOWN)
        try:
            row = await self._statuses.find(application_id)
        except StatusStoreAway:
            return Refused(Code.STATUS_UNAVAILABLE)
        if row is None or row.subject is None:
            return FoundStatus(application_id, None)
        # The id's check part is short; where the table knows the owner, it has the last word.
        if row.client_id != client.client_id or row.subject != subject:
            return Refused(Code.APPLICATION_UNKNOWN)
        return FoundStatus(application_id, row.facts)
