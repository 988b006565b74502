"""Events of all topics read into stations of a trace; what is personal stays behind here."""

from collections.abc import Callable, Iterable
from typing import Final

from google.protobuf.message import Message
from kyufu.events.v1 import (
    applications_pb2,
    common_pb2,
    operations_pb2,
    payments_pb2,
    reviews_pb2,
)

from chassis.ids import APPLICATION_ID_BYTES, ID_BYTES
from chassis.kafka.errors import InvalidMessage
from chassis.kafka.records import Record
from services.console.domain import trace
from services.console.domain.reviews import RESOLVED_TOPICS
from services.console.domain.trace import TraceEvent

PROTECTED_SUFFIX: Final = ".protected"


def has_station(record: Record) -> bool:
    """Whether the record belongs to an application's way; the release of an account does not."""
    message = record.message
    return not (
        isinstance(message, applications_pb2.ApplicationDeduplicated)
        and message.HasField("release")
    )


def station(record: Record) -> TraceEvent:
    """The station of one record; raises InvalidMessage for ids or enums that cannot be."""
    message = record.message
    assert message is not None
    reader = _READERS[type(message)]
    event = reader(message, record.topic.endswith(PROTECTED_SUFFIX))
    if len(event.event_id) != ID_BYTES:
        raise InvalidMessage("event_id")
    if len(event.application_id) != APPLICATION_ID_BYTES:
        raise InvalidMessage("application_id")
    return event


def _submitted(message: Message, protected: bool) -> TraceEvent:
    assert isinstance(message, applications_pb2.ApplicationSubmitted)
    channel = _name(common_pb2.Channel.items(), message.channel, "CHANNEL_")
    return TraceEvent(
        event_id=message.event_id,
        application_id=message.application_id,
        stage=trace.STAGE_INTAKE,
        event=trace.SUBMITTED,
        at_ms=message.submitted_at_ms,
        programme=message.programme,
        receipt_number=message.receipt_number,
        detail=_joined(channel, _name(applications_pb2.Intent.items(), message.intent, "INTENT_")),
        protected=protected,
    )


def _identified(message: Message, protected: bool) -> TraceEvent:
    # It carries no time of its own; stations of one moment are sorted by their stage.
    assert isinstance(message, applications_pb2.ApplicationIdentified)
    return TraceEvent(
        event_id=message.event_id,
        application_id=message.application.application_id,
        stage=trace.STAGE_IDENTIFY,
        event=trace.IDENTIFIED,
        at_ms=message.application.submitted_at_ms,
        programme=message.application.programme,
        municipality_code=message.municipality_code,
        detail=_joined("register", message.snapshot_id, f"version {message.register_version}"),
        protected=protected,
    )


def _deduplicated(message: Message, protected: bool) -> TraceEvent:
    assert isinstance(message, applications_pb2.ApplicationDeduplicated)
    claim = message.claim
    return TraceEvent(
        event_id=message.event_id,
        application_id=claim.application.application_id,
        stage=trace.STAGE_DEDUP,
        event=trace.DEDUPLICATED,
        at_ms=message.at_ms,
        programme=claim.application.programme,
        municipality_code=claim.municipality_code,
        revision=claim.revision,
        reasons=_reasons(claim.notes),
        protected=protected,
    )


def _decided(message: Message, protected: bool) -> TraceEvent:
    assert isinstance(message, applications_pb2.ApplicationDecided)
    return TraceEvent(
        event_id=message.event_id,
        application_id=message.application_id,
        stage=_stage(message.stage),
        event=trace.DECIDED,
        at_ms=message.decided_at_ms,
        programme=message.programme,
        municipality_code=message.municipality_code,
        outcome=_name(common_pb2.Outcome.items(), message.outcome, "OUTCOME_"),
        reasons=_reasons(message.reasons),
        amount_yen=message.amount_yen,
        revision=message.revision,
        detail=_joined(
            message.rule_version,
            f"review {message.review_id.hex()}" if message.review_id else "",
        ),
        protected=protected,
    )


