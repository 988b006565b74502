"""Brings the store of a partition up to its changelog, in bulk.

The end is the high watermark taken after the former owner was fenced: by then its open transaction
is aborted and nobody else writes here. Reaching "the end of what is committed" is not enough, as
that stops before a transaction that is still being settled.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chassis.streams.bounds import LOOKUP_S
from chassis.streams.state import StateStore

FETCH_RECORDS = 10_000
POLL_S = 0.5
STALLED_S_MAX = 60.0
"""A restore that gets nothing for this long is an error: the log's end must be reachable."""
BULK_OFFSETS_MIN = 50_000
"""A shorter replay goes through the WAL: bulk writes end with a flush into a file of their own."""


class RestoreCancelled(Exception):
    """The partition was revoked while it was being restored."""


class StateAhead(Exception):
    """The store claims a position beyond the log's end: it belongs to another log."""


class BulkReader:
    """Reads the committed records of one partition from an offset to an end, in large batches."""

    def __init__(
        self, bootstrap: str, start: TopicPartition, end: int, cancelled: threading.Event
    ) -> None:
        self._start = start
        self._end = end
        self._cancelled = cancelled
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"restore-{start.topic}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "queued.min.messages": 100_000,
            },
            logger=logging.getLogger("rdkafka"),
        )

    def batches(self) -> Iterator[tuple[list[Message], int]]:
        """Batches with the offset each reaches; raises RestoreCancelled and TimeoutError."""
        try:
            self._consumer.assign([self._start])
            yield from self._read()
        finally:
            self._consumer.close()

    def _read(self) -> Iterator[tuple[list[Message], int]]:
        reached, silent_s = self._start.offset, 0.0
        while reached < self._end:
            if self._cancelled.is_set():
                raise RestoreCancelled
            found = self._consumer.consume(FETCH_RECORDS, POLL_S)
            silent_s = 0.0 if found else silent_s + POLL_S
            if silent_s >= STALLED_S_MAX:
                raise TimeoutError("the log's end was not reached")
            messages = [message for message in found if message.error() is None]
            if messages:
                reached = (messages[-1].offset() or 0) + 1
            if len(messages) < len(found):
                reached = max(reached, _signalled_end(found))
            if messages:
                yield messages, min(reached, self._end)


def _signalled_end(found: list[Message]) -> int:
    """The end of the committed log if it was signalled (else 0); any other error is raised."""
    end = 0
    for message in found:
        error = message.error()
        if error is None:
            continue
        if error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        end = max(end, message.offset() or 0)
    return end


def restore_partition(
    bootstrap: str,
    changelog: str,
    partition: int,
    store: StateStore,
    *,
    cancelled: threading.Event,
    on_progress: Callable[[int, int], None],
) -> None:
    """Replay the changelog into the store from the store's position to the log's end. Blocks.

    `on_progress` is told after each step how many keys it put and how many offsets are left.
    """
    low, high = watermarks(bootstrap, changelog, partition)
    start = start_of_restore(store, low=low, high=high)
    if start < high:
        bulk = high - start >= BULK_OFFSETS_MIN
        reader = BulkReader(bootstrap, TopicPartition(changelog, partition, start), high, cancelled)
        for messages, position in reader.batches():
            changes = {message.key() or b"": message.value() for message in messages}
            store.apply(changes, position, bulk=bulk)
            on_progress(len(changes), high - position)
    store.apply({}, high)


def watermarks(bootstrap: str, topic: str, partition: int) -> tuple[int, int]:
    """The log's start and its true end; a read_committed consumer would be told an earlier end."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"restore-{topic}",
            "isolation.level": "read_uncommitted",
        },
        logger=logging.getLogger("rdkafka"),
    )
    try:
        low, high = consumer.get_watermark_offsets(
            TopicPartition(topic, partition), timeout=LOOKUP_S, cached=False
        )
    finally:
        consumer.close()
    return low, high


def start_of_restore(store: StateStore, *, low: int, high: int) -> int:
    """The changelog offset to replay from; wipes a store the log no longer reaches back to."""
    position = store.position
    if position is None or position < low:
        store.clear()
        return low
    if position > high:
        raise StateAhead(f"store at {position}, changelog ends at {high}")
    return position
