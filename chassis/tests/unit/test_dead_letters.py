"""Dead letters: digests only, and a limit per window."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from kyufu.events.v1 import operations_pb2

from chassis.clock import FakeClock
from chassis.kafka.dead_letters import DeadLetters
from chassis.kafka.errors import DeadLetterLimit
from chassis.kafka.records import OutgoingRecord, Record, wire_headers

RECORD = Record("source", 3, 17, b"key", "テスト".encode())


class FakeProducer:
    def __init__(self) -> None:
        self.written: list[OutgoingRecord] = []

    def produce_batch(self, records: Sequence[OutgoingRecord]) -> None:
        self.written.extend(records)


def _letters(producer: FakeProducer, clock: FakeClock) -> DeadLetters:
    return DeadLetters(producer, consumer="tester", clock=clock, limit_records=3, window_s=60.0)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(datetime(2020, 5, 11, tzinfo=UTC))


def test_a_dead_letter_holds_pointer_digests_and_reason(clock: FakeClock) -> None:
    producer = FakeProducer()
    _letters(producer, clock).write(RECORD, "undecodable")
    (written,) = producer.written
    assert written.topic == "deadletters"
    assert written.value == operations_pb2.DeadLetter(
        source_topic="source",
        source_partition=3,
        source_offset=17,
        key_digest=hashlib.sha256(b"key").digest(),
        value_digest=hashlib.sha256("テスト".encode()).digest(),
        value_size_bytes=9,
        consumer="tester",
        reason="undecodable",
        at_ms=1589155200000,
    )


def test_the_limit_holds_on_both_sides(clock: FakeClock) -> None:
    producer = FakeProducer()
    letters = _letters(producer, clock)
    letters.write_many([(RECORD, "bad")] * 3)
    with pytest.raises(DeadLetterLimit):
        letters.write(RECORD, "bad")
    assert len(producer.written) == 3


def test_a_batch_beyond_the_limit_writes_nothing(clock: FakeClock) -> None:
    producer = FakeProducer()
    with pytest.raises(DeadLetterLimit):
        _letters(producer, clock).write_many([(RECORD, "bad")] * 4)
    assert producer.written == []


def test_the_window_moves_on(clock: FakeClock) -> None:
    letters = _letters(FakeProducer(), clock)
    letters.write_many([(RECORD, "bad")] * 3)
    clock.advance(timedelta(seconds=59))
    with pytest.raises(DeadLetterLimit):
        letters.write(RECORD, "bad")
    clock.advance(timedelta(seconds=1))
    letters.write(RECORD, "bad")


def test_a_record_with_a_trace_that_no_header_could_carry_is_set_aside_all_the_same(
    clock: FakeClock,
) -> None:
    producer = FakeProducer()
    broken = Record("source", 3, 17, b"key", b"value", {"traceparent": b"00-\xff"})
    _letters(producer, clock).write(broken, "undecodable")
    (written,) = producer.written
    assert wire_headers(written) == [("type", b"kyufu.events.v1.DeadLetter")]
