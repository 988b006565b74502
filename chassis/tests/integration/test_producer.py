"""The durable producer on a real broker, and without one."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from kyufu.events.v1 import operations_pb2

from chassis.kafka.errors import BrokerUnavailable, NotPermitted, QueueFull, RecordRefused
from chassis.kafka.partitioner import partition_for
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from chassis.kafka.topics import TopicCatalogue
from chassis.metric_defs import PRODUCED
from chassis.metrics import Metrics
from chassis.tests.integration.support import DEADLINE_S, new_topic, raw, read_all

pytestmark = pytest.mark.integration

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TICK = operations_pb2.ClockTick(at_ms=int(datetime(2020, 5, 11, tzinfo=UTC).timestamp() * 1000))
# Nothing listens on the discard port of this host.
NO_BROKER = "127.0.0.1:9"


@pytest.fixture
def producer(kafka_bootstrap: str) -> Iterator[DurableProducer]:
    producer = DurableProducer(kafka_bootstrap, "test", delivery_timeout_s=DEADLINE_S)
    yield producer
    producer.close()


async def test_an_acknowledged_record_is_where_the_answer_says(
    producer: DurableProducer, kafka_bootstrap: str
) -> None:
    topic = new_topic(kafka_bootstrap, partitions=4)
    position = await producer.produce(topic, b"k" * 16, TICK, traceparent=TRACE)
    (record,) = read_all(kafka_bootstrap, topic, 1)
    assert (record.partition, record.offset) == (position.partition, position.offset)
    assert record.key == b"k" * 16
    assert operations_pb2.ClockTick.FromString(record.value) == TICK
    assert record.headers["type"] == b"kyufu.events.v1.ClockTick"
    assert record.traceparent == TRACE


async def test_keys_go_to_the_partition_that_murmur2_says(
    producer: DurableProducer, kafka_bootstrap: str
) -> None:
    topic = new_topic(kafka_bootstrap, partitions=4)
    keys = [bytes([number]) * length for number in range(20) for length in (1, 7, 16, 20)]
    positions = await producer.produce_many(raw(topic, key, b"v") for key in keys)
    assert [p.partition for p in positions] == [partition_for(key, 4) for key in keys]


async def test_many_callers_at_once_each_get_their_own_position(
    producer: DurableProducer, kafka_bootstrap: str
) -> None:
    topic = new_topic(kafka_bootstrap, partitions=1)
    positions = await asyncio.gather(*(producer.produce(topic, b"k", TICK) for _ in range(500)))
    assert sorted(position.offset for position in positions) == list(range(500))


def test_a_synchronous_batch_is_durable_and_in_order_on_return(
    producer: DurableProducer, kafka_bootstrap: str
) -> None:
    topic = new_topic(kafka_bootstrap, partitions=1)
    producer.produce_batch([raw(topic, b"k", str(n).encode()) for n in range(300)])
    values = [record.value for record in read_all(kafka_bootstrap, topic, 300)]
    assert values == [str(n).encode() for n in range(300)]


def test_a_batch_larger_than_the_bound_waits_for_room(kafka_bootstrap: str) -> None:
    producer = DurableProducer(
        kafka_bootstrap, "test", in_flight_max=10, delivery_timeout_s=DEADLINE_S
    )
    topic = new_topic(kafka_bootstrap, partitions=1)
    try:
        producer.produce_batch([raw(topic, b"k", b"v")] * 100)
        assert producer.flush_sync() == 0
    finally:
        producer.close()
    assert len(read_all(kafka_bootstrap, topic, 100)) == 100


async def test_records_beyond_the_bound_are_refused_at_once() -> None:
    producer = DurableProducer(NO_BROKER, "test", in_flight_max=3, delivery_timeout_s=30.0)
    try:
        waiting = [asyncio.ensure_future(producer.produce("t", b"k", TICK)) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await producer.produce("t", b"k", TICK)
    finally:
        await producer.aclose(0.0)
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BrokerUnavailable] * 3


async def test_without_a_broker_the_answer_comes_within_the_timeout() -> None:
    metrics = Metrics()
    producer = DurableProducer(NO_BROKER, "test", delivery_timeout_s=1.0, metrics=metrics)
    try:
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(BrokerUnavailable):
                await producer.produce("t", b"k", TICK)
        with pytest.raises(BrokerUnavailable):
            await asyncio.to_thread(producer.produce_batch, [raw("t", b"k", b"v")])
        assert producer.check() == "no broker answers"
    finally:
        await producer.aclose(0.0)
    counter = metrics.counter(PRODUCED).labels(topic="t", result="unavailable")
    assert counter._value.get() == 2


async def test_a_record_too_large_is_refused_and_the_producer_lives_on(
    producer: DurableProducer, kafka_bootstrap: str
) -> None:
    topic = new_topic(kafka_bootstrap)
    with pytest.raises(RecordRefused):
        await producer.produce_many([raw(topic, b"k", bytes(3_000_000))])
    assert (await producer.produce(topic, b"k", TICK)).offset == 0


async def test_a_producer_writes_only_the_topics_it_was_built_for(kafka_bootstrap: str) -> None:
    catalogue = TopicCatalogue.load()
    with pytest.raises(NotPermitted):
        DurableProducer(
            kafka_bootstrap, "t", principal="notify", topics=["holds.v1"], catalogue=catalogue
        )
    producer = DurableProducer(
        kafka_bootstrap, "t", principal="notify", topics=["notices.recorded"], catalogue=catalogue
    )
    try:
        with pytest.raises(NotPermitted):
            await producer.produce("holds.v1", b"k", TICK)
    finally:
        producer.close()


def test_bytes_carry_the_type_that_the_caller_names(
    producer: DurableProducer, kafka_bootstrap: str
) -> None:
    topic = new_topic(kafka_bootstrap)
    record = OutgoingRecord(topic=topic, key=b"k", value=b"", message_type="kyufu.x.Y")
    producer.produce_batch([record])
    assert read_all(kafka_bootstrap, topic, 1)[0].headers["type"] == b"kyufu.x.Y"
