"""The outbox: events are written in the transaction of the effect and published afterwards.

Rows are found by `published_at IS NULL`, never by `id > last`: ids are handed out before commits,
so a late commit would be passed over. One relay at a time holds the schema's advisory lock, which
keeps the rows of one key in order. Publishing is at-least-once: when a round fails in the middle
all its rows are sent again, in order, and consumers drop what they have seen.
"""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg
from google.protobuf.message import Message
from psycopg import Connection, Cursor, sql
from psycopg_pool import ConnectionPool, PoolTimeout

from chassis.kafka.consumer import exit_process
from chassis.kafka.dead_letters import BatchProducer
from chassis.kafka.errors import BrokerUnavailable
from chassis.kafka.records import OutgoingRecord
from chassis.logging import get_logger
from chassis.metric_defs import OUTBOX_FAILURES, OUTBOX_PUBLISHED
from chassis.metrics import Metrics

ROWS_PER_ROUND_MAX: Final = 500
PAUSE_BUSY_S: Final = 0.005
PAUSE_IDLE_S: Final = 0.2
PAUSE_FAILED_S: Final = 1.0
FAILED_ROUNDS_MAX: Final = 60
PRUNE_ROWS_MAX: Final = 10_000
_STOP_TIMEOUT_S: Final = 10.0

OUTBOX_DDL: Final[LiteralString] = """
CREATE TABLE IF NOT EXISTS {schema}.outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic        text  NOT NULL,
    key          bytea NOT NULL,
    message_type text  NOT NULL,
    payload      bytea NOT NULL,
    traceparent  text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    published_at timestamptz
);
CREATE INDEX IF NOT EXISTS outbox_unpublished ON {schema}.outbox (id) WHERE published_at IS NULL
"""


def outbox_ddl(schema: str) -> str:
    """The table that `append` and `OutboxRelay` need, for a service's migration."""
    return OUTBOX_DDL.format(schema=schema)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One event to publish."""

    topic: str
    key: bytes
    message_type: str
    payload: bytes
    traceparent: str | None = None


def outbox_row(
    topic: str, key: bytes, message: Message, traceparent: str | None = None
) -> OutboxRow:
    """The row of a message."""
    return OutboxRow(
        topic, key, message.DESCRIPTOR.full_name, message.SerializeToString(), traceparent
    )


def append(
    connection: Connection[Any] | Cursor[Any], schema: str, rows: Sequence[OutboxRow]
) -> None:
    """Add rows in the caller's transaction; they are published in this order per key."""
    if not rows:
        return
    statement = sql.SQL(
        "INSERT INTO {table} (topic, key, message_type, payload, traceparent)"
        " SELECT topic, key, message_type, payload, traceparent FROM unnest("
        "%s::text[], %s::bytea[], %s::text[], %s::bytea[], %s::text[])"
        " WITH ORDINALITY AS given (topic, key, message_type, payload, traceparent, ordinal)"
        " ORDER BY ordinal"
    ).format(table=sql.Identifier(schema, "outbox"))
    connection.execute(
        statement,
        (
            [row.topic for row in rows],
            [row.key for row in rows],
            [row.message_type for row in rows],
            [row.payload for row in rows],
            [row.traceparent for row in rows],
        ),
    )


