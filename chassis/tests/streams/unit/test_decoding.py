"""An envelope gives what a stage takes, in order, and sets the rest aside with a reason."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from chassis.kafka.errors import DeadLetterLimit
from chassis.kafka.partitioner import partition_for
from chassis.streams.decoding import LIMIT_WINDOW_MS, DeadLetterBudget, EnvelopeDecoder
from chassis.streams.transport import Envelope
from chassis.tests.streams.toy import POISON, ToyLogic, ToyTopics

KEY = b"toy-key-00000001"
PARTITIONS = 4
PARTITION = partition_for(KEY, PARTITIONS)
NOW_MS = 1_589_155_200_000
GOOD = StringValue(value="event-1").SerializeToString()


@dataclass
class FakeRecord:
    """What aiokafka gives, as far as it is read."""

    offset: int = 0
    key: bytes | None = KEY
    value: bytes | None = GOOD
    headers: tuple[tuple[str, bytes], ...] = ()
    topic: str = "t.a"
    partition: int = PARTITION
    timestamp: int = 1_589_155_200_000


def _decode(*records: FakeRecord):  # type: ignore[no-untyped-def]
    envelope = Envelope("t.a", PARTITION, 1, 0, len(records), len(records), records)
    return EnvelopeDecoder(ToyLogic("t"), ToyTopics(), PARTITIONS).decode(envelope)


def test_records_keep_their_order_and_carry_their_source() -> None:
    header = ("traceparent", b"00-aa-bb-01")
    taken, rejected = _decode(FakeRecord(offset=5, headers=(header,)), FakeRecord(offset=6))
    assert rejected == []
    assert [(i.topic, i.partition, i.offset) for i in taken] == [
        ("t.a", PARTITION, 5),
        ("t.a", PARTITION, 6),
    ]
    assert (taken[0].key, taken[0].event_time_ms) == (KEY, 1_589_155_200_000)
    assert (taken[0].message, taken[0].traceparent) == (StringValue(value="event-1"), "00-aa-bb-01")
    assert taken[1].traceparent is None


def test_a_trace_that_no_header_could_carry_counts_as_absent() -> None:
    taken, _ = _decode(FakeRecord(headers=(("traceparent", b"00-\xff"),)))
    assert [each.traceparent for each in taken] == [None]


@pytest.mark.parametrize("key", [KEY, b"", None])
def test_a_record_meant_for_every_partition_is_taken_wherever_it_lies(key: bytes | None) -> None:
    everywhere = FakeRecord(
        key=key, partition=(PARTITION + 1) % PARTITIONS, headers=(("scope", b"partition"),)
    )
    taken, rejected = _decode(everywhere)
    assert [len(taken), len(rejected)] == [1, 0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (FakeRecord(key=None), "no_key"),
        (FakeRecord(key=b""), "no_key"),
        (FakeRecord(value=None), "null_value"),
        (FakeRecord(value=b"\xff\xff\xff"), "undecodable"),
        (FakeRecord(partition=(PARTITION + 1) % PARTITIONS), "wrong_partition"),
        (FakeRecord(headers=(("type", b"kyufu.events.v1.Other"),)), "wrong_type"),
        (FakeRecord(value=StringValue(value=POISON).SerializeToString()), "toy_poison"),
    ],
)
def test_a_bad_record_is_set_aside_and_its_neighbours_go_on(bad: FakeRecord, reason: str) -> None:
    taken, rejected = _decode(FakeRecord(offset=1), bad, FakeRecord(offset=3))
    assert [incoming.offset for incoming in taken] == [1, 3]
    assert [each.reason for each in rejected] == [reason]


def test_the_type_header_of_the_topic_is_taken() -> None:
    taken, _ = _decode(FakeRecord(headers=(("type", b"google.protobuf.StringValue"),)))
    assert len(taken) == 1


def test_any_other_error_of_a_stage_is_not_swallowed() -> None:
    class Broken(ToyLogic):
        def check(self, incoming: object) -> None:
            raise KeyError("a defect")

    envelope = Envelope("t.a", PARTITION, 1, 0, 1, 1, [FakeRecord()])
    with pytest.raises(KeyError):
        EnvelopeDecoder(Broken("t"), ToyTopics(), PARTITIONS).decode(envelope)


def test_a_dead_letter_points_to_the_record_and_holds_none_of_it() -> None:
    value = StringValue(value=POISON).SerializeToString()
    _, (rejected,) = _decode(FakeRecord(offset=9, value=value))
    letter = rejected.dead_letter("toy", datetime(2020, 5, 11, tzinfo=UTC))
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == (
        "t.a",
        PARTITION,
        9,
    )
    assert letter.key_digest == hashlib.sha256(KEY).digest()
    assert letter.value_digest == hashlib.sha256(value).digest()
    assert (letter.value_size_bytes, letter.consumer, letter.reason) == (
        len(value),
        "toy",
        "toy_poison",
    )
    written = letter.SerializeToString()
    assert value not in written
    assert KEY not in written


def test_dead_letters_up_to_the_limit_are_allowed_and_one_more_stops() -> None:
    budget = DeadLetterBudget(3)
    budget.spend(3, NOW_MS)
    with pytest.raises(DeadLetterLimit):
        budget.spend(1, NOW_MS + LIMIT_WINDOW_MS - 1)


def test_dead_letters_older_than_the_window_do_not_count() -> None:
    budget = DeadLetterBudget(3)
    budget.spend(3, NOW_MS)
    budget.spend(3, NOW_MS + LIMIT_WINDOW_MS)


def test_the_next_owner_of_a_partition_goes_on_with_its_window() -> None:
    former, newer = DeadLetterBudget(3), DeadLetterBudget(3)
    former.spend(2, NOW_MS)
    newer.resume(former.window)
    newer.spend(1, NOW_MS + 1)
    with pytest.raises(DeadLetterLimit):
        newer.spend(1, NOW_MS + LIMIT_WINDOW_MS - 1)


def test_a_clock_that_was_set_back_neither_empties_the_window_nor_holds_it_open() -> None:
    budget = DeadLetterBudget(3)
    budget.spend(3, NOW_MS)
    with pytest.raises(DeadLetterLimit):
        budget.spend(1, NOW_MS - 10 * LIMIT_WINDOW_MS)
    budget.spend(3, NOW_MS - 9 * LIMIT_WINDOW_MS)
