"""Reads the record a dead letter points to and writes the very bytes again.

The console has no right of its own to write these topics: what leaves here must have stood in the
same topic before, byte for byte, which is checked against the digests in the letter.
"""

import hashlib
from typing import Final

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException

from chassis.clock import SystemClock
from chassis.kafka.dead_letters import BatchProducer
from chassis.kafka.records import TRACEPARENT_HEADER, TYPE_HEADER, OutgoingRecord
from services.console.ports import DeadLetterEntry

READ_TIMEOUT_S: Final = 10.0
SCOPE_HEADER: Final = "scope"
SCOPE_PARTITION: Final = b"partition"
_POLL_S: Final = 0.2


class KafkaSourceRecords:
    """See SourceRecords."""

    def __init__(self, bootstrap: str, producer: BatchProducer) -> None:
        self._bootstrap = bootstrap
        self._producer = producer
        self._monotonic = SystemClock().monotonic

    def put_back(self, entry: DeadLetterEntry) -> bool:
        """By key, so that a record which lay on a wrong partition gets to the right one; a record
        that speaks to its partition stays there.
        """
        message = self._read(entry)
        if message is None:
            return False
        key, value = message.key() or b"", message.value() or b""
        if (
            hashlib.sha256(key).digest() != entry.key_digest
            or hashlib.sha256(value).digest() != entry.value_digest
        ):
            return False
        headers = dict(message.headers() or [])
        scoped = headers.get(SCOPE_HEADER) == SCOPE_PARTITION
        self._producer.produce_batch(
            [
                OutgoingRecord(
                    topic=entry.source_topic,
                    key=key,
                    value=value,
                    traceparent=_text(headers.get(TRACEPARENT_HEADER)),
                    message_type=_text(headers.get(TYPE_HEADER)),
                    partition=entry.source_partition if scoped else None,
                )
            ]
        )
        return True

    def _read(self, entry: DeadLetterEntry) -> confluent_kafka.Message | None:
        """The record at the pointer; None when it is gone."""
        reader = confluent_kafka.Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "console.source-records",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
            }
        )
        try:
            partition = confluent_kafka.TopicPartition(
                entry.source_topic, entry.source_partition, entry.source_offset
            )
            low, high = reader.get_watermark_offsets(
                confluent_kafka.TopicPartition(entry.source_topic, entry.source_partition),
                timeout=READ_TIMEOUT_S,
            )
            if not low <= entry.source_offset < high:
                return None
            reader.assign([partition])
            until_s = self._monotonic() + READ_TIMEOUT_S
            while self._monotonic() < until_s:
                message = reader.poll(_POLL_S)
                if message is None:
                    continue
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        return None
                    raise KafkaException(error)
                return message if message.offset() == entry.source_offset else None
            raise TimeoutError("the source record could not be read in time")
        finally:
            reader.close()


def _text(header: str | bytes | None) -> str | None:
    return header.decode("ascii", "replace") if isinstance(header, bytes) else header