class OutboxRelay:
    """Publishes one schema's outbox from one thread, with short pauses while there is work."""

    def __init__(
        self,
        pool: ConnectionPool,
        schema: str,
        producer: BatchProducer,
        *,
        metrics: Metrics | None = None,
        rows_per_round: int = ROWS_PER_ROUND_MAX,
        failed_rounds_max: int = FAILED_ROUNDS_MAX,
        pause_failed_s: float = PAUSE_FAILED_S,
        on_failure: Callable[[BaseException], None] = exit_process,
    ) -> None:
        table = sql.Identifier(schema, "outbox")
        digest = hashlib.blake2b(f"outbox of {schema}".encode(), digest_size=8).digest()
        self._lock_key = int.from_bytes(digest, "big", signed=True)
        self._select = sql.SQL(
            "SELECT id, topic, key, message_type, payload, traceparent FROM {table}"
            " WHERE published_at IS NULL ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
        ).format(table=table)
        self._mark = sql.SQL("UPDATE {table} SET published_at = now() WHERE id = ANY(%s)").format(
            table=table
        )
        self._prune = sql.SQL(
            "DELETE FROM {table} WHERE id IN (SELECT id FROM {table}"
            " WHERE published_at < now() - make_interval(secs => %s) ORDER BY id LIMIT %s)"
        ).format(table=table)
        self._pool = pool
        self._producer = producer
        self._metrics = metrics
        self._rows_per_round = rows_per_round
        self._failed_rounds_max = failed_rounds_max
        self._pause_failed_s = pause_failed_s
        self._on_failure = on_failure
        self._failed_rounds = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run_guarded, name=f"outbox-{schema}", daemon=True
        )

    def start(self) -> None:
        """Begin to relay."""
        self._thread.start()

    def stop(self, timeout_s: float = _STOP_TIMEOUT_S) -> None:
        """Finish the round in hand and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def ready(self) -> str | None:
        """A readiness check: None, or why rows are not being published."""
        return "outbox cannot be published" if self._failed_rounds else None

    def publish_once(self) -> int:
        """One round; returns how many rows were published. 0 also when another relay is at work."""
        with self._pool.connection() as connection:
            locked = connection.execute(
                "SELECT pg_try_advisory_xact_lock(%s)", (self._lock_key,)
            ).fetchone()
            if locked is None or not locked[0]:
                return 0
            rows = connection.execute(self._select, (self._rows_per_round,)).fetchall()
            if not rows:
                return 0
            self._producer.produce_batch(
                [
                    OutgoingRecord(
                        topic=topic,
                        key=key,
                        value=payload,
                        message_type=message_type,
                        traceparent=traceparent,
                    )
                    for _, topic, key, message_type, payload, traceparent in rows
                ]
            )
            connection.execute(self._mark, ([row[0] for row in rows],))
        if self._metrics is not None:
            counter = self._metrics.counter(OUTBOX_PUBLISHED)
            for row in rows:
                counter.labels(topic=row[1]).inc()
        return len(rows)

    def prune(self, *, older_than_s: float, limit_rows: int = PRUNE_ROWS_MAX) -> int:
        """Delete at most `limit_rows` rows published longer ago; returns how many went."""
        with self._pool.connection() as connection:
            return connection.execute(self._prune, (older_than_s, limit_rows)).rowcount

    def run(self) -> None:
        """Relay until `stop`. Outages of broker or database are repeated up to a bound; anything
        else is raised at once.
        """
        idle_pause_s = PAUSE_BUSY_S
        while not self._stopping.is_set():
            try:
                published = self.publish_once()
            except (BrokerUnavailable, psycopg.OperationalError, PoolTimeout) as error:
                self._note_failure(error)
                self._stopping.wait(self._pause_failed_s)
                continue
            self._failed_rounds = 0
            if published >= self._rows_per_round:
                continue
            idle_pause_s = PAUSE_BUSY_S if published else min(PAUSE_IDLE_S, idle_pause_s * 2)
            self._stopping.wait(idle_pause_s)

    def _note_failure(self, error: Exception) -> None:
        self._failed_rounds += 1
        if self._metrics is not None:
            self._metrics.counter(OUTBOX_FAILURES).inc()
        get_logger().warning("outbox round failed", round=self._failed_rounds, exc_info=error)
        if self._failed_rounds >= self._failed_rounds_max:
            raise error

    def _run_guarded(self) -> None:
        try:
            self.run()
        except BaseException as error:
            get_logger().error("outbox relay failed", exc_info=error)
            self._on_failure(error)
