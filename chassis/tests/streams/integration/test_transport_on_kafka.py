"""The batch transport over a real consumer: what it makes of aiokafka's own ideas of a position."""

import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import aiokafka
import pytest
from aiokafka.errors import GroupAuthorizationFailedError, NoOffsetForPartitionError
from confluent_kafka import Producer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from chassis.streams.fetching import FetchOptions, FetchPace
from chassis.streams.transport import BatchApp, BatchConsumerThread, _Cursor

pytestmark = pytest.mark.integration

MONTH_MS = 20 * 86_400_000


@pytest.fixture
async def consumer(
    kafka_bootstrap: str, topic_prefix: str
) -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
    """A member of a group that has never committed, and that resets no offset silently."""
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=kafka_bootstrap,
        group_id=topic_prefix + "group",
        enable_auto_commit=False,
        auto_offset_reset="none",
    )
    await consumer.start()
    yield consumer
    await consumer.stop()


async def test_an_opening_that_a_rebalance_overtook_waits_for_the_next_one(
    consumer: aiokafka.AIOKafkaConsumer,
    kafka_bootstrap: str,
    fresh_topics: Callable[..., list[str]],
) -> None:
    (topic,) = fresh_topics("input", partitions=1)
    producer = Producer({"bootstrap.servers": kafka_bootstrap})
    producer.produce(topic, value=b"first")
    assert producer.flush(30) == 0
    place = TP(topic, 0)
    thread: Any = object.__new__(BatchConsumerThread)
    thread.consumer = SimpleNamespace(flow_active=True)
    thread._consumer = consumer
    thread._pace = FetchPace(FetchOptions(), time.monotonic)
    # The seek was done under an assignment that has gone since; the cursor came behind it.
    consumer.assign([place])
    thread._cursors = {place: _Cursor(epoch=1, next_offset=0)}
    with pytest.raises(NoOffsetForPartitionError):
        await driver.AIOKafkaConsumerThread._fetch_records(thread, consumer, {place}, timeout=30)
    assert await thread._fetch_records(consumer, {place}, timeout=30) == {}
    await thread._open_partition({place: 0}, epoch=2)
    envelope = (await thread._fetch_records(consumer, {place}, timeout=30))[place]
    assert (envelope.epoch, [each.value for each in envelope.records]) == (2, [b"first"])


async def test_what_ended_the_membership_reaches_whoever_asks_without_fetching(
    consumer: aiokafka.AIOKafkaConsumer, fresh_topics: Callable[..., list[str]]
) -> None:
    consumer.subscribe(fresh_topics("input", partitions=1))
    thread: Any = object.__new__(BatchConsumerThread)
    thread._consumer = consumer
    await thread.check_group()
    consumer._coordinator._pending_exception = GroupAuthorizationFailedError("toy")
    with pytest.raises(GroupAuthorizationFailedError):
        await thread.check_group()


async def test_a_member_that_restores_for_hours_is_not_taken_for_dead(
    kafka_bootstrap: str,
) -> None:
    app = BatchApp("toy", fetch=FetchOptions(), broker=f"kafka://{kafka_bootstrap}")
    thread: Any = object.__new__(BatchConsumerThread)
    thread.app = app
    made = thread._create_worker_consumer(app.transport)
    try:
        assert made._max_poll_interval_ms > MONTH_MS
    finally:
        await made.stop()
