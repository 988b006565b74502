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
from services.eligibility.adapters.register_messages import person_message, person_of
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
# What dedup itself or identify wrote is no answer.
_ANSWERING: Final = frozenset({common_pb2.STAGE_LINK, common_pb2.STAGE_DECIDE})


def feedback_of_decision(message: applications_pb2.ApplicationDecided) -> Feedback | None:
    """The answer of link or decide about a revision."""
    if message.stage not in _ANSWERING or message.revision == 0:
        return None
    refused = message.outcome == common_pb2.OUTCOME_REFUSED
    answer = Answer.REFUSED_BY_RULES if refused else Answer.UNDER_WAY
    return Feedback(answer, message.application_id, message.revision)


def feedback_of_payment(message: payments_pb2.PaymentEvent) -> Feedback | None:
    """The answer of payments about a revision."""
    answer = ANSWER_OF_PAYMENT.get(message.kind)
    if answer is None:
        return None
    refusal: Reason | None = None
    if message.refusal:
        refusal = reasons_of([message.refusal])[0]
    return Feedback(answer, message.application_id, message.revision, message.version, refusal)


def claim_message(
    claim: Claim, submissions: Submissions
) -> applications_pb2.ApplicationDeduplicated:
    """A claim on the wire."""
    application = submissions.get(claim.raw)
    body = applications_pb2.Claim(
        application=application,
        claim_unit_id=claim.claim_unit_id,
        party=party_message(claim.party),
        revision=claim.revision,
        replaces_revision=claim.replaces_revision,
        persons=[person_message(person) for person in claim.persons],
        resident_id=claim.resident_id,
        municipality_code=claim.municipality_code,
        snapshot_id=claim.snapshot_id,
        register_version=claim.register_version,
        notes=numbers_of(claim.notes),
        unknown_persons=claim.unknown_persons,
        opted_out=claim.opted_out,
        omitted=claim.omitted,
        waived=numbers_of(claim.waived),
    )
    if claim.account:
        body.account.ParseFromString(claim.account)
    elif claim.account_fingerprint:
        body.account.CopyFrom(application.account)
    return applications_pb2.ApplicationDeduplicated(
        event_id=claim.event_id,
        causing_event_id=claim.causing_event_id,
        claim=body,
        at_ms=claim.at_ms,
    )


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
    """A claim as the rules read it."""
    body = message.claim
    application = body.application
    has_account = body.HasField("account")
    return Claim(
        event_id=message.event_id,
        causing_event_id=message.causing_event_id,
        application_id=application.application_id,
        programme=application.programme,
        submitted_at_ms=application.submitted_at_ms,
        at_ms=message.at_ms,
        claim_unit_id=body.claim_unit_id,
        party=party_of(body.party),
        revision=body.revision,
        replaces_revision=body.replaces_revision,
        persons=tuple(person_of(person) for person in body.persons),
        resident_id=body.resident_id,
        account_fingerprint=body.account.account_fingerprint,
        account=body.account.SerializeToString(deterministic=True) if has_account else b"",
        municipality_code=body.municipality_code,
        snapshot_id=body.snapshot_id,
        register_version=body.register_version,
        notes=reasons_of(body.notes),
        unknown_persons=body.unknown_persons,
        opted_out=tuple(body.opted_out),
        omitted=tuple(body.omitted),
        waived=reasons_of(body.waived),
        raw=submissions.remember(application),
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
