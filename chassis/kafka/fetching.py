"""How a consumer reads: the client's settings, and the sorting of what one poll brought."""

import logging
from collections.abc import Sequence
from typing import Any, Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from chassis.kafka.errors import OffsetLost
from chassis.kafka.records import Record, TopicPartition
from chassis.logging import get_logger

_FETCH_BUFFER_KBYTES: Final = 32_768
# The broker answers a fetch once this much is there or this long has passed. Without it each record
# wakes each consumer by itself: at 200 applications a second that was a third of the broker's work.
_FETCH_BYTES_MIN: Final = 65_536
_FETCH_WAIT_MS_MAX: Final = 250
_TRANSIENT_CODES: Final = frozenset(
    {
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError._MAX_POLL_EXCEEDED,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


def sorted_out(
    messages: Sequence[confluent_kafka.Message],
) -> tuple[list[Record], dict[TopicPartition, int]]:
    """Records in the order read, and the partitions whose end was reached after them."""
    records: list[Record] = []
    ends: dict[TopicPartition, int] = {}
    for message in messages:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        error = message.error()
        if error is None:
            assert topic is not None
            assert partition is not None
            assert offset is not None
            ends.pop((topic, partition), None)
            records.append(
                Record(
                    topic=topic,
                    partition=partition,
                    offset=offset,
                    key=message.key() or b"",
                    value=message.value() or b"",
                    headers=_headers(message),
                    timestamp_ms=message.timestamp()[1],
                )
            )
        elif error.code() == KafkaError._PARTITION_EOF:
            if topic is not None and partition is not None and offset is not None:
                ends[topic, partition] = offset
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise OffsetLost(f"the stored position of {topic} is outside what the broker has")
        elif error.code() in _TRANSIENT_CODES and not error.fatal():
            get_logger().warning("consumer waits for the broker", code=error.name())
        else:
            raise KafkaException(error)
    return records, ends


def _headers(message: confluent_kafka.Message) -> dict[str, bytes]:
    headers: Any = message.headers()
    return {name: value or b"" for name, value in headers} if headers else {}


def client_config(bootstrap: str, group: str, session_timeout_s: float) -> dict[str, Any]:
    session_ms = int(session_timeout_s * 1000)
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "client.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "fetch.min.bytes": _FETCH_BYTES_MIN,
        "fetch.wait.max.ms": _FETCH_WAIT_MS_MAX,
        # A lost position is an error for a person, not a replay of the world.
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "session.timeout.ms": session_ms,
        "heartbeat.interval.ms": max(500, session_ms // 5),
        "queued.max.messages.kbytes": _FETCH_BUFFER_KBYTES,
        "reconnect.backoff.max.ms": 1_000,
        "logger": logging.getLogger("librdkafka"),
    }
