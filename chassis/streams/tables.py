"""Brings what follows from table topics back into a store that has lost it.

A compacted register is its own changelog: it is read again from where the store had come, up to the
offsets that the group has committed; what lies beyond comes to the stage as any other record does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.observer import RestoreProgress
from chassis.streams.restore import POLL_S, STALLED_S_MAX, RestoreCancelled, watermarks
from chassis.streams.stage import StageLogic
from chassis.streams.state import Overlay, StateStore
from chassis.streams.transport import Envelope

FETCH_RECORDS = 5_000
NO_EPOCH = 0


class TableAhead(Exception):
    """The store has read more of a table than the group ever committed: it is of another log."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A record as the decoder takes it from an envelope."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int


def restore_tables(
    bootstrap: str,
    logic: StageLogic,
    decoder: EnvelopeDecoder,
    partition: int,
    store: StateStore,
    *,
    until: Mapping[str, int],
    cancelled: threading.Event,
    progress: RestoreProgress,
) -> None:
    """Read each table's records again, from the store's position to `until`. Blocks."""
    for topic in logic.tables:
        start = store.tables.get(topic)
        if start is None:
            start, _ = watermarks(bootstrap, topic, partition)
        if start > until[topic]:
            raise TableAhead(f"{topic}[{partition}]: store at {start}, group at {until[topic]}")
        if start < until[topic]:
            reader = _Reader(bootstrap, topic, partition, start)
            try:
                _reload(reader, logic, decoder, store, until[topic], cancelled, progress)
            finally:
                reader.close()
        store.apply({}, None, {topic: until[topic]})


def _reload(
    reader: _Reader,
    logic: StageLogic,
    decoder: EnvelopeDecoder,
    store: StateStore,
    end: int,
    cancelled: threading.Event,
    progress: RestoreProgress,
) -> None:
    overlay = Overlay(store)
    while reader.next_offset < end:
        if cancelled.is_set():
            raise RestoreCancelled
        envelope = reader.read(end)
        if envelope is None:
            continue
        taken, _ = decoder.decode(envelope)  # what is not taken was set aside when it came
        overlay.prefetch(logic.state_keys(taken))
        logic.reload(taken, overlay)
        store.apply(overlay.changes, None, {envelope.topic: envelope.next_offset}, bulk=True)
        overlay.drop()
        progress.step(len(envelope.records), left=end - envelope.next_offset)


class _Reader:
    """Committed records of one partition of one topic, as envelopes."""

    def __init__(self, bootstrap: str, topic: str, partition: int, start: int) -> None:
        self._topic, self._partition = topic, partition
        self.next_offset = start
        self._silent_s = 0.0
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"restore-{topic}",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "queued.min.messages": 100_000,
            },
            logger=logging.getLogger("rdkafka"),
        )
        self._consumer.assign([TopicPartition(topic, partition, start)])

    def close(self) -> None:
        self._consumer.close()

    def read(self, end: int) -> Envelope | None:
        """The next records below `end`; None where there were none, however far it came."""
        messages = self._consumer.consume(FETCH_RECORDS, POLL_S)
        self._silent_s = 0.0 if messages else self._silent_s + POLL_S
        if self._silent_s >= STALLED_S_MAX:
            raise TimeoutError(f"{self._topic}[{self._partition}]: the table could not be read")
        start, records = self.next_offset, []
        for message in messages:
            offset = self._offset_of(message)
            if message.error() is None and offset < end:
                records.append(_read_of(message, offset))
                self.next_offset = offset + 1
            else:
                # The end of what is committed, or a record that comes to the stage by itself.
                self.next_offset = min(offset, end)
                break
        if not records:
            return None
        return Envelope(
            self._topic, self._partition, NO_EPOCH, start, self.next_offset, end, records
        )

    def _offset_of(self, message: Message) -> int:
        error, offset = message.error(), message.offset()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise KafkaException(error)
        assert offset is not None
        return offset


def _read_of(message: Message, offset: int) -> _Read:
    topic, partition = message.topic(), message.partition()
    assert topic is not None
    assert partition is not None
    _, timestamp = message.timestamp()
    headers: Any = message.headers() or []
    key, value = message.key(), message.value()
    return _Read(
        topic,
        partition,
        offset,
        None if key is None else bytes(key),
        None if value is None else bytes(value),
        [(name, content or b"") for name, content in headers],
        timestamp,
    )
