"""Plain values that stand for Kafka records on both sides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from google.protobuf.message import Message

TYPE_HEADER: Final = "type"
TRACEPARENT_HEADER: Final = "traceparent"
# On records that were written into a partition by its number, such as one into every partition:
# their key says nothing about where they belong.
SCOPE_HEADER: Final = "scope"
PARTITION_SCOPE: Final = b"partition"

TopicPartition = tuple[str, int]
# Next offset to read of each partition that a batch touched.
Positions = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed record. `message` is set when the consumer was given a topic catalogue."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)
    timestamp_ms: int = 0
    message: Message | None = None

    @property
    def traceparent(self) -> str | None:
        """The W3C trace header, if the writer sent one."""
        return traceparent_of(self.headers.get(TRACEPARENT_HEADER))


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """One record to write. A Message is serialised and names itself in the `type` header; bytes
    need `message_type`. Without `partition` the key decides; with it the record says so in its
    `scope` header.
    """

    topic: str
    key: bytes
    value: Message | bytes
    traceparent: str | None = None
    message_type: str | None = None
    partition: int | None = None


@dataclass(frozen=True, slots=True)
class RecordPosition:
    """Where the broker put an acknowledged record."""

    topic: str
    partition: int
    offset: int


def traceparent_of(header: bytes | None) -> str | None:
    """A trace header as it may be sent on; one that no header could carry counts as absent, so that
    nobody's broken trace stops a consumer.
    """
    return header.decode("ascii") if header is not None and header.isascii() else None


def wire_headers(record: OutgoingRecord) -> list[tuple[str, str | bytes | None]]:
    """The headers of a record as the client library takes them."""
    value = record.value
    name = value.DESCRIPTOR.full_name if isinstance(value, Message) else record.message_type
    headers: list[tuple[str, str | bytes | None]] = []
    if name:
        headers.append((TYPE_HEADER, name.encode("ascii")))
    if record.partition is not None:
        headers.append((SCOPE_HEADER, PARTITION_SCOPE))
    if record.traceparent:
        headers.append((TRACEPARENT_HEADER, record.traceparent.encode("ascii")))
    return headers


def wire_value(record: OutgoingRecord) -> bytes:
    """The bytes of a record's value."""
    value = record.value
    return value.SerializeToString() if isinstance(value, Message) else value
