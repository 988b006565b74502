"""Reads runs of committed records from one partition of one topic."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

FETCH_RECORDS = 5_000
POLL_S = 0.5
STALLED_S_MAX = 60.0
TIMEOUT_S = 30.0


class LogRecord(NamedTuple):
    """A record with the names that the decoder knows from the live consumer."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Ends:
    """Asks the broker where logs begin and end."""

    def __init__(self, bootstrap: str) -> None:
        self._any = _consumer(bootstrap, "read_uncommitted")
        self._settled = _consumer(bootstrap, "read_committed")

    def low(self, topic: str, partition: int) -> int:
        """The first offset that is retained."""
        return self._look(self._any, topic, partition)[0]

    def settled(self, topic: str, partition: int) -> int | None:
        """The log's end, or None while a transaction is open in it."""
        end = self.committed(topic, partition)
        return end if end == self._look(self._any, topic, partition)[1] else None

    def committed(self, topic: str, partition: int) -> int:
        """The end of what a reader of committed records may see."""
        return self._look(self._settled, topic, partition)[1]

    def close(self) -> None:
        """Let go of the broker."""
        self._any.close()
        self._settled.close()

    def _look(self, consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
        found = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=TIMEOUT_S, cached=False
        )
        return int(found[0]), int(found[1])


class LogReader:
    """Goes forward through one partition; each run begins at or after the end of the last."""

    def __init__(self, bootstrap: str, topic: str, partition: int) -> None:
        self._topic = topic
        self._partition = partition
        self._bootstrap = bootstrap
        self._consumer: Consumer | None = None
        self._pending: deque[Message] = deque()
        self._reached: int | None = None

    def take(self, start: int, end: int) -> list[LogRecord]:
        """All committed records from `start` to before `end`; end must lie within the log."""
        return list(self.run(start, end))

    def run(self, start: int, end: int) -> Iterator[LogRecord]:
        """As `take`, one after another. Raises TimeoutError where the end cannot be reached."""
        if self._reached is None:
            self._reached = start
        silent_s = 0.0
        while self._reached < end:
            if not self._pending:
                self._pending.extend(_fetch(self._open(start)))
                silent_s = 0.0 if self._pending else silent_s + POLL_S
                if silent_s >= STALLED_S_MAX:
                    raise TimeoutError(f"{self._topic}[{self._partition}]: {end} is not reached")
                continue
            message = self._pending[0]
            offset = _offset(message)
            if offset >= end and not message.error():
                return
            self._pending.popleft()
            if message.error():
                self._reached = max(self._reached, offset)
                continue
            self._reached = offset + 1
            if offset >= start:
                yield _record(message, offset)

    def _open(self, start: int) -> Consumer:
        """The consumer, made at the first record that is wanted: most inputs are empty."""
        if self._consumer is None:
            self._consumer = _consumer(self._bootstrap, "read_committed")
            self._consumer.assign([TopicPartition(self._topic, self._partition, start)])
        return self._consumer

    def close(self) -> None:
        """Let go of the broker."""
        if self._consumer is not None:
            self._consumer.close()


def _fetch(consumer: Consumer) -> list[Message]:
    """What has come; waits for the first record only, as `consume` would wait for the last."""
    first = consumer.poll(POLL_S)
    return [] if first is None else [first, *consumer.consume(FETCH_RECORDS, 0)]


def _offset(message: Message) -> int:
    error: Any = message.error()
    if error is not None and error.code() != KafkaError._PARTITION_EOF:
        raise KafkaException(error)
    offset = message.offset()
    assert offset is not None
    return int(offset)


def _record(message: Message, offset: int) -> LogRecord:
    key, value = message.key(), message.value()
    headers: Any = message.headers() or []
    return LogRecord(
        topic=str(message.topic()),
        partition=int(message.partition() or 0),
        offset=offset,
        timestamp=message.timestamp()[1],
        key=None if key is None else bytes(key),
        value=None if value is None else bytes(value),
        headers=[(name, bytes(content or b"")) for name, content in headers],
    )


def _consumer(bootstrap: str, isolation: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "kyufu-rebuild",  # never joined: partitions are assigned by hand
            "enable.auto.commit": False,
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50,
            "queued.min.messages": 10_000,
            "queued.max.messages.kbytes": 16_384,
        },
        logger=logging.getLogger("rdkafka"),
    )
