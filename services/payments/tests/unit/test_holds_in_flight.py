"""Freezing waits for the holds that were written before it, for a bounded time."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from chassis.kafka.errors import OffsetLost
from services.payments.adapters.holds_in_flight import HoldsTail, Offsets

FIRST, SECOND = ("holds.v1", 0), ("holds.v1", 1)
ENDS = {FIRST: 3, SECOND: 0}


class Reader:
    """A consumer that gets one record further at each look, up to `last`."""

    def __init__(self, last: int) -> None:
        self._last = last
        self.offset = 0

    def reached(self) -> Offsets:
        self.offset = min(self.offset + 1, self._last)
        return {FIRST: self.offset}


class Clock:
    """Every look takes a second."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def monotonic(self) -> float:
        self._now_s += 1.0
        return self._now_s


def tail(reader: Reader, timeout_s: float = 60.0) -> HoldsTail:
    return HoldsTail(lambda: ENDS, reader.reached, monotonic=Clock().monotonic, timeout_s=timeout_s)


def test_it_waits_until_every_partition_is_read_to_the_end_that_it_had() -> None:
    reader = Reader(last=3)
    assert tail(reader).catch_up()
    assert reader.offset == 3


def test_one_hold_that_stays_unread_is_told_after_the_bound() -> None:
    assert not tail(Reader(last=2), timeout_s=5.0).catch_up()


@pytest.mark.parametrize(
    "error", [KafkaException(KafkaError(KafkaError._TIMED_OUT)), OffsetLost("no end")]
)
def test_without_the_broker_the_holds_are_not_known(error: Exception) -> None:
    def ends() -> Offsets:
        raise error

    reader = Reader(last=3)
    assert not HoldsTail(ends, reader.reached, monotonic=Clock().monotonic).catch_up()
