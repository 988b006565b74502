"""A plain at-least-once loop: poll a batch, set aside what cannot be read, call the handler, then
make the positions durable.

Invariants: offsets move only after the effect; partitions start where the offset store says; only
committed records are read; any exception but an invalid message ends the loop, and with it the
process, with a reason. A supervisor restarts it, and redelivery is harmless.
"""

import os
import threading
from collections.abc import Callable, Sequence
from typing import Final

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END

from chassis.clock import SystemClock
from chassis.kafka.dead_letters import DeadLetters
from chassis.kafka.errors import InvalidMessage
from chassis.kafka.fetching import client_config, sorted_out
from chassis.kafka.offsets import OffsetStore
from chassis.kafka.records import Positions, Record, TopicPartition
from chassis.kafka.topics import TopicCatalogue
from chassis.logging import get_logger
from chassis.metric_defs import BATCH_SECONDS, CONSUMED, CONSUMER_LAG
from chassis.metrics import Metrics

BatchHandler = Callable[[list[Record], Positions], None]
RecordCheck = Callable[[Record], None]

BATCH_RECORDS_MAX: Final = 1_000
IDLE_POLL_S: Final = 0.2
BATCH_GATHER_S: Final = 0.01
SESSION_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 10.0
FAILED_EXIT_CODE: Final = 70


def exit_process(error: BaseException) -> None:
    """End the process at once: a consumer that failed must not leave a half-alive service."""
    os._exit(FAILED_EXIT_CODE)


