"""Turns an envelope into what a stage takes, and sets aside what it cannot take.

A record is set aside, never raised: one poison message must not hold up the partition. A dead
letter carries pointer, digests and reason, no content.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kyufu.events.v1.operations_pb2 import DeadLetter

from chassis.clock import to_ms
from chassis.kafka.errors import DeadLetterLimit
from chassis.kafka.partitioner import partition_for
from chassis.kafka.records import (
    PARTITION_SCOPE,
    SCOPE_HEADER,
    TRACEPARENT_HEADER,
    TYPE_HEADER,
    traceparent_of,
)
from chassis.streams.notes import NO_WINDOW, Window
from chassis.streams.stage import Codec, Incoming, InvalidMessage, StageLogic, Topics
from chassis.streams.transport import Envelope

LIMIT_WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was set aside, and why."""

    record: Any
    reason: str

    def dead_letter(self, consumer: str, now: datetime) -> DeadLetter:
        """What is written about it."""
        key, value = self.record.key or b"", self.record.value or b""
        return DeadLetter(
            source_topic=self.record.topic,
            source_partition=self.record.partition,
            source_offset=self.record.offset,
            key_digest=hashlib.sha256(key).digest(),
            value_digest=hashlib.sha256(value).digest(),
            value_size_bytes=len(value),
            consumer=consumer,
            reason=self.reason,
            at_ms=to_ms(now),
        )


class EnvelopeDecoder:
    """Decodes the records of a stage's inputs."""

    def __init__(self, logic: StageLogic, topics: Topics, partitions: int) -> None:
        self._check = logic.check
        self._partitions = partitions
        self._codecs: dict[str, Codec] = {topic: topics.codec(topic) for topic in logic.inputs}

    def decode(self, envelope: Envelope) -> tuple[list[Incoming], list[Rejected]]:
        """The records a stage takes, in order, and those it does not."""
        codec = self._codecs[envelope.topic]
        taken: list[Incoming] = []
        rejected: list[Rejected] = []
        check = self._check
        expected = codec.name.encode("ascii")
        decode, take = self._decode, taken.append
        for record in envelope.records:
            try:
                incoming = decode(codec, expected, record)
                check(incoming)
                take(incoming)
            except InvalidMessage as verdict:
                rejected.append(Rejected(record, verdict.reason_code))
        return taken, rejected

    def _decode(self, codec: Codec, expected: bytes, record: Any) -> Incoming:
        key, value = record.key, record.value
        declared = scope = trace = None
        for name, content in record.headers:
            if name == TYPE_HEADER:
                declared = content
            elif name == TRACEPARENT_HEADER:
                trace = content
            elif name == SCOPE_HEADER:
                scope = content
        if scope != PARTITION_SCOPE:
            if not key:
                raise InvalidMessage("no_key")
            if partition_for(key, self._partitions) != record.partition:
                raise InvalidMessage("wrong_partition")
        if value is None:
            raise InvalidMessage("null_value")
        if declared is not None and declared != expected:
            raise InvalidMessage("wrong_type")
        # In the order of the fields: keywords would cost a third of a microsecond a record.
        return Incoming(
            record.topic,
            record.partition,
            record.offset,
            key or b"",
            codec.decode(value),
            record.timestamp,
            None if trace is None else traceparent_of(trace),
            value,
        )


class DeadLetterBudget:
    """How many records one partition may set aside within a minute before it stops.

    Above it the fault is likely ours: going on would drain a whole topic into the dead letters. The
    window is committed with the offsets and taken over with the partition. Otherwise the supervisor
    would make it anew with each restart, and a flood would drain by the limit every few seconds.
    A window begins with a dead letter and ends a minute later, so two numbers tell it.
    """

    def __init__(self, per_window_max: int) -> None:
        self._max = per_window_max
        self._window = NO_WINDOW

    @property
    def window(self) -> Window:
        """What a commit has to note."""
        return self._window

    def resume(self, window: Window) -> None:
        """Go on where the partition's last commit was."""
        self._window = window

    def spend(self, count: int, now_ms: int) -> None:
        """Count dead letters; raises DeadLetterLimit above the limit."""
        since_ms, spent = self._window
        if now_ms - since_ms >= LIMIT_WINDOW_MS:
            since_ms, spent = now_ms, 0
        # A clock that was set back must not hold the window open until it is right again.
        self._window = Window(min(since_ms, now_ms), spent + count)
        if self._window.spent > self._max:
            raise DeadLetterLimit(
                f"more than {self._max} dead letters in {LIMIT_WINDOW_MS // 1000} s"
            )
