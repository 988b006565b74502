"""What a partition read, in the order it was processed: one record for each transaction.

A stage has several inputs, and their records meet in the order in which fetches came. That order is
nowhere in the inputs themselves; the journal keeps it, in the same transaction as the outputs, so
that a rebuild takes the same records in the same order and must come to the same bytes. It also
keeps a digest of the outputs: a replay that differs can say in which transaction it began to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from kyufu.events.v1.operations_pb2 import JournalEntry, JournalRead

from chassis.kafka.records import PARTITION_SCOPE, SCOPE_HEADER, TYPE_HEADER
from chassis.streams.transport import Envelope

DIGEST_BYTES = 16
JOURNAL_HEADERS: Sequence[tuple[str, str | bytes | None]] = (
    (TYPE_HEADER, JournalEntry.DESCRIPTOR.full_name.encode("ascii")),
    (SCOPE_HEADER, PARTITION_SCOPE),
)


def framed(topic: str, key: bytes, value: bytes) -> bytes:
    """One output as it is digested: no other output has the same bytes."""
    return b"%b\0%d,%d\0%b%b" % (topic.encode("ascii"), len(key), len(value), key, value)


class Journal:
    """Gathers one open transaction of one partition."""

    def __init__(
        self, stage: str, partition: int, *, layout_version: int, rules: str, on: bool = True
    ) -> None:
        self._stage = stage
        self._partition = partition
        self._layout_version = layout_version
        self._rules = rules
        self._on = on
        self._begin()

    def _begin(self) -> None:
        self._reads: list[JournalRead] = []
        self._digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
        self._outputs = 0
        self._dead_letters = 0

    def read(self, envelope: Envelope) -> None:
        """Note an envelope; one that goes on where the last one ended joins it."""
        last = self._reads[-1] if self._reads else None
        if (
            last is not None
            and last.topic == envelope.topic
            and last.next_offset == envelope.from_offset
        ):
            last.next_offset = envelope.next_offset
            last.records += len(envelope.records)
            return
        self._reads.append(
            JournalRead(
                topic=envelope.topic,
                from_offset=envelope.from_offset,
                next_offset=envelope.next_offset,
                records=len(envelope.records),
            )
        )

    def wrote(self, topic: str, key: bytes, value: bytes) -> None:
        """Note an output. On the hot path: one framing, one update."""
        if self._on:
            self._digest.update(framed(topic, key, value))
            self._outputs += 1

    def set_aside(self, records: int) -> None:
        """Note dead letters; they carry a wall clock's time and stay out of the digest."""
        self._dead_letters += records

    def close(self, positions: Mapping[str, int]) -> JournalEntry:
        """The transaction's record; the next one begins. `positions`: next offsets after it."""
        entry = JournalEntry(
            stage=self._stage,
            partition=self._partition,
            sequence=sum(positions.values()),
            reads=self._reads,
            layout_version=self._layout_version,
            rules=self._rules,
            outputs=self._outputs,
            outputs_digest=self._digest.digest(),
            dead_letters=self._dead_letters,
        )
        self._begin()
        return entry
