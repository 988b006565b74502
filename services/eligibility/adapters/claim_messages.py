"""What travels between dedup and link: claims and releases, and the answers that come back."""

from types import MappingProxyType
from typing import Final

from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from services.eligibility.adapters.messages import (
    Submissions,
    numbers_of,
    party_message,
    party_of,
    reasons_of,
)
from services.eligibility.adapters.register_messages import person_of, person_value
from services.eligibility.adapters.wire import field, number, number_tag, tag
from services.eligibility.domain.emitting import Claim, Release
from services.eligibility.domain.feedback import Answer, Feedback
from services.eligibility.domain.words import Reason

_KIND = payments_pb2.PaymentEventKind
ANSWER_OF_PAYMENT: Final = MappingProxyType(
    {
        _KIND.PAYMENT_EVENT_KIND_PLANNED: Answer.PLANNED,
        _KIND.PAYMENT_EVENT_KIND_HELD: Answer.PLANNED,
        _KIND.PAYMENT_EVENT_KIND_HOLD_CLEARED: Answer.PLANNED,
        _KIND.PAYMENT_EVENT_KIND_AWAITING_BUDGET: Answer.PLANNED,
        _KIND.PAYMENT_EVENT_KIND_FILE_REJECTED: Answer.PLANNED,
        _KIND.PAYMENT_EVENT_KIND_FROZEN: Answer.LOCKED,
        _KIND.PAYMENT_EVENT_KIND_APPROVED: Answer.LOCKED,
        _KIND.PAYMENT_EVENT_KIND_SENT: Answer.LOCKED,
        _KIND.PAYMENT_EVENT_KIND_SETTLED: Answer.LOCKED,
        _KIND.PAYMENT_EVENT_KIND_UNKNOWN: Answer.LOCKED,
        _KIND.PAYMENT_EVENT_KIND_RETURNED: Answer.RETURNED,
        _KIND.PAYMENT_EVENT_KIND_CANCELLED: Answer.CANCELLED,
        _KIND.PAYMENT_EVENT_KIND_REPLACED: Answer.REPLACED,
        _KIND.PAYMENT_EVENT_KIND_DECISION_REFUSED: Answer.DECISION_REFUSED,
    }
)
_APPLICATION: Final = tag(applications_pb2.Claim.APPLICATION_FIELD_NUMBER)
_CLAIM_UNIT_ID: Final = tag(applications_pb2.Claim.CLAIM_UNIT_ID_FIELD_NUMBER)
_PARTY: Final = tag(applications_pb2.Claim.PARTY_FIELD_NUMBER)
_PARTY_KIND: Final = number_tag(common_pb2.Party.KIND_FIELD_NUMBER)
_PARTY_ID: Final = tag(common_pb2.Party.PARTY_ID_FIELD_NUMBER)
_REVISION: Final = number_tag(applications_pb2.Claim.REVISION_FIELD_NUMBER)
_RESIDENT_ID: Final = tag(applications_pb2.Claim.RESIDENT_ID_FIELD_NUMBER)
_MUNICIPALITY: Final = tag(applications_pb2.Claim.MUNICIPALITY_CODE_FIELD_NUMBER)
_SNAPSHOT: Final = tag(applications_pb2.Claim.SNAPSHOT_ID_FIELD_NUMBER)
_REGISTER_VERSION: Final = number_tag(applications_pb2.Claim.REGISTER_VERSION_FIELD_NUMBER)
_EVENT_ID: Final = tag(applications_pb2.ApplicationDeduplicated.EVENT_ID_FIELD_NUMBER)
_CAUSING: Final = tag(applications_pb2.ApplicationDeduplicated.CAUSING_EVENT_ID_FIELD_NUMBER)
_AT_MS: Final = number_tag(applications_pb2.ApplicationDeduplicated.AT_MS_FIELD_NUMBER)
_PERSONS: Final = tag(applications_pb2.Claim.PERSONS_FIELD_NUMBER)
_ACCOUNT: Final = tag(applications_pb2.Claim.ACCOUNT_FIELD_NUMBER)
_CLAIM: Final = tag(applications_pb2.ApplicationDeduplicated.CLAIM_FIELD_NUMBER)
# What dedup itself or identify wrote is no answer.
_ANSWERING: Final = frozenset({common_pb2.STAGE_LINK, common_pb2.STAGE_DECIDE})


def feedback_of_decision(message: applications_pb2.ApplicationDecided) -> Feedback | None:
    """The answer of link or decide about a revision. Approved or waiting is none: the way goes on,
    and whoever comes next will say how. Nearly every claim passes here once like that.
    """
    if message.outcome != common_pb2.OUTCOME_REFUSED:
        return None
    if message.stage not in _ANSWERING or message.revision == 0:
        return None
    return Feedback(Answer.REFUSED_BY_RULES, message.application_id, message.revision)


