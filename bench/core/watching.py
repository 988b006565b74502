"""A reader downstream: what has been committed to the output topics, and when the last of it came.

The records are kept as they came and looked at after the clock has stopped, so that watching costs
every contender the same few microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from bench.core.comparing import Written

_CONSUME: Final = 10_000
_POLL_S: Final = 0.05
SURPLUS_S: Final = 1.0
"""So long is looked for records beyond those that are expected."""


class OutputsMissing(Exception):
    """The contender did not write everything in time."""


class Watcher:
    """Reads the outputs from their beginning; use from one thread."""

    def __init__(self, bootstrap: str, topics: Sequence[str], partitions: int) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench-watcher",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "queued.max.messages.kbytes": 65_536,
                "log_level": 0,
            }
        )
        self._consumer.assign(
            [TopicPartition(topic, each, 0) for topic in topics for each in range(partitions)]
        )
        self.messages: list[Message] = []
        self.last_at_s = 0.0

    def until(self, count: int, *, deadline_s: float, check: Callable[[], None]) -> None:
        """Return once so many records have come in all; `check` raises where the contender died."""
        end = time.monotonic() + deadline_s
        while len(self.messages) < count:
            self.take()
            check()
            if time.monotonic() > end:
                raise OutputsMissing(f"{len(self.messages)} of {count} outputs came in time")

    def take(self) -> list[Message]:
        """What has come, waiting a little."""
        found: list[Message] = self._consumer.consume(_CONSUME, _POLL_S)
        for message in found:
            if message.error() is not None:
                raise KafkaException(message.error())
        if found:
            self.last_at_s = time.monotonic()
            self.messages.extend(found)
        return found

    def surplus(self) -> None:
        """Look for records beyond the expected ones, after the clock has stopped."""
        end = time.monotonic() + SURPLUS_S
        while time.monotonic() < end:
            self.take()

    def written(self) -> list[Written]:
        """Everything that came."""
        return [
            Written(each.topic() or "", each.key() or b"", each.value() or b"")
            for each in self.messages
        ]

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()