class BatchConsumer:
    """One group member. `run` blocks; `start` runs it in a thread and calls `on_failure` when the
    loop fails.

    The handler gets the readable records (perhaps none) and the positions to store beside its
    effect. With a `catalogue`, `Record.message` is the decoded message. `check` may raise
    InvalidMessage for a decoded record.
    """

    def __init__(
        self,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        handler: BatchHandler,
        *,
        offsets: OffsetStore,
        dead_letters: DeadLetters | None = None,
        catalogue: TopicCatalogue | None = None,
        check: RecordCheck | None = None,
        metrics: Metrics | None = None,
        batch_max: int = BATCH_RECORDS_MAX,
        start_at_end: bool = False,
        session_timeout_s: float = SESSION_TIMEOUT_S,
        on_failure: Callable[[BaseException], None] = exit_process,
    ) -> None:
        self._group = group
        self._topics = list(topics)
        self._handler = handler
        self._offsets = offsets
        self._dead_letters = dead_letters
        self._codecs = {topic: catalogue.codec(topic) for topic in topics} if catalogue else {}
        self._check = check
        self._metrics = metrics
        self._batch_max = batch_max
        self._first_offset = OFFSET_END if start_at_end else OFFSET_BEGINNING
        self._on_failure = on_failure
        self._config = client_config(bootstrap, group, session_timeout_s)
        self._monotonic = SystemClock().monotonic
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._assigned: tuple[TopicPartition, ...] | None = None
        self._generation = 0
        self._reached: dict[TopicPartition, int] = {}
        self.failure: BaseException | None = None

    # -- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Run in a thread of its own."""
        self._thread = threading.Thread(
            target=self._run_guarded, name=f"consumer-{self._group}", daemon=True
        )
        self._thread.start()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Finish the batch in hand, leave the group and end."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def run(self) -> None:
        """Consume until `stop`; raises what the handler raises."""
        consumer = confluent_kafka.Consumer(self._config)
        try:
            consumer.subscribe(self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
            while not self._stopping.is_set():
                self._round(consumer)
        except BaseException as error:
            self.failure = error
            get_logger().error("consumer failed", group=self._group, exc_info=error)
            raise
        finally:
            self._assigned = None
            consumer.close()

    def ready(self) -> str | None:
        """A readiness check: None, or why no records are being read."""
        if self.failure is not None:
            return "consumer failed"
        return "no partitions assigned yet" if self._assigned is None else None

    def reached(self) -> dict[TopicPartition, int]:
        """Per assigned partition, the offset below which every record's effect is durable. At the
        end of a partition it counts transaction markers too, so it can be compared with
        `end_offsets`.
        """
        return dict(self._reached)

    def _run_guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:
            self._on_failure(error)

    # -- one round --------------------------------------------------------------------------

    def _round(self, consumer: confluent_kafka.Consumer) -> None:
        generation = self._generation
        messages = consumer.consume(1, IDLE_POLL_S)
        if messages and self._batch_max > 1:
            messages += consumer.consume(self._batch_max - 1, BATCH_GATHER_S)
        if not messages:
            return
        if generation != self._generation:
            # Partitions changed hands while records were gathered: which of them are ours is not
            # known, so start again from the stored positions.
            if self._assigned:
                self._assign(consumer, self._assigned)
            return
        records, ends = sorted_out(messages)
        if records:
            self._handle(consumer, records)
        for partition, end in ends.items():
            self._reached[partition] = max(end, self._reached.get(partition, 0))
        self._show_lag(consumer, {(r.topic, r.partition) for r in records} | set(ends))

    def _handle(self, consumer: confluent_kafka.Consumer, records: list[Record]) -> None:
        positions = {(record.topic, record.partition): record.offset + 1 for record in records}
        readable: list[Record] = []
        rejected: list[tuple[Record, str]] = []
        for record in records:
            try:
                readable.append(self._read(record))
            except InvalidMessage as invalid:
                rejected.append((record, invalid.reason_code))
        if rejected:
            if self._dead_letters is None:
                raise InvalidMessage(rejected[0][1])
            get_logger().warning(
                "records set aside", group=self._group, count=len(rejected), reason=rejected[0][1]
            )
            self._dead_letters.write_many(rejected)
        started_s = self._monotonic()
        self._handler(readable, positions)
        self._offsets.handled(consumer, positions)
        self._reached.update(positions)
        if self._metrics is not None:
            seconds = self._monotonic() - started_s
            self._metrics.histogram(BATCH_SECONDS).labels(group=self._group).observe(seconds)
            counter = self._metrics.counter(CONSUMED)
            for record in records:
                counter.labels(group=self._group, topic=record.topic).inc()

    def _read(self, record: Record) -> Record:
        codec = self._codecs.get(record.topic)
        if codec is not None:
            record = Record(
                record.topic,
                record.partition,
                record.offset,
                record.key,
                record.value,
                record.headers,
                record.timestamp_ms,
                codec.decode_record(record),
            )
        if self._check is not None:
            self._check(record)
        return record

    def _show_lag(
        self, consumer: confluent_kafka.Consumer, partitions: set[TopicPartition]
    ) -> None:
        if self._metrics is None:
            return
        gauge = self._metrics.gauge(CONSUMER_LAG)
        for topic, number in partitions:
            watermarks = consumer.get_watermark_offsets(
                confluent_kafka.TopicPartition(topic, number), cached=True
            )
            high = watermarks[1] if watermarks is not None else 0
            lag = max(0, high - self._reached.get((topic, number), 0))
            gauge.labels(group=self._group, topic=topic, partition=str(number)).set(lag)

    # -- assignment -------------------------------------------------------------------------

    def _on_assign(
        self, consumer: confluent_kafka.Consumer, partitions: list[confluent_kafka.TopicPartition]
    ) -> None:
        self._generation += 1
        self._assign(consumer, tuple((entry.topic, entry.partition) for entry in partitions))
        get_logger().info("partitions assigned", group=self._group, count=len(partitions))

    def _on_revoke(
        self, consumer: confluent_kafka.Consumer, partitions: list[confluent_kafka.TopicPartition]
    ) -> None:
        self._generation += 1
        self._assigned = None
        self._reached.clear()
        if self._metrics is not None:
            # A partition that moved elsewhere must not show its old lag here for ever.
            lag = self._metrics.gauge(CONSUMER_LAG)
            for entry in partitions:
                lag.remove(self._group, entry.topic, str(entry.partition))
        get_logger().info("partitions revoked", group=self._group, count=len(partitions))

    def _assign(
        self, consumer: confluent_kafka.Consumer, partitions: tuple[TopicPartition, ...]
    ) -> None:
        stored = self._offsets.load(consumer, partitions) if partitions else {}
        consumer.assign(
            [
                confluent_kafka.TopicPartition(
                    topic, number, stored.get((topic, number), self._first_offset)
                )
                for topic, number in partitions
            ]
        )
        self._reached = dict(stored)
        self._assigned = partitions
