"""Reads a stage's tables again into a store that has lost some of them.

A table is its own changelog: values that follow from it alone are not logged twice. So a store says
how far it holds each table, and what lies between there and the group's committed offsets is handed
to the stage's `reload`, in bulk and without outputs. A key that is set by `put` as well is replayed
from the changelog first: `reload` must know which of the two is newer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from confluent_kafka import TopicPartition

from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.restore import BulkReader, StateAhead, watermarks
from chassis.streams.stage import StageLogic
from chassis.streams.state import Overlay, StateStore
from chassis.streams.transport import Envelope


class ReloadLogged(Exception):
    """A stage's `reload` did more than `load`: it would change what the changelog says."""


class _Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    timestamp: int


def reload_tables(
    bootstrap: str,
    logic: StageLogic,
    decoder: EnvelopeDecoder,
    partition: int,
    store: StateStore,
    ends: Mapping[str, int],
    *,
    cancelled: threading.Event,
    on_progress: Callable[[int, int], None],
) -> None:
    """Bring every table of the stage up to its end (exclusive). Blocks."""
    for topic in logic.tables:
        end = ends[topic]
        start = store.tables.get(topic)
        if start is None or start < end:
            low, _ = watermarks(bootstrap, topic, partition)
            start = low if start is None else max(start, low)
        if start > end:
            raise StateAhead(
                f"store has read {topic} to {start}, the group to {end}; where the group was set "
                "back on purpose, move the store's folder away"
            )
        if start < end:
            reader = BulkReader(bootstrap, TopicPartition(topic, partition, start), end, cancelled)
            for messages, next_offset in reader.batches():
                records = [_record_of(each) for each in messages if (each.offset() or 0) < end]
                keys = _reload(logic, decoder, store, topic, partition, records, next_offset)
                on_progress(keys, end - next_offset)
        store.apply({}, None, {topic: end})


def _record_of(message: object) -> _Record:
    topic, partition, offset, key, value, headers, timestamp = (
        getattr(message, name)()
        for name in ("topic", "partition", "offset", "key", "value", "headers", "timestamp")
    )
    return _Record(topic, partition, offset, key, value, headers or [], timestamp[1])


def _reload(
    logic: StageLogic,
    decoder: EnvelopeDecoder,
    store: StateStore,
    topic: str,
    partition: int,
    records: list[_Record],
    next_offset: int,
) -> int:
    """Hand one batch to the stage and store what it loads; the number of keys."""
    envelope = Envelope(topic, partition, 0, 0, next_offset, next_offset, records)
    taken, _ = decoder.decode(envelope)  # what is invalid was set aside when it was first read
    overlay = Overlay(store)
    overlay.prefetch(logic.state_keys(taken))
    logic.reload(taken, overlay)
    if overlay.logged:
        raise ReloadLogged(f"{logic.name} put or deleted while reloading {topic}")
    store.apply(overlay.changes, None, {topic: next_offset}, bulk=True)
    return len(overlay.changes)
