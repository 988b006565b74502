"""Where a consumer group's positions live: beside the effect in PostgreSQL, or in Kafka.

The PostgreSQL store is the rule for effects in PostgreSQL. The handler writes the positions in its
own transaction, by compare-and-set against what this owner last knew, so a consumer that was paused
past its session cannot apply a batch that its successor has applied.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, LiteralString, Protocol

import confluent_kafka
from confluent_kafka import KafkaError, KafkaException
from psycopg import Connection, Cursor, sql
from psycopg_pool import ConnectionPool

from chassis.kafka.errors import OffsetConflict, OffsetLost
from chassis.kafka.records import Positions, TopicPartition
from chassis.logging import get_logger

_COMMITTED_TIMEOUT_S: Final = 30.0
_MOVED_ON_CODES: Final = frozenset(
    {
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.UNKNOWN_MEMBER_ID,
    }
)

CONSUMER_OFFSET_DDL: Final[LiteralString] = """
CREATE TABLE IF NOT EXISTS {schema}.consumer_offset (
    consumer_group text   NOT NULL,
    topic          text   NOT NULL,
    partition      int    NOT NULL CHECK (partition >= 0),
    next_offset    bigint NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (consumer_group, topic, partition)
)
"""


def consumer_offset_ddl(schema: str) -> str:
    """The table that `PostgresOffsets` needs, for a service's migration."""
    return CONSUMER_OFFSET_DDL.format(schema=schema)


class OffsetStore(Protocol):
    """Loads positions when partitions are assigned and learns which batches were handled."""

    def load(
        self, consumer: confluent_kafka.Consumer, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """The next offset of each partition that has one."""
        ...

    def handled(self, consumer: confluent_kafka.Consumer, positions: Positions) -> None:
        """The handler returned: make `positions` durable if they are not yet."""
        ...


class PostgresOffsets:
    """Positions in `<schema>.consumer_offset`, written by the handler through `write`.

    A handler that does not call `write` still gets at-least-once: `handled` then writes the
    positions in a transaction of its own.
    """

    def __init__(self, pool: ConnectionPool, schema: str, group: str) -> None:
        self._pool = pool
        self._group = group
        table = sql.Identifier(schema, "consumer_offset")
        self._select = sql.SQL(
            "SELECT topic, partition, next_offset FROM {table} WHERE consumer_group = %s"
        ).format(table=table)
        self._insert = sql.SQL(
            "INSERT INTO {table} (consumer_group, topic, partition, next_offset)"
            " SELECT %s, * FROM unnest(%s::text[], %s::int[], %s::bigint[])"
            " ON CONFLICT DO NOTHING"
        ).format(table=table)
        self._update = sql.SQL(
            "UPDATE {table} AS stored SET next_offset = given.next_offset"
            " FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[])"
            " AS given (topic, partition, next_offset, known_offset)"
            " WHERE stored.consumer_group = %s AND stored.topic = given.topic"
            " AND stored.partition = given.partition AND stored.next_offset = given.known_offset"
        ).format(table=table)
        self._known: dict[TopicPartition, int] = {}
        self._written: dict[TopicPartition, int] = {}

    def load(
        self, consumer: confluent_kafka.Consumer, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        with self._pool.connection() as connection:
            rows = connection.execute(self._select, (self._group,)).fetchall()
        wanted = set(partitions)
        stored = {
            (topic, partition): next_offset
            for topic, partition, next_offset in rows
            if (topic, partition) in wanted
        }
        for partition_key in wanted:
            self._known.pop(partition_key, None)
        self._known.update(stored)
        return stored

    def write(self, connection: Connection[Any] | Cursor[Any], positions: Positions) -> None:
        """Write the positions in the caller's transaction; raises OffsetConflict when another
        consumer has moved one of them, and then the transaction must be rolled back.
        """
        fresh = sorted(key for key in positions if key not in self._known)
        moved = sorted(key for key in positions if key in self._known)
        changed = 0
        if fresh:
            topics, numbers, offsets = _columns(fresh, positions)
            changed += connection.execute(
                self._insert, (self._group, topics, numbers, offsets)
            ).rowcount
        if moved:
            topics, numbers, offsets = _columns(moved, positions)
            known = [self._known[key] for key in moved]
            changed += connection.execute(
                self._update, (topics, numbers, offsets, known, self._group)
            ).rowcount
        if changed != len(positions):
            raise OffsetConflict("another consumer moved the stored position")
        self._written = dict(positions)

    def handled(self, consumer: confluent_kafka.Consumer, positions: Positions) -> None:
        if self._written != positions:
            with self._pool.connection() as connection:
                self.write(connection, positions)
        self._known.update(positions)
        self._written = {}


class KafkaOffsets:
    """Positions committed to the group in Kafka, for effects that do not live in PostgreSQL."""

    def load(
        self, consumer: confluent_kafka.Consumer, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        committed = consumer.committed(
            [confluent_kafka.TopicPartition(topic, number) for topic, number in partitions],
            timeout=_COMMITTED_TIMEOUT_S,
        )
        for entry in committed:
            if entry.error is not None:
                raise KafkaException(entry.error)
        return {
            (entry.topic, entry.partition): entry.offset for entry in committed if entry.offset >= 0
        }

    def handled(self, consumer: confluent_kafka.Consumer, positions: Positions) -> None:
        offsets = [
            confluent_kafka.TopicPartition(topic, number, next_offset)
            for (topic, number), next_offset in positions.items()
        ]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() not in _MOVED_ON_CODES:
                raise
            # The partitions changed hands meanwhile: their next owner gets this batch again.
            get_logger().warning("positions not committed", code=error.args[0].name())


def end_offsets(
    bootstrap: str, topics: Sequence[str], timeout_s: float
) -> dict[TopicPartition, int]:
    """The end of every partition of `topics` now: what a reader must have reached to have seen all
    that was written before this call. Compare with `BatchConsumer.reached()`.
    """
    reader = confluent_kafka.Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "end-offsets", "enable.auto.commit": False}
    )
    try:
        ends: dict[TopicPartition, int] = {}
        for topic in topics:
            metadata = reader.list_topics(topic, timeout=timeout_s).topics[topic]
            if metadata.error is not None:
                raise OffsetLost(f"topic {topic} is not known to the broker")
            for number in metadata.partitions:
                watermarks = reader.get_watermark_offsets(
                    confluent_kafka.TopicPartition(topic, number), timeout=timeout_s
                )
                if watermarks is None:
                    raise OffsetLost(f"the end of {topic} cannot be read")
                ends[topic, number] = watermarks[1]
        return ends
    finally:
        reader.close()


def _columns(
    keys: Sequence[TopicPartition], positions: Positions
) -> tuple[list[str], list[int], list[int]]:
    return (
        [topic for topic, _ in keys],
        [number for _, number in keys],
        [positions[key] for key in keys],
    )
