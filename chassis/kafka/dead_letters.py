"""Sets aside records that no retry will make right: pointer, digests and reason, never the content.

A dead letter is acknowledged by the broker before the consumer moves on. More than a bounded number
in a window is taken for our own fault (a wrong schema, a wrong deployment): the consumer stops
instead of draining the topic.
"""

import hashlib
from collections import deque
from collections.abc import Sequence
from typing import Final, Protocol

from kyufu.events.v1 import operations_pb2

from chassis.clock import Clock, to_ms
from chassis.kafka.errors import DeadLetterLimit
from chassis.kafka.records import OutgoingRecord, Record
from chassis.metric_defs import DEAD_LETTERS
from chassis.metrics import Metrics

DEAD_LETTER_TOPIC: Final = "deadletters"
DEAD_LETTERS_MAX: Final = 100
DEAD_LETTER_WINDOW_S: Final = 60.0


class BatchProducer(Protocol):
    """What is needed of a producer here."""

    def produce_batch(self, records: Sequence[OutgoingRecord]) -> None:
        """Return when all records are durable."""
        ...


class DeadLetters:
    """Writes dead letters for one consumer, such as "payments"."""

    def __init__(
        self,
        producer: BatchProducer,
        topic: str = DEAD_LETTER_TOPIC,
        *,
        consumer: str,
        clock: Clock,
        metrics: Metrics | None = None,
        limit_records: int = DEAD_LETTERS_MAX,
        window_s: float = DEAD_LETTER_WINDOW_S,
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._consumer = consumer
        self._clock = clock
        self._counter = metrics.counter(DEAD_LETTERS) if metrics is not None else None
        self._limit_records = limit_records
        self._window_s = window_s
        self._times_s: deque[float] = deque()

    def write(self, record: Record, reason: str) -> None:
        """Write one; raises DeadLetterLimit."""
        self.write_many([(record, reason)])

    def write_many(self, rejected: Sequence[tuple[Record, str]]) -> None:
        """Write all and return when they are durable; raises DeadLetterLimit before writing any
        when they would exceed the limit.
        """
        if not rejected:
            return
        self._admit(len(rejected))
        at_ms = to_ms(self._clock.now())
        self._producer.produce_batch(
            [
                OutgoingRecord(
                    topic=self._topic,
                    key=b"",
                    value=dead_letter(record, reason, self._consumer, at_ms),
                    traceparent=record.traceparent,
                )
                for record, reason in rejected
            ]
        )
        if self._counter is not None:
            for record, reason in rejected:
                self._counter.labels(
                    consumer=self._consumer, topic=record.topic, reason=reason
                ).inc()

    def _admit(self, count: int) -> None:
        now_s = self._clock.monotonic()
        while self._times_s and self._times_s[0] <= now_s - self._window_s:
            self._times_s.popleft()
        if len(self._times_s) + count > self._limit_records:
            raise DeadLetterLimit("too many dead letters in the window")
        self._times_s.extend([now_s] * count)


def dead_letter(
    record: Record, reason: str, consumer: str, at_ms: int
) -> operations_pb2.DeadLetter:
    """The event for one rejected record."""
    return operations_pb2.DeadLetter(
        source_topic=record.topic,
        source_partition=record.partition,
        source_offset=record.offset,
        key_digest=hashlib.sha256(record.key).digest(),
        value_digest=hashlib.sha256(record.value).digest(),
        value_size_bytes=len(record.value),
        consumer=consumer,
        reason=reason,
        at_ms=at_ms,
    )
