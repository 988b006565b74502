"""Brings the store of a partition up to its changelog, in bulk.

The end is the high watermark taken after the former owner was fenced: by then its open transaction
is aborted and nobody else writes here. Reaching "the end of what is committed" is not enough, as
that stops before a transaction that is still being settled.
"""

from __future__ import annotations

import logging
import threading

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chassis.streams.observer import RestoreProgress
from chassis.streams.state import StateStore

FETCH_RECORDS = 10_000
POLL_S = 0.5
STALLED_S_MAX = 60.0
"""A restore that gets nothing for this long is an error: the log's end must be reachable."""


class RestoreCancelled(Exception):
    """The partition was revoked while it was being restored."""


class StateAhead(Exception):
    """The store claims a position beyond the changelog's end: it belongs to another log."""


def restore_changelog(
    bootstrap: str,
    changelog: str,
    partition: int,
    store: StateStore,
    *,
    cancelled: threading.Event,
    progress: RestoreProgress,
) -> None:
    """Replay the changelog into the store from the store's position to the log's end. Blocks."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"restore-{changelog}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50,
            "queued.min.messages": 100_000,
        },
        logger=logging.getLogger("rdkafka"),
    )
    try:
        low, high = watermarks(bootstrap, changelog, partition)
        start = start_of_restore(store, low=low, high=high)
        if start < high:
            consumer.assign([TopicPartition(changelog, partition, start)])
            _replay(consumer, store, high, cancelled, progress)
        else:
            store.apply({}, high)
    finally:
        consumer.close()


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
            TopicPartition(topic, partition), timeout=STALLED_S_MAX, cached=False
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


def _replay(
    consumer: Consumer,
    store: StateStore,
    high: int,
    cancelled: threading.Event,
    progress: RestoreProgress,
) -> None:
    silent_s = 0.0
    while True:
        if cancelled.is_set():
            raise RestoreCancelled
        messages = consumer.consume(FETCH_RECORDS, POLL_S)
        silent_s = 0.0 if messages else silent_s + POLL_S
        if silent_s >= STALLED_S_MAX:
            raise TimeoutError("the changelog's end was not reached")
        changes, position, end = _collect(messages)
        if position is not None:
            store.apply(changes, position, bulk=True)
            progress.step(len(messages), left=high - position)
        if max(position or 0, end or 0) >= high:
            store.apply({}, high)
            return


def _collect(
    messages: list[Message],
) -> tuple[dict[bytes, bytes | None], int | None, int | None]:
    """Last values by key, the offset after the last record, and the end that was signalled."""
    changes: dict[bytes, bytes | None] = {}
    position: int | None = None
    end: int | None = None
    for message in messages:
        error = message.error()
        if error is None:
            key, value, offset = message.key(), message.value(), message.offset()
            assert key is not None
            assert offset is not None
            changes[bytes(key)] = None if value is None else bytes(value)
            position = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            end = message.offset()
        else:
            raise KafkaException(error)
    return changes, position, end