def _paid(message: Message, protected: bool) -> TraceEvent:
    assert isinstance(message, payments_pb2.PaymentEvent)
    kind = _name(payments_pb2.PaymentEventKind.items(), message.kind, "PAYMENT_EVENT_KIND_")
    refusal = [message.refusal] if message.refusal else []
    return TraceEvent(
        event_id=message.event_id,
        application_id=message.application_id,
        stage=trace.STAGE_PAY,
        event=kind,
        at_ms=message.occurred_at_ms,
        programme=message.programme,
        municipality_code=message.municipality_code,
        reasons=_reasons(refusal),
        amount_yen=message.amount_yen,
        revision=message.revision,
        file_name=message.file_name,
        line_number=message.line_number,
        detail=_joined(
            _optional(payments_pb2.BankResult.items(), message.bank_result, "BANK_RESULT_"),
            _optional(payments_pb2.HoldCause.items(), message.hold_cause, "HOLD_CAUSE_"),
        ),
        ordinal=message.version,
        protected=protected,
    )


def _opened(message: Message, protected: bool) -> TraceEvent:
    assert isinstance(message, reviews_pb2.ReviewOpened)
    if _stage(message.stage) not in RESOLVED_TOPICS:
        raise InvalidMessage("stage")
    if len(message.review_id) != ID_BYTES:
        raise InvalidMessage("review_id")
    return TraceEvent(
        event_id=message.event_id,
        application_id=message.application_id,
        stage=message.stage,
        event=trace.REVIEW_OPENED,
        at_ms=message.opened_at_ms,
        programme=message.programme,
        municipality_code=message.municipality_code,
        reasons=_reasons(message.reasons),
        detail=f"review {message.review_id.hex()}",
        protected=protected or message.protected,
    )


def _noticed(message: Message, protected: bool) -> TraceEvent:
    assert isinstance(message, operations_pb2.NoticeRecorded)
    state = _name(operations_pb2.NoticeState.items(), message.state, "NOTICE_STATE_")
    channel = _name(operations_pb2.NoticeChannel.items(), message.channel, "NOTICE_CHANNEL_")
    return TraceEvent(
        event_id=message.event_id,
        application_id=message.application_id,
        stage=trace.STAGE_NOTIFY,
        event=f"notice {state}",
        at_ms=message.occurred_at_ms,
        detail=_joined(message.template, channel),
        protected=protected,
    )


_READERS: Final[dict[type[Message], Callable[[Message, bool], TraceEvent]]] = {
    applications_pb2.ApplicationSubmitted: _submitted,
    applications_pb2.ApplicationIdentified: _identified,
    applications_pb2.ApplicationDeduplicated: _deduplicated,
    applications_pb2.ApplicationDecided: _decided,
    payments_pb2.PaymentEvent: _paid,
    reviews_pb2.ReviewOpened: _opened,
    operations_pb2.NoticeRecorded: _noticed,
}


def _stage(number: int) -> int:
    if not number or number not in common_pb2.Stage.values():
        raise InvalidMessage("unknown_enum")
    return number


def _name(items: Iterable[tuple[str, int]], number: int, prefix: str) -> str:
    """The plain words of an enum's value; unspecified and unknown ones are refused."""
    for name, value in items:
        if value == number and number:
            return name.removeprefix(prefix).lower().replace("_", " ")
    raise InvalidMessage("unknown_enum")


def _optional(items: Iterable[tuple[str, int]], number: int, prefix: str) -> str:
    return _name(items, number, prefix) if number else ""


def _reasons(reasons: Iterable[int]) -> tuple[str, ...]:
    known: dict[int, str] = {number: name for name, number in common_pb2.Reason.items() if number}
    try:
        return tuple(known[reason].removeprefix("REASON_") for reason in reasons)
    except KeyError as error:
        raise InvalidMessage("unknown_enum") from error


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
