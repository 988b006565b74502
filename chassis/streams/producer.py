"""The transactional producer of one (stage, partition).

Its `transactional.id` belongs to the partition and not to the worker: whoever owns the partition
next fences the former owner by `init_transactions`. With an id per worker a stopped and resumed
worker committed 500 duplicates in the measured experiment; with an id per partition, none.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from chassis.streams.bounds import ABORT_S, BUFFER_FULL_S, FENCE_S, FENCE_STEP_S, Bounds
from chassis.streams.failpoints import Failpoint, Step, no_failpoint

BUFFER_WAIT_S = 0.02
BUFFER_WAITS_MAX = int(BUFFER_FULL_S / BUFFER_WAIT_S)
RETRY_PAUSE_S = 0.1

Delivered = Callable[[Any, Any], None]


@dataclass(frozen=True, slots=True)
class ProducerOptions:
    """Bounds of the transactional producer."""

    transaction_timeout_s: float = 15.0
    """A dead worker's open transaction blocks readers of its partitions for this long at most."""
    transactions: bool = True
    """Off: idempotent, and each step is flushed before the next (see PartitionWorker)."""
    compression: str = "lz4"
    """Done by librdkafka's own thread: events and changelogs take half the broker's disk."""
    linger_ms: int = 100
    """The commit flushes; until then, waiting gathers one request a partition instead of many."""


class PartitionProducer:
    """Everything a partition writes goes through here, so that one transaction holds all of it."""

    def __init__(self, bootstrap: str, transactional_id: str, options: ProducerOptions) -> None:
        self._commit_s = Bounds(options.transaction_timeout_s).commit_s
        self._transactions = options.transactions
        self._undelivered: Any = None
        transactional = {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(options.transaction_timeout_s * 1000),
        }
        self._producer = Producer(
            {
                # A transaction tells of its failure itself; a callback a record would cost as much
                # as the record.
                **(transactional if options.transactions else {"on_delivery": self.note_delivery}),
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2",
                "linger.ms": options.linger_ms,
                "compression.type": options.compression,
                "batch.size": 1_000_000,
                "queue.buffering.max.messages": 500_000,
                "queue.buffering.max.kbytes": 262_144,
            },
            logger=logging.getLogger("rdkafka"),
        )

    def fence(self, require: Callable[[], None]) -> None:
        """Fence the former owner and abort what it left open; without transactions, nothing.

        `require` raises when the partition is no longer ours; asked before each try.
        """

        def step(left_s: float) -> None:
            require()
            self._producer.init_transactions(min(left_s, FENCE_STEP_S))

        if self._transactions:
            _retried(step, until=time.monotonic() + FENCE_S)

    def begin(self) -> None:
        """Begin a transaction."""
        if self._transactions:
            self._producer.begin_transaction()

    def produce(
        self,
        topic: str,
        *,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, str | bytes | None]] | None = None,
        partition: int = -1,
        on_delivery: Delivered | None = None,
    ) -> None:
        """Queue one record; a full buffer is waited for within a bound."""
        for _ in range(BUFFER_WAITS_MAX):
            try:
                self._producer.produce(
                    topic, value, key, partition, on_delivery, headers=headers or []
                )
            except BufferError:
                self._producer.poll(BUFFER_WAIT_S)
            except KafkaException as error:
                raise self._reason_of(error) from error
            else:
                return
        raise TimeoutError(f"the send buffer for {topic} stayed full")

    def _reason_of(self, error: KafkaException) -> KafkaException:
        """Why a record was refused. A producer that is past use says only that it is; asked for
        another transaction, it says why (mostly that it is fenced).
        """
        if self._transactions and error.args[0].code() == KafkaError._FATAL:
            try:
                self._producer.begin_transaction()
            except KafkaException as reason:
                return reason
        return error

    def serve(self) -> None:
        """Run delivery callbacks that are due, without waiting."""
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything queued is durable; raises where a record is not."""
        left = self._producer.flush(self._commit_s)
        if left:
            raise TimeoutError(f"{left} records were not acknowledged in time")
        if self._undelivered is not None:
            raise KafkaException(self._undelivered)

    def note_delivery(self, error: Any, record: Any) -> None:
        """Without a transaction the next flush has to fail. A callback of a record's own must ask
        this one as well.
        """
        if error is not None:
            self._undelivered = error

    def commit(
        self,
        positions: Mapping[str, int],
        partition: int,
        group: Consumer,
        *,
        note: str,
        failpoint: Failpoint = no_failpoint,
    ) -> None:
        """Commit the records together with the next offsets of the inputs. Blocks.

        `note` stands beside each offset (see `notes`).
        """
        offsets = [
            TopicPartition(topic, partition, next_, note) for topic, next_ in positions.items()
        ]
        metadata = group.consumer_group_metadata()
        failpoint(Step.BEFORE_OFFSETS)
        send, until = self._producer.send_offsets_to_transaction, time.monotonic() + self._commit_s
        _retried(lambda left_s: send(offsets, metadata, left_s), until=until)
        failpoint(Step.AFTER_OFFSETS)
        _retried(self._producer.commit_transaction, until=until)
        failpoint(Step.AFTER_COMMIT)

    def abort_quietly(self) -> None:
        """Abort the open transaction if that is still possible. Blocks for `ABORT_S`.

        A fenced producer cannot, and need not: fencing has aborted it, or the next fence will.
        """
        if not self._transactions:
            return
        with suppress(KafkaException):
            self._producer.abort_transaction(ABORT_S)

    def close(self) -> None:
        """Release the connections; nothing is flushed, an open transaction is the fence's task.

        A fenced producer says so once more when it is closed; that is no news.
        """
        self._producer.purge()
        with suppress(KafkaException):
            self._producer.close()


def _retried(step: Callable[[float], None], *, until: float) -> None:
    """Run a transactional step again while librdkafka calls its failure retriable and time is left.

    The step is told how many seconds are left for it.
    """
    while True:
        try:
            step(max(until - time.monotonic(), RETRY_PAUSE_S))
        except KafkaException as error:
            retriable = bool(error.args and error.args[0].retriable())
            if not retriable or time.monotonic() + RETRY_PAUSE_S >= until:
                raise
            time.sleep(RETRY_PAUSE_S)
        else:
            return
