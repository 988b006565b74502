"""Decisions and holds as they come from Kafka, checked field by field before they are believed."""

from datetime import datetime
from typing import Final

from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from chassis import ids
from chassis.clock import from_ms
from chassis.kafka.errors import InvalidMessage
from chassis.kafka.records import Record
from services.payments.domain.claims import DecidedOutcome, Decision
from services.payments.domain.holds import HoldNotice
from services.payments.domain.money import Cause, ClaimKey, Item, PaymentId, Payout, Yen
from services.payments.domain.programmes import sum_of

DECISIONS_TOPIC: Final = "applications.decided"
PROTECTED_DECISIONS_TOPIC: Final = "applications.decided.protected"
HOLDS_TOPIC: Final = "holds.v1"
ELIGIBILITY: Final = "eligibility"
_OUTCOMES: Final = {
    common_pb2.OUTCOME_APPROVED: DecidedOutcome.APPROVED,
    common_pb2.OUTCOME_WITHDRAWN: DecidedOutcome.WITHDRAWN,
}
_MUNICIPALITY_DIGITS: Final = 6


def check_decision(record: Record) -> None:
    """Raise InvalidMessage for a decision that can never be right. Amounts must be the sum of their
    items: a broken sum is nobody's decision.
    """
    decided = _decided(record)
    _require(len(decided.event_id) == ids.ID_BYTES, "event_id_malformed")
    _require(bool(decided.outcome), "outcome_unspecified")
    if decided.outcome not in _OUTCOMES:
        return
    _require(len(decided.application_id) == ids.APPLICATION_ID_BYTES, "application_id_malformed")
    _require(len(decided.claim_unit_id) == ids.ID_BYTES, "claim_unit_malformed")
    _require(record.key == decided.claim_unit_id, "wrong_key")
    _require(len(decided.party.party_id) == ids.ID_BYTES, "party_malformed")
    _require(bool(decided.party.kind), "party_unspecified")
    _require(bool(decided.programme), "programme_missing")
    if decided.outcome == common_pb2.OUTCOME_WITHDRAWN:
        return
    _require(decided.revision > 0, "revision_missing")
    code = decided.municipality_code
    _require(
        len(code) == _MUNICIPALITY_DIGITS and code.isascii() and code.isdigit(),
        "municipality_malformed",
    )
    for item in decided.items:
        _require(len(item.beneficiary_id) == ids.ID_BYTES, "beneficiary_malformed")
        _require(bool(item.occurrence), "occurrence_missing")
        _require(item.amount_yen > 0, "item_amount_not_positive")
    keys = {(item.beneficiary_id, item.occurrence) for item in decided.items}
    _require(len(keys) == len(decided.items), "item_twice")
    _require(sum_of(_items(decided)) == decided.amount_yen, "amount_is_not_the_sum")
    _require(decided.WhichOneof("payout") is not None, "payout_missing")


def decision_of(record: Record, at: datetime) -> Decision | None:
    """The decision of a checked record; None for outcomes that move no money."""
    decided = _decided(record)
    outcome = _OUTCOMES.get(decided.outcome)
    if outcome is None:
        return None
    by_account = decided.WhichOneof("payout") == "account"
    return Decision(
        payment_id=PaymentId(
            ids.event_id(decided.application_id, decided.revision, "payment", decided.event_id, 0)
        ),
        application_id=decided.application_id,
        claim=ClaimKey(decided.programme, decided.claim_unit_id, decided.party.party_id),
        party_kind=decided.party.kind,
        protected=record.topic == PROTECTED_DECISIONS_TOPIC,
        revision=decided.revision,
        replaces_revision=decided.replaces_revision,
        outcome=outcome,
        items=_items(decided),
        amount_yen=Yen(decided.amount_yen),
        payout=Payout.ACCOUNT if by_account else Payout.CASH,
        municipality_code=decided.municipality_code,
        submitted_at=from_ms(decided.submitted_at_ms),
        cause=Cause(decided.event_id, ELIGIBILITY, at, record.traceparent),
        account_sealed=decided.account.account.SerializeToString() if by_account else b"",
        account_fingerprint=decided.account.account_fingerprint if by_account else b"",
        contact_sealed=(
            decided.contact.SerializeToString() if decided.HasField("contact") else b""
        ),
        language=decided.language,
    )


def check_hold(record: Record) -> None:
    """Raise InvalidMessage for a hold that names nothing."""
    hold = _hold(record)
    _require(len(hold.event_id) == ids.ID_BYTES, "event_id_malformed")
    _require(0 < len(hold.hold_id) <= ids.ID_BYTES, "hold_id_malformed")
    _require(len(hold.claim_unit_id) == ids.ID_BYTES, "claim_unit_malformed")
    _require(record.key == hold.claim_unit_id, "wrong_key")
    _require(len(hold.party_id) in {0, ids.ID_BYTES}, "party_malformed")
    _require(bool(hold.cause), "cause_unspecified")
    _require(bool(hold.programme), "programme_missing")


def hold_of(record: Record, at: datetime) -> HoldNotice:
    """The notice of a checked record."""
    hold = _hold(record)
    return HoldNotice(
        hold_id=hold.hold_id,
        programme=hold.programme,
        claim_unit_id=hold.claim_unit_id,
        party_id=hold.party_id,
        hold_cause=hold.cause,
        version=hold.version,
        active=hold.active,
        cause=Cause(hold.event_id, ELIGIBILITY, at, record.traceparent),
    )


def _items(decided: applications_pb2.ApplicationDecided) -> tuple[Item, ...]:
    return tuple(
        Item(item.beneficiary_id, item.occurrence, Yen(item.amount_yen)) for item in decided.items
    )


def _decided(record: Record) -> applications_pb2.ApplicationDecided:
    if not isinstance(record.message, applications_pb2.ApplicationDecided):
        raise InvalidMessage("wrong_type")
    return record.message


def _hold(record: Record) -> payments_pb2.Hold:
    if not isinstance(record.message, payments_pb2.Hold):
        raise InvalidMessage("wrong_type")
    return record.message


def _require(condition: bool, reason_code: str) -> None:
    if not condition:
        raise InvalidMessage(reason_code)
