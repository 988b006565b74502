"""Faust's aiokafka driver with another unit of delivery: one envelope per (partition, fetch).

Plain Faust spends about 100 microseconds on each message before an agent sees it (four asyncio
tasks, conductor, stream iterator, ack bookkeeping); an envelope of a few thousand records pays that
once. The driver is subclassed, never patched; an application chooses it by being a `BatchApp`.

Invariants:
- A partition delivers nothing until its owner has opened it at an offset (`open_partition`).
- Every envelope carries the epoch of that opening and the offset before it, so that a record
  fetched before a seek, or lost between fetch and agent, is noticed and never passes for the next.
- Only committed records are read, and topics are assigned together, partition by partition.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import aiokafka
import faust
from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from chassis.kafka.errors import OffsetLost
from chassis.streams.fetching import NEVER_IDLE_MS, FetchOptions, FetchPace

POLL_TIMEOUT_S = 0.2
"""A fetch waits this long for records at most: a partition opened meanwhile is seen after it."""

CLOSED_PAUSE_S = 0.02
"""How long the fetch loop rests while no partition is open (during restore and rebalance)."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Records of one partition of one topic, in offset order, as one fetch brought them."""

    topic: str
    partition: int
    epoch: int
    from_offset: int
    next_offset: int
    end_offset: int
    records: Sequence[Any]

    @property
    def lag(self) -> int:
        """Committed records of this partition that are still unread."""
        return max(0, self.end_offset - self.next_offset)


@dataclass(slots=True)
class _Cursor:
    epoch: int
    next_offset: int


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """Runs the aiokafka consumer; the cursors are touched only on this thread's event loop."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._cursors: dict[TP, _Cursor] = {}
        self._pace = FetchPace(cast(BatchApp, self.app).fetch, time.monotonic)

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        """As upstream, but read_committed, co-partitioned and without a silent offset reset."""
        conf = self.app.conf
        fetch: FetchOptions = cast(BatchApp, self.app).fetch
        self._assignor = self.app.assignor
        return aiokafka.AIOKafkaConsumer(
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            bootstrap_servers=driver.server_list(transport.url, transport.default_port),
            partition_assignment_strategy=[self._assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_poll_records=fetch.records_max,
            max_partition_fetch_bytes=fetch.partition_bytes_max,
            fetch_max_wait_ms=fetch.idle_wait_ms,
            fetch_min_bytes=fetch.bytes_min,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(fetch.session_timeout_s * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            max_poll_interval_ms=NEVER_IDLE_MS,
            heartbeat_interval_ms=int(fetch.heartbeat_s * 1000),
            isolation_level="read_committed",
            metadata_max_age_ms=conf.consumer_metadata_max_age_ms,
            connections_max_idle_ms=conf.consumer_connections_max_idle_ms,
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )

    async def open_partition(self, offsets: Mapping[TP, int], epoch: int) -> None:
        """Seek the topics of one partition and let them flow."""
        await self.call_thread(self._open_partition, offsets, epoch)

    async def _open_partition(self, offsets: Mapping[TP, int], epoch: int) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in offsets.items():
            consumer.seek(tp, offset)
            self._cursors[tp] = _Cursor(epoch, offset)

    async def check_group(self) -> None:
        """Raise what ended the membership: aiokafka tells it only to whoever is fetching."""
        self._ensure_consumer()._coordinator.check_errors()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Rebalancing is eager: whatever was open is closed, whoever gets it next."""
        self._cursors.clear()
        await super().on_partitions_revoked(revoked)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> Any:
        opened = self._cursors.keys() & active_partitions
        if not opened:
            await asyncio.sleep(CLOSED_PAUSE_S)
            return {}
        try:
            fetched = await super()._fetch_records(
                consumer, opened, timeout=timeout, max_records=max_records
            )
        except NoOffsetForPartitionError:
            # A rebalance overtook an opening: the seek was the last assignment's. Whoever has the
            # partition now is about to say where to go.
            await asyncio.sleep(CLOSED_PAUSE_S)
            return {}
        except OffsetOutOfRangeError as error:
            raise OffsetLost(f"retention has overtaken the reader: {error.args[0]}") from error
        consumer._fetcher._fetch_max_wait_ms = self._pace.wait_ms(found=bool(fetched))
        # No await between the driver's hand-over and here: a seek cannot come in between.
        return {
            tp: self._seal(consumer, tp, records)
            for tp, records in fetched.items()
            if tp in self._cursors
        }

    def _seal(self, consumer: aiokafka.AIOKafkaConsumer, tp: TP, records: list[Any]) -> Envelope:
        cursor = self._cursors[tp]
        assignment = consumer._fetcher._subscriptions.subscription.assignment
        position: int = assignment.state_value(tp).position
        envelope = Envelope(
            topic=tp.topic,
            partition=tp.partition,
            epoch=cursor.epoch,
            from_offset=cursor.next_offset,
            next_offset=position,
            end_offset=consumer.last_stable_offset(tp) or position,
            records=records,
        )
        cursor.next_offset = position
        return envelope

    def lags(self) -> dict[TP, int]:
        """Unread committed records per open partition; a snapshot for metrics."""
        consumer = self._consumer
        if consumer is None or consumer._fetcher is None:
            return {}
        lags: dict[TP, int] = {}
        for tp, cursor in list(self._cursors.items()):
            if tp in consumer.assignment():
                end = consumer.last_stable_offset(tp)
                lags[tp] = max(0, (end or 0) - cursor.next_offset)
        return lags


