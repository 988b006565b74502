"""Between the staff contract and the values of the handlers: pages, ids, messages."""

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Final

from kyufu.events.v1 import common_pb2, reviews_pb2
from kyufu.staff.v1 import staff_pb2

from chassis.grpc.errors import (
    RpcFailure,
    failed_precondition,
    invalid_argument,
    not_found,
    permission_denied,
)
from chassis.ids import ID_BYTES, application_id_text
from services.console.domain.reviews import Position, Resolution, Review
from services.console.domain.trace import Trace, TraceEvent
from services.console.handlers import Refused, Why
from services.console.ports import DeadLetterEntry

PAGE_SIZE_DEFAULT: Final = 50
PAGE_SIZE_MAX: Final = 500
_TOKEN: Final = struct.Struct(f">q{ID_BYTES}s")
_RESOLUTIONS: Final = {
    reviews_pb2.RESOLUTION_ACCEPT: Resolution.ACCEPT,
    reviews_pb2.RESOLUTION_REFUSE: Resolution.REFUSE,
}
_FAILURES: Final = {
    Why.NOT_FOUND: not_found,
    Why.NOT_ALLOWED: permission_denied,
    Why.PRECONDITION: failed_precondition,
}


def failure(refused: Refused) -> RpcFailure:
    """The status of a refused request."""
    return _FAILURES[refused.why](refused.reason)


def page_size(asked: int) -> int:
    """Within bounds; 0 asks for the default."""
    if asked < 0:
        raise invalid_argument("page_size")
    return min(asked or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)


def page_token(at_ms: int, last_id: bytes) -> str:
    """Where the next page begins."""
    return base64.urlsafe_b64encode(_TOKEN.pack(at_ms, last_id)).decode("ascii")


def from_page_token(token: str) -> Position | None:
    """The place a token stands for; None for the first page."""
    if not token:
        return None
    try:
        at_ms, last_id = _TOKEN.unpack(base64.urlsafe_b64decode(token.encode("ascii")))
    except (binascii.Error, struct.error, UnicodeEncodeError) as error:
        raise invalid_argument("page_token") from error
    return Position(at_ms, last_id)


def id_from_hex(text: str, field: str) -> bytes:
    """16 bytes of 32 hex digits."""
    try:
        value = bytes.fromhex(text)
    except ValueError as error:
        raise invalid_argument(field) from error
    if len(value) != ID_BYTES:
        raise invalid_argument(field)
    return value


def resolution_of(number: reviews_pb2.Resolution.ValueType) -> Resolution:
    """A person's answer; unspecified is refused."""
    resolution = _RESOLUTIONS.get(number)
    if resolution is None:
        raise invalid_argument("resolution")
    return resolution


def trace_message(trace: Trace) -> staff_pb2.TraceApplicationResponse:
    """The answer of TraceApplication."""
    return staff_pb2.TraceApplicationResponse(
        application_id=application_id_text(trace.application_id),
        programme=trace.programme,
        receipt_number=trace.receipt_number,
        status=trace.status,
        stations=[_station(event) for event in trace.stations],
    )


def review_message(review: Review) -> staff_pb2.Review:
    """A review as staff see it."""
    return staff_pb2.Review(
        review_id=review.review_id.hex(),
        stage=common_pb2.Stage.ValueType(review.stage),
        application_id=application_id_text(review.application_id),
        municipality_code=review.municipality_code,
        reasons=[common_pb2.Reason.Value(f"REASON_{name}") for name in review.reasons],
        opened_at_ms=review.opened_at_ms,
        resolution=review.resolution.value if review.resolution else "",
        actor=review.actor,
    )


def dead_letter_message(letter: DeadLetterEntry) -> staff_pb2.DeadLetterSummary:
    """A dead letter as staff see it."""
    return staff_pb2.DeadLetterSummary(
        dead_letter_id=letter.dead_letter_id.hex(),
        source_topic=letter.source_topic,
        source_partition=letter.source_partition,
        source_offset=letter.source_offset,
        consumer=letter.consumer,
        reason=letter.reason,
        at_ms=letter.at_ms,
        replayed=letter.replayed,
    )


def merged_lags(
    from_kafka: Sequence[staff_pb2.ConsumerLag], from_peers: Sequence[staff_pb2.ConsumerLag]
) -> list[staff_pb2.ConsumerLag]:
    """One line for each group and topic; Kafka's own view wins, for it also sees absent peers."""
    lags = {(lag.consumer, lag.topic): lag for lag in (*from_peers, *from_kafka)}
    return [lags[key] for key in sorted(lags)]


def _station(event: TraceEvent) -> staff_pb2.TraceStation:
    return staff_pb2.TraceStation(
        stage=common_pb2.Stage.ValueType(event.stage),
        event=event.event,
        at_ms=event.at_ms,
        outcome=event.outcome,
        reasons=event.reasons,
        amount_yen=event.amount_yen,
        revision=event.revision,
        file_name=event.file_name,
        line_number=event.line_number,
        detail=event.detail,
    )
