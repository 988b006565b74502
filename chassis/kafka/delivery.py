"""The fate of produced records: outcomes, errors by what to do about them, client settings."""

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import Any, Final

from confluent_kafka import KafkaError

from chassis.kafka.errors import BrokerUnavailable, ProduceError, ProducerBroken, RecordRefused
from chassis.kafka.records import RecordPosition

_CLIENT_QUEUE_KBYTES: Final = 262_144
_UNAVAILABLE_CODES: Final = frozenset(
    {
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._PURGE_QUEUE,
        KafkaError._PURGE_INFLIGHT,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
    }
)

Outcome = RecordPosition | ProduceError
Waiter = asyncio.Future[RecordPosition]


def as_produce_error(error: KafkaError) -> ProduceError:
    """The error by what the caller should do about it."""
    if error.fatal() or error.code() == KafkaError._FATAL:
        return ProducerBroken(f"producer broken: {error.name()}")
    if error.code() in _UNAVAILABLE_CODES:
        return BrokerUnavailable(error.name())
    return RecordRefused(error.name())


class BatchReports:
    """Counts the reports of one synchronous batch; touched only by the poll thread until done."""

    __slots__ = ("done", "failure", "remaining")

    def __init__(self, size: int) -> None:
        self.remaining = size
        self.failure: ProduceError | None = None
        self.done = threading.Event()

    def report(self, outcome: Outcome) -> None:
        if self.failure is None and isinstance(outcome, ProduceError):
            self.failure = outcome
        self.remaining -= 1
        if self.remaining == 0:
            self.done.set()


def resolve(entries: list[tuple[Waiter, Outcome]]) -> None:
    for waiter, outcome in entries:
        if waiter.done():
            continue
        if isinstance(outcome, ProduceError):
            waiter.set_exception(outcome)
        else:
            waiter.set_result(outcome)


def client_config(
    bootstrap: str,
    client_id: str,
    delivery_timeout_s: float,
    in_flight_max: int,
    linger_ms: int,
    compression: str,
    on_error: Callable[[KafkaError], None],
) -> dict[str, Any]:
    timeout_ms = int(delivery_timeout_s * 1000)
    return {
        "bootstrap.servers": bootstrap,
        "client.id": client_id,
        "acks": "all",
        "enable.idempotence": True,
        "partitioner": "murmur2",
        "compression.type": compression,
        "linger.ms": min(linger_ms, timeout_ms),
        "delivery.timeout.ms": timeout_ms,
        "request.timeout.ms": min(5_000, timeout_ms),
        "socket.timeout.ms": max(1_000, timeout_ms),
        "reconnect.backoff.max.ms": 1_000,
        "topic.metadata.propagation.max.ms": timeout_ms,
        "queue.buffering.max.messages": in_flight_max + 1_000,
        "queue.buffering.max.kbytes": _CLIENT_QUEUE_KBYTES,
        "error_cb": on_error,
        "logger": logging.getLogger("librdkafka"),
    }
