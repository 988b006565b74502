"""The trace: same stations and status whatever the order of events."""

from itertools import permutations

import pytest
from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2, common_pb2, payments_pb2

from chassis.kafka.errors import InvalidMessage
from chassis.kafka.records import Record
from services.console.domain.trace import TraceEvent, assemble
from services.console.entrypoints.stations import has_station, station
from services.console.tests.installation import (
    CANARY,
    decided,
    new_application_id,
    opened,
    settled,
    submitted,
)

APPLICATION = bytes(20)


def _event(stage: int, event: str, at_ms: int, outcome: str = "", ordinal: int = 0) -> TraceEvent:
    return TraceEvent(
        bytes([stage, ordinal]) + event.encode(), APPLICATION, stage, event, at_ms,
        outcome=outcome, ordinal=ordinal,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([_event(1, "submitted", 1)], "received"),
        ([_event(1, "submitted", 1), _event(4, "decided", 2, "waiting")], "waiting"),
        ([_event(4, "decided", 2, "approved"), _event(6, "planned", 2)], "planned"),
        ([_event(6, "frozen", 3, ordinal=2), _event(6, "approved", 3, ordinal=3)], "approved"),
        ([_event(6, "settled", 5), _event(6, "returned", 9)], "returned"),
        ([_event(6, "replaced", 5), _event(3, "decided", 6, "superseded")], "superseded"),
        ([_event(4, "decided", 2, "refused"), _event(7, "notice delivered", 3)], "refused"),
    ],
)
def test_the_status_is_the_last_decision_or_money_event_in_any_order_of_arrival(
    events: list[TraceEvent], expected: str
) -> None:
    for order in permutations(events):
        trace = assemble(APPLICATION, order)
        assert trace is not None
        assert trace.status == expected


def test_one_protected_event_makes_the_whole_case_protected() -> None:
    plain = _event(1, "submitted", 1)
    guarded = TraceEvent(b"g", APPLICATION, 4, "decided", 2, protected=True)
    trace = assemble(APPLICATION, [plain, guarded])
    assert trace is not None
    assert trace.protected


def _record(topic: str, message: Message) -> Record:
    return Record(topic, 0, 0, b"", b"", message=message)


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("applications.submitted", submitted(new_application_id())),
        (
            "applications.decided",
            decided(new_application_id(), common_pb2.OUTCOME_REFUSED),
        ),
        ("payments.events", settled(new_application_id())),
        ("reviews.opened", opened(new_application_id())),
    ],
)
def test_no_station_carries_what_is_sealed_or_a_fingerprint(topic: str, message: Message) -> None:
    read = station(_record(topic, message))
    assert CANARY not in str(read)
    assert CANARY.encode()[:16].hex() not in str(read)
    assert not read.protected
    assert station(_record(f"{topic}.protected", message)).protected


def test_the_release_of_an_account_is_no_station() -> None:
    release = applications_pb2.ApplicationDeduplicated(
        release=applications_pb2.AccountRelease(revision=1)
    )
    claim = applications_pb2.ApplicationDeduplicated(claim=applications_pb2.Claim(revision=1))
    assert not has_station(_record("applications.deduplicated", release))
    assert has_station(_record("applications.deduplicated", claim))


@pytest.mark.parametrize(
    "message",
    [
        decided(b"short", common_pb2.OUTCOME_REFUSED),
        decided(new_application_id(), common_pb2.OUTCOME_UNSPECIFIED),
        decided(new_application_id(), common_pb2.Outcome.ValueType(99)),
        payments_pb2.PaymentEvent(event_id=bytes(16), application_id=bytes(20)),
        applications_pb2.ApplicationSubmitted(application_id=bytes(20)),
    ],
)
def test_a_record_with_an_impossible_id_or_enum_is_set_aside(message: Message) -> None:
    with pytest.raises(InvalidMessage):
        station(_record("any", message))
