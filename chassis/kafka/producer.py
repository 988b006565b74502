"""A producer whose answer means "on the broker, on all in-sync replicas".

One poll thread serves the delivery reports and wakes each event loop once per round, not once per
record: the acknowledgement path is what limits intake. In-flight records are bounded; beyond the
bound `QueueFull` tells the caller to shed load instead of growing.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException
from google.protobuf.message import Message

from chassis.clock import SystemClock
from chassis.kafka.delivery import (
    BatchReports,
    Outcome,
    Waiter,
    as_produce_error,
    client_config,
    resolve,
)
from chassis.kafka.errors import (
    BrokerUnavailable,
    NotPermitted,
    ProduceError,
    ProducerBroken,
    QueueFull,
    RecordRefused,
)
from chassis.kafka.records import OutgoingRecord, RecordPosition, wire_headers, wire_value
from chassis.kafka.topics import TopicCatalogue, require_writer
from chassis.metric_defs import PRODUCED, PRODUCER_IN_FLIGHT
from chassis.metrics import Metrics

DELIVERY_TIMEOUT_S: Final = 10.0
IN_FLIGHT_RECORDS_MAX: Final = 20_000
LINGER_MS: Final = 2
CLOSE_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.1
# The client's own deadline comes first; this margin only catches a client that never reports.
_GRACE_S: Final = 5.0
_QUEUE_WAIT_S: Final = 0.005
_PROBE_S: Final = 1.0


class DurableProducer:
    """acks=all, idempotent, murmur2. Usable from event loops and from threads at once.

    With `principal`, `topics` and a catalogue the right to write is asserted here, and a record for
    any other topic is refused: wiring errors show at start.
    """

    def __init__(
        self,
        bootstrap: str,
        client_id: str,
        *,
        principal: str | None = None,
        topics: Sequence[str] = (),
        catalogue: TopicCatalogue | None = None,
        metrics: Metrics | None = None,
        delivery_timeout_s: float = DELIVERY_TIMEOUT_S,
        in_flight_max: int = IN_FLIGHT_RECORDS_MAX,
        linger_ms: int = LINGER_MS,
        compression: str = "lz4",
    ) -> None:
        if catalogue is not None and principal is not None:
            for topic in topics:
                require_writer(principal, catalogue[topic])
        self._topics = frozenset(topics)
        self._delivery_timeout_s = delivery_timeout_s
        self._in_flight_max = in_flight_max
        self._in_flight = 0
        self._lock = threading.Lock()
        self._reported: list[tuple[Waiter, Outcome]] = []
        self._counts: dict[tuple[str, str], int] = {}
        self._fatal: str | None = None
        self._brokers_down = False
        self._closing = threading.Event()
        self._monotonic = SystemClock().monotonic
        self._produced = metrics.counter(PRODUCED) if metrics is not None else None
        self._gauge = metrics.gauge(PRODUCER_IN_FLIGHT) if metrics is not None else None
        self._client = confluent_kafka.Producer(
            client_config(
                bootstrap, client_id, delivery_timeout_s, in_flight_max, linger_ms, compression,
                self._on_client_error,
            )
        )  # fmt: skip
        self._thread = threading.Thread(
            target=self._poll_until_closed, name=f"producer-{client_id}", daemon=True
        )
        self._thread.start()

    async def produce(
        self, topic: str, key: bytes, value: Message, *, traceparent: str | None = None
    ) -> RecordPosition:
        """Write one record and return when it is durable.

        Raises QueueFull, BrokerUnavailable, RecordRefused or ProducerBroken. Cancelling the caller
        does not recall the record.
        """
        record = OutgoingRecord(topic=topic, key=key, value=value, traceparent=traceparent)
        return await self._enqueue(record, asyncio.get_running_loop())

    async def produce_many(self, records: Iterable[OutgoingRecord]) -> list[RecordPosition]:
        """Write records in order and return when all are durable; the first failure is raised,
        after the fate of all is known.
        """
        loop = asyncio.get_running_loop()
        waiters: list[Waiter] = []
        refused: ProduceError | None = None
        for record in records:
            try:
                waiters.append(self._enqueue(record, loop))
            except ProduceError as error:
                refused = error
                break
        outcomes = await asyncio.gather(*waiters, return_exceptions=True)
        if refused is not None:
            raise refused
        positions: list[RecordPosition] = []
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
            positions.append(outcome)
        return positions

    async def flush(self, timeout_s: float = CLOSE_TIMEOUT_S) -> int:
        """Wait until nothing is in flight; returns how many records still are."""
        return await asyncio.to_thread(self.flush_sync, timeout_s)

    async def aclose(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """`close` without blocking the event loop."""
        await asyncio.to_thread(self.close, timeout_s)

    def produce_batch(self, records: Sequence[OutgoingRecord]) -> None:
        """Write records in order and return when all are durable; raises the first failure.

        Waits for room when the queue is full, at most for the delivery timeout.
        """
        batch = BatchReports(len(records))
        deadline_s = self._monotonic() + self._delivery_timeout_s
        if not records:
            return

        def on_delivery(error: KafkaError | None, message: Any) -> None:
            batch.report(self._outcome(error, message))

        for record in records:
            self._hand_over_waiting(record, on_delivery, deadline_s)
        if not batch.done.wait(self._delivery_timeout_s + _GRACE_S):
            raise BrokerUnavailable("no delivery report within the timeout")
        if batch.failure is not None:
            raise batch.failure

    def flush_sync(self, timeout_s: float = CLOSE_TIMEOUT_S) -> int:
        """Wait until nothing is in flight; returns how many records still are."""
        deadline_s = self._monotonic() + timeout_s
        while self._in_flight and self._monotonic() < deadline_s:
            self._closing.wait(_QUEUE_WAIT_S)
        return self._in_flight

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Flush for at most `timeout_s`, fail what is left, and end the poll thread."""
        if self._closing.is_set():
            return
        if self.flush_sync(timeout_s):
            self._client.purge()
            self.flush_sync(_GRACE_S)
        self._closing.set()
        self._thread.join(_GRACE_S)
        # Nothing is in flight any more; this ends the client's own threads.
        self._client.close()

    def check(self) -> str | None:
        """A readiness check: None, or why records cannot be written now."""
        if self._fatal is not None:
            return self._fatal
        if self._brokers_down:
            # Without traffic nothing else would notice that the brokers are back.
            try:
                self.wait_ready(_PROBE_S)
            except BrokerUnavailable:
                return "no broker answers"
        return None

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until a broker answers; raises BrokerUnavailable."""
        try:
            self._client.list_topics(timeout=timeout_s)
        except KafkaException as error:
            raise BrokerUnavailable("no broker answers") from error
        self._brokers_down = False

    def _enqueue(self, record: OutgoingRecord, loop: asyncio.AbstractEventLoop) -> Waiter:
        waiter: Waiter = loop.create_future()
        self._hand_over(record, partial(self._on_report, waiter))
        return waiter

    def _hand_over(self, record: OutgoingRecord, on_delivery: Callable[[Any, Any], None]) -> None:
        if self._fatal is not None:
            raise ProducerBroken(self._fatal)
        if self._topics and record.topic not in self._topics:
            raise NotPermitted(f"this producer was not built to write {record.topic}")
        with self._lock:
            if self._in_flight >= self._in_flight_max:
                raise QueueFull("too many records in flight")
            self._in_flight += 1
        try:
            self._client.produce(
                record.topic,
                wire_value(record),
                record.key,
                -1 if record.partition is None else record.partition,
                on_delivery=on_delivery,
                headers=wire_headers(record),
            )
        except BufferError as error:
            self._release()
            raise QueueFull("the client's queue is full") from error
        except KafkaException as error:
            self._release()
            raise self._as_produce_error(error.args[0]) from error

    def _hand_over_waiting(
        self, record: OutgoingRecord, on_delivery: Callable[[Any, Any], None], deadline_s: float
    ) -> None:
        while True:
            try:
                self._hand_over(record, on_delivery)
                return
            except QueueFull as error:
                if self._monotonic() >= deadline_s:
                    raise BrokerUnavailable("the queue stayed full") from error
                self._closing.wait(_QUEUE_WAIT_S)

    def _poll_until_closed(self) -> None:
        while not self._closing.is_set():
            served = self._client.poll(_POLL_S)
            if self._reported:
                self._wake_waiters()
            if served:
                self._count()

    def _wake_waiters(self) -> None:
        reported, self._reported = self._reported, []
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Waiter, Outcome]]] = {}
        for entry in reported:
            by_loop.setdefault(entry[0].get_loop(), []).append(entry)
        for loop, entries in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(resolve, entries)

    def _on_report(self, waiter: Waiter, error: KafkaError | None, message: Any) -> None:
        self._reported.append((waiter, self._outcome(error, message)))

    def _outcome(self, error: KafkaError | None, message: Any) -> Outcome:
        self._release()
        topic = message.topic()
        if error is None:
            self._brokers_down = False
            self._tally(topic, "acked")
            return RecordPosition(topic, message.partition(), message.offset())
        failure = self._as_produce_error(error)
        refused = isinstance(failure, RecordRefused)
        self._tally(topic, "refused" if refused else "unavailable")
        return failure

    def _tally(self, topic: str, result: str) -> None:
        self._counts[topic, result] = self._counts.get((topic, result), 0) + 1

    def _count(self) -> None:
        if self._produced is not None:
            for (topic, result), count in self._counts.items():
                self._produced.labels(topic=topic, result=result).inc(count)
        self._counts.clear()
        if self._gauge is not None:
            self._gauge.set(self._in_flight)

    def _release(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def _as_produce_error(self, error: KafkaError) -> ProduceError:
        failure = as_produce_error(error)
        if isinstance(failure, ProducerBroken):
            self._fatal = str(failure)
        return failure

    def _on_client_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = f"producer broken: {error.name()}"
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._brokers_down = True
