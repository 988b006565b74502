"""The comparator finds every kind of difference; one that cannot fail would be worthless."""

import pytest
from google.protobuf.message import Message
from kyufu.events.v1 import operations_pb2

from bench.core.comparing import Written, by_key, first_difference
from chassis.kafka.topics import TopicCatalogue

TOPIC = "clock.ticks"
CATALOGUE = TopicCatalogue.load()


def tick(at_ms: int, key: bytes = b"k") -> Written:
    return Written(TOPIC, key, operations_pb2.ClockTick(at_ms=at_ms).SerializeToString())


def decode(topic: str, value: bytes) -> Message:
    return CATALOGUE.codec(topic).decode(value)


def compared(expected: list[Written], found: list[Written]) -> str | None:
    return first_difference(by_key(expected), by_key(found), decode)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ([tick(1)], "record 1: missing"),
        ([tick(1), tick(2), tick(2)], "record 2: one too many"),
        ([tick(2), tick(1)], "record 0: fields at_ms differ"),
        ([tick(1), tick(3)], "record 1: fields at_ms differ"),
        ([tick(1), tick(2), tick(9, b"other")], "one too many"),
        ([tick(1), Written(TOPIC, b"k", b"\xff")], "record 1: cannot be decoded"),
    ],
)
def test_a_difference_is_named_with_its_place(found: list[Written], what: str) -> None:
    difference = compared([tick(1), tick(2)], found)
    assert difference is not None
    assert what in difference


def test_the_order_between_keys_is_nobodys_promise() -> None:
    one, other = tick(1, b"a"), tick(2, b"b")
    assert compared([one, other], [other, one]) is None


def test_the_same_message_in_other_bytes_is_the_same() -> None:
    # Fields in another order, as a serialiser may write them: sequence (2) before at_ms (1).
    message = operations_pb2.ClockTick(at_ms=1, sequence=2)
    swapped = (
        operations_pb2.ClockTick(sequence=2).SerializeToString()
        + operations_pb2.ClockTick(at_ms=1).SerializeToString()
    )
    assert swapped != message.SerializeToString()
    expected = [Written(TOPIC, b"k", message.SerializeToString())]
    assert compared(expected, [Written(TOPIC, b"k", swapped)]) is None
