"""The outbox relay: every committed row is published, in order per key, whatever fails."""

from collections.abc import Iterator, Sequence

import pytest
from kyufu.events.v1 import operations_pb2
from psycopg_pool import ConnectionPool

from chassis.kafka.errors import BrokerUnavailable
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from chassis.outbox import OutboxRelay, OutboxRow, append, outbox_ddl, outbox_row
from chassis.postgres import connect_pool
from chassis.tests.integration.support import DEADLINE_S, new_topic, read_all, wait_until

pytestmark = pytest.mark.integration

SCHEMA = "example"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class FakeProducer:
    """Keeps what it is given; fails as many times as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.published: list[OutgoingRecord] = []

    def produce_batch(self, records: Sequence[OutgoingRecord]) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("told to")
        self.published.extend(records)

    @property
    def payloads(self) -> list[bytes]:
        return [record.value for record in self.published if isinstance(record.value, bytes)]


@pytest.fixture
def pool(fresh_database: str) -> Iterator[ConnectionPool]:
    pool = connect_pool(fresh_database, wait_s=DEADLINE_S)
    with pool.connection() as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        for statement in outbox_ddl(SCHEMA).split(";"):
            connection.execute(statement.encode())
    yield pool
    pool.close()


def _row(number: int, topic: str = "t") -> OutboxRow:
    return OutboxRow(topic, b"k", "kyufu.x.Y", b"%d" % number)


def _append(pool: ConnectionPool, *rows: OutboxRow) -> None:
    with pool.connection() as connection:
        append(connection, SCHEMA, rows)


def test_rows_are_published_in_order_and_once(pool: ConnectionPool) -> None:
    producer = FakeProducer()
    relay = OutboxRelay(pool, SCHEMA, producer, rows_per_round=4)
    _append(pool, *(_row(number) for number in range(10)))
    assert [relay.publish_once() for _ in range(4)] == [4, 4, 2, 0]
    assert producer.payloads == [b"%d" % number for number in range(10)]


def test_a_round_that_fails_is_repeated_as_a_whole(pool: ConnectionPool) -> None:
    producer = FakeProducer(failures=1)
    relay = OutboxRelay(pool, SCHEMA, producer)
    _append(pool, _row(1), _row(2))
    with pytest.raises(BrokerUnavailable):
        relay.publish_once()
    assert relay.publish_once() == 2
    assert producer.payloads == [b"1", b"2"]


def test_a_row_that_commits_late_is_not_passed_over(pool: ConnectionPool) -> None:
    producer = FakeProducer()
    relay = OutboxRelay(pool, SCHEMA, producer)
    with pool.connection() as late:
        append(late, SCHEMA, [_row(1)])
        _append(pool, _row(2))
        assert relay.publish_once() == 1
    assert relay.publish_once() == 1
    assert producer.payloads == [b"2", b"1"]


def test_a_row_that_rolls_back_is_never_published(pool: ConnectionPool) -> None:
    producer = FakeProducer()
    with pool.connection() as connection:
        append(connection, SCHEMA, [_row(1)])
        connection.rollback()
    assert OutboxRelay(pool, SCHEMA, producer).publish_once() == 0
    assert producer.published == []


def test_only_one_relay_publishes_at_a_time(pool: ConnectionPool) -> None:
    inner = FakeProducer()
    other = OutboxRelay(pool, SCHEMA, inner)
    rounds_of_the_other: list[int] = []

    class Meanwhile(FakeProducer):
        def produce_batch(self, records: Sequence[OutgoingRecord]) -> None:
            rounds_of_the_other.append(other.publish_once())
            super().produce_batch(records)

    outer = Meanwhile()
    _append(pool, _row(1), _row(2))
    assert OutboxRelay(pool, SCHEMA, outer, rows_per_round=1).publish_once() == 1
    assert rounds_of_the_other == [0]
    assert inner.published == []


def test_the_thread_outlives_an_outage_of_the_broker(pool: ConnectionPool) -> None:
    producer = FakeProducer(failures=3)
    relay = OutboxRelay(pool, SCHEMA, producer, pause_failed_s=0.01)
    _append(pool, _row(1))
    relay.start()
    try:
        wait_until(lambda: producer.published, "the row after the outage")
        wait_until(lambda: relay.ready() is None, "readiness")
    finally:
        relay.stop()


def test_an_outage_without_end_ends_the_relay_with_its_reason(pool: ConnectionPool) -> None:
    failures: list[BaseException] = []
    relay = OutboxRelay(
        pool, SCHEMA, FakeProducer(failures=100), failed_rounds_max=3, pause_failed_s=0.01,
        on_failure=failures.append,
    )  # fmt: skip
    _append(pool, _row(1))
    relay.start()
    wait_until(lambda: failures, "the end of patience")
    relay.stop()
    assert isinstance(failures[0], BrokerUnavailable)
    assert relay.ready() == "outbox cannot be published"


def test_published_rows_are_pruned_in_bounded_steps(pool: ConnectionPool) -> None:
    relay = OutboxRelay(pool, SCHEMA, FakeProducer())
    _append(pool, *(_row(number) for number in range(5)))
    relay.publish_once()
    _append(pool, _row(9))
    assert relay.prune(older_than_s=3600) == 0
    assert [relay.prune(older_than_s=-1, limit_rows=3) for _ in range(3)] == [3, 2, 0]
    assert relay.publish_once() == 1


def test_key_type_and_trace_reach_the_topic(pool: ConnectionPool, kafka_bootstrap: str) -> None:
    topic = new_topic(kafka_bootstrap)
    producer = DurableProducer(kafka_bootstrap, "test", delivery_timeout_s=DEADLINE_S)
    tick = operations_pb2.ClockTick(at_ms=5)
    _append(pool, outbox_row(topic, b"k" * 16, tick, TRACE))
    try:
        assert OutboxRelay(pool, SCHEMA, producer).publish_once() == 1
    finally:
        producer.close()
    (record,) = read_all(kafka_bootstrap, topic, 1)
    assert record.key == b"k" * 16
    assert record.headers["type"] == b"kyufu.events.v1.ClockTick"
    assert record.traceparent == TRACE
    assert operations_pb2.ClockTick.FromString(record.value) == tick