def feedback_of_payment(message: payments_pb2.PaymentEvent) -> Feedback | None:
    """The answer of payments about a revision."""
    answer = ANSWER_OF_PAYMENT.get(message.kind)
    if answer is None:
        return None
    refusal: Reason | None = None
    if message.refusal:
        refusal = reasons_of([message.refusal])[0]
    return Feedback(answer, message.application_id, message.revision, message.version, refusal)


def claim_value(claim: Claim, submissions: Submissions) -> bytes:
    """A claim on the wire, the application and the sealed names taken over as they are."""
    kind, party_id = claim.party.kind, claim.party.party_id
    parts = [
        field(_APPLICATION, claim.raw),
        field(_CLAIM_UNIT_ID, claim.claim_unit_id),
        field(_PARTY, number(_PARTY_KIND, kind) + field(_PARTY_ID, party_id)),
        number(_REVISION, claim.revision),
        field(_RESIDENT_ID, claim.resident_id),
        field(_MUNICIPALITY, claim.municipality_code.encode()),
        field(_SNAPSHOT, claim.snapshot_id.encode()),
        number(_REGISTER_VERSION, claim.register_version),
    ]
    parts.extend([field(_PERSONS, person_value(person)) for person in claim.persons])
    if (
        claim.replaces_revision
        or claim.unknown_persons
        or claim.notes
        or claim.opted_out
        or claim.omitted
        or claim.waived
    ):
        parts.append(_rare_fields(claim))
    if claim.account:
        parts.append(field(_ACCOUNT, claim.account))
    elif claim.account_fingerprint:
        account = submissions.get(claim.raw).account
        parts.append(field(_ACCOUNT, account.SerializeToString()))
    return b"".join(
        (
            field(_EVENT_ID, claim.event_id),
            field(_CAUSING, claim.causing_event_id),
            number(_AT_MS, claim.at_ms),
            field(_CLAIM, b"".join(parts)),
        )
    )


def _rare_fields(claim: Claim) -> bytes:
    """What most claims leave empty."""
    rare = applications_pb2.Claim(
        replaces_revision=claim.replaces_revision,
        notes=numbers_of(claim.notes),
        unknown_persons=claim.unknown_persons,
        opted_out=claim.opted_out,
        omitted=claim.omitted,
        waived=numbers_of(claim.waived),
    )
    return rare.SerializeToString()


def release_message(release: Release) -> applications_pb2.ApplicationDeduplicated:
    """A release on the wire."""
    return applications_pb2.ApplicationDeduplicated(
        event_id=release.event_id,
        causing_event_id=release.causing_event_id,
        release=applications_pb2.AccountRelease(
            account_fingerprint=release.account_fingerprint,
            claim_unit_id=release.claim_unit_id,
            party=party_message(release.party),
            programme=release.programme,
            revision=release.revision,
        ),
        at_ms=release.at_ms,
    )


def claim_of(message: applications_pb2.ApplicationDeduplicated, submissions: Submissions) -> Claim:
    """A claim as the rules read it; application and account are found under the event's id, since
    link writes neither into its state.
    """
    body = message.claim
    application = body.application
    handle = message.event_id
    fingerprint = account = b""
    if body.HasField("account"):
        payout = body.account
        fingerprint = payout.account_fingerprint
        account = submissions.keep_account(handle, payout)
    return Claim(
        event_id=handle,
        causing_event_id=message.causing_event_id,
        application_id=application.application_id,
        programme=application.programme,
        submitted_at_ms=application.submitted_at_ms,
        at_ms=message.at_ms,
        claim_unit_id=body.claim_unit_id,
        party=party_of(body.party),
        revision=body.revision,
        replaces_revision=body.replaces_revision,
        # The sealed name has been opened by now and goes nowhere from here.
        persons=tuple([person_of(person, name_kana=b"") for person in body.persons]),
        resident_id=body.resident_id,
        account_fingerprint=fingerprint,
        account=account,
        municipality_code=body.municipality_code,
        snapshot_id=body.snapshot_id,
        register_version=body.register_version,
        notes=reasons_of(body.notes),
        unknown_persons=body.unknown_persons,
        opted_out=tuple(body.opted_out),
        omitted=tuple(body.omitted),
        waived=reasons_of(body.waived),
        raw=submissions.keep(handle, application),
    )


def release_of(message: applications_pb2.ApplicationDeduplicated) -> Release:
    """A release as the rules read it."""
    body = message.release
    return Release(
        event_id=message.event_id,
        causing_event_id=message.causing_event_id,
        account_fingerprint=body.account_fingerprint,
        claim_unit_id=body.claim_unit_id,
        party=party_of(body.party),
        programme=body.programme,
        revision=body.revision,
        at_ms=message.at_ms,
    )
