"""One contract for every kind of offset store, and what only the PostgreSQL one promises."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import confluent_kafka
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from chassis.kafka.consumer import BatchConsumer
from chassis.kafka.errors import OffsetConflict, OffsetLost
from chassis.kafka.offsets import KafkaOffsets, OffsetStore, PostgresOffsets, consumer_offset_ddl
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import Positions, Record
from chassis.postgres import connect_pool, run_in_transaction
from chassis.tests.integration.support import (
    DEADLINE_S,
    consumer_of,
    new_topic,
    raw,
    running,
    wait_until,
)

pytestmark = pytest.mark.integration

SCHEMA = "example"
MakeStore = Callable[[str], OffsetStore]


@pytest.fixture
def pool(fresh_database: str) -> Iterator[ConnectionPool]:
    pool = connect_pool(fresh_database, wait_s=DEADLINE_S)
    with pool.connection() as connection:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
        connection.execute(consumer_offset_ddl(SCHEMA))
        connection.execute(f"CREATE TABLE {SCHEMA}.effect (value bytea)")
    yield pool
    pool.close()


@pytest.fixture(params=["kafka", "postgres"])
def make_store(request: pytest.FixtureRequest) -> MakeStore:
    if request.param == "kafka":
        return lambda group: KafkaOffsets()
    pool = request.getfixturevalue("pool")
    return lambda group: PostgresOffsets(pool, SCHEMA, group)


@pytest.fixture
def producer(kafka_bootstrap: str) -> Iterator[DurableProducer]:
    producer = DurableProducer(kafka_bootstrap, "test", delivery_timeout_s=DEADLINE_S)
    yield producer
    producer.close()


@pytest.fixture
def client(kafka_bootstrap: str) -> Iterator[Callable[[str], confluent_kafka.Consumer]]:
    opened: list[confluent_kafka.Consumer] = []

    def open_client(group: str) -> confluent_kafka.Consumer:
        opened.append(
            confluent_kafka.Consumer({"bootstrap.servers": kafka_bootstrap, "group.id": group})
        )
        return opened[-1]

    yield open_client
    for consumer in opened:
        consumer.close()


def test_what_was_never_stored_has_no_position(
    make_store: MakeStore, client: Callable[[str], confluent_kafka.Consumer], kafka_bootstrap: str
) -> None:
    group, topic = uuid.uuid4().hex, new_topic(kafka_bootstrap)
    assert dict(make_store(group).load(client(group), [(topic, 0), (topic, 1)])) == {}


def test_handled_positions_are_there_for_the_next_owner(
    make_store: MakeStore, client: Callable[[str], confluent_kafka.Consumer], kafka_bootstrap: str
) -> None:
    group, topic = uuid.uuid4().hex, new_topic(kafka_bootstrap)
    consumer, store = client(group), make_store(group)
    store.load(consumer, [(topic, 0), (topic, 1)])
    store.handled(consumer, {(topic, 0): 7, (topic, 1): 3})
    store.handled(consumer, {(topic, 0): 9})
    stored = make_store(group).load(client(group), [(topic, 0), (topic, 1)])
    assert dict(stored) == {(topic, 0): 9, (topic, 1): 3}


def test_groups_do_not_see_each_other(
    make_store: MakeStore, client: Callable[[str], confluent_kafka.Consumer], kafka_bootstrap: str
) -> None:
    group, other, topic = uuid.uuid4().hex, uuid.uuid4().hex, new_topic(kafka_bootstrap)
    consumer, store = client(group), make_store(group)
    store.load(consumer, [(topic, 0)])
    store.handled(consumer, {(topic, 0): 7})
    assert dict(make_store(other).load(client(other), [(topic, 0)])) == {}


def test_a_position_that_the_broker_no_longer_has_stops_the_consumer(
    make_store: MakeStore,
    client: Callable[[str], confluent_kafka.Consumer],
    kafka_bootstrap: str,
) -> None:
    group, topic = uuid.uuid4().hex, new_topic(kafka_bootstrap, partitions=1)
    setup, store = client(group), make_store(group)
    store.load(setup, [(topic, 0)])
    store.handled(setup, {(topic, 0): 500})
    failures: list[BaseException] = []
    consumer = consumer_of(
        kafka_bootstrap, [topic], lambda records, positions: None, group=group,
        offsets=make_store(group), on_failure=failures.append,
    )  # fmt: skip
    with running(consumer):
        wait_until(lambda: bool(failures), "the lost offset")
    assert isinstance(failures[0], OffsetLost)


def test_effect_and_position_are_one_transaction(
    kafka_bootstrap: str, producer: DurableProducer, pool: ConnectionPool
) -> None:
    group, topic = uuid.uuid4().hex, new_topic(kafka_bootstrap, partitions=1)
    producer.produce_batch([raw(topic, b"k", b"%d" % n) for n in range(10)])
    crashes = iter([True, False, True])

    def start() -> tuple[list[BaseException], BatchConsumer]:
        store = PostgresOffsets(pool, SCHEMA, group)
        failures: list[BaseException] = []

        def handler(records: list[Record], positions: Positions) -> None:
            def work(connection: psycopg.Connection[Any]) -> None:
                for record in records:
                    connection.execute(f"INSERT INTO {SCHEMA}.effect VALUES (%s)", (record.value,))
                store.write(connection, positions)
                if next(crashes, False):
                    raise RuntimeError("crash before the commit")

            run_in_transaction(pool, work)

        return failures, consumer_of(
            kafka_bootstrap, [topic], handler, group=group, offsets=store, batch_max=3,
            on_failure=failures.append,
        )  # fmt: skip

    for _ in range(2):
        failures, consumer = start()
        with running(consumer):
            wait_until(failures.__len__, "the crash")
    _, consumer = start()
    with running(consumer):
        wait_until(lambda: consumer.reached() == {(topic, 0): 10}, "the end")
    with pool.connection() as connection:
        rows = connection.execute(f"SELECT value FROM {SCHEMA}.effect ORDER BY value").fetchall()
    assert [row[0] for row in rows] == [b"%d" % n for n in range(10)]


def test_an_owner_whose_successor_went_on_cannot_write(
    pool: ConnectionPool, client: Callable[[str], confluent_kafka.Consumer]
) -> None:
    group, consumer = uuid.uuid4().hex, client("unused")
    old = PostgresOffsets(pool, SCHEMA, group)
    new = PostgresOffsets(pool, SCHEMA, group)
    old.load(consumer, [("t", 0)])
    old.handled(consumer, {("t", 0): 5})
    new.load(consumer, [("t", 0)])
    new.handled(consumer, {("t", 0): 8})
    with pytest.raises(OffsetConflict):
        old.handled(consumer, {("t", 0): 8})
    with pytest.raises(OffsetConflict):
        old.handled(consumer, {("t", 0): 6})


def test_two_first_owners_cannot_both_write(
    pool: ConnectionPool, client: Callable[[str], confluent_kafka.Consumer]
) -> None:
    group, consumer = uuid.uuid4().hex, client("unused")
    one = PostgresOffsets(pool, SCHEMA, group)
    two = PostgresOffsets(pool, SCHEMA, group)
    one.load(consumer, [("t", 0)])
    two.load(consumer, [("t", 0)])
    one.handled(consumer, {("t", 0): 5})
    with pytest.raises(OffsetConflict):
        two.handled(consumer, {("t", 0): 5})