class BatchConsumer(driver.Consumer):
    """Yields one Faust message per envelope; positions belong to whoever opened the partition."""

    _thread: BatchConsumerThread

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def open_partition(self, offsets: Mapping[TP, int], epoch: int) -> None:
        """Let the topics of one partition flow from these offsets."""
        for tp in offsets:
            self._read_offset[tp] = None
        await self._thread.open_partition(offsets, epoch)

    def lags(self) -> dict[TP, int]:
        """Unread committed records per open partition."""
        return self._thread.lags()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109
        """Fetch once and yield each partition's records as one message."""
        fetched, _ = await self._wait_next_records(min(timeout, POLL_TIMEOUT_S))
        if not fetched or self.should_stop:
            return
        count = 0
        for tp, envelope in cast(Mapping[TP, Envelope], fetched).items():
            if not self.flow_active:
                return  # a rebalance has begun; the next owner reads this again
            self.app.monitor.track_tp_end_offset(tp, envelope.end_offset)
            count += len(envelope.records)
            yield tp, self._to_envelope_message(tp, envelope)
        if count < cast(BatchApp, self.app).fetch.pace_records:
            await asyncio.sleep(cast(BatchApp, self.app).fetch.pace_s)

    def _to_envelope_message(self, tp: TP, envelope: Envelope) -> ConsumerMessage:
        last = envelope.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            (last.timestamp or 0) / 1000.0,
            last.timestamp_type,
            None,
            None,
            cast(Any, envelope),
            None,
            0,
            0,
            tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def perform_seek(self) -> None:
        """Faust seeks to what the group last committed; here `open_partition` says where to go."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Offsets are committed in the owner's transactions and nowhere else."""
        return False

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's livelock detector expects its own commits; lag and readiness tell it here."""


class BatchTransport(driver.Transport):
    """The aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer


class BatchApp(faust.App):
    """A Faust app whose topics arrive as envelopes.

    Its agents see `Envelope` values. Declare topics by `envelope_topic` and open each assigned
    partition by `open_partition`; Faust commits nothing.
    """

    def __init__(self, app_id: str, *, fetch: FetchOptions, **options: Any) -> None:
        self.fetch = fetch
        super().__init__(
            app_id,
            table_standby_replicas=1,  # 0 would silently select the round-robin assignor
            stream_wait_empty=False,
            topic_disable_leader=True,
            web_enabled=False,
            **options,
        )

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def envelope_topic(self, names: Iterable[str]) -> Any:
        """One channel over all these topics; acks are off because Faust keeps no offsets here."""
        return self.topic(
            *names,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            acks=False,
        )

    async def open_partition(self, offsets: Mapping[TP, int], *, epoch: int) -> None:
        """Let the topics of one assigned partition flow from these offsets.

        The owner chooses an epoch it has not used before, and knows its envelopes by it.
        """
        await cast(BatchConsumer, self.consumer).open_partition(offsets, epoch)

    async def commit_offsets(self, offsets: Mapping[TP, int], note: str) -> None:
        """Commit as a member of the group, where no transaction does it; raises where the group
        has moved on. `note` stands beside each offset, with the end that librdkafka reads up to.
        """
        ended = note + "\0"
        noted = {TopicPartition(*tp): OffsetAndMetadata(n, ended) for tp, n in offsets.items()}
        thread = cast(BatchConsumer, self.consumer)._thread
        await thread.call_thread(thread._ensure_consumer().commit, noted)

    async def check_group(self) -> None:
        """Raise what ended the membership in the group."""
        thread = cast(BatchConsumer, self.consumer)._thread
        await thread.call_thread(thread.check_group)

    def lags(self) -> dict[TP, int]:
        """Unread committed records per open partition."""
        return cast(BatchConsumer, self.consumer).lags()
