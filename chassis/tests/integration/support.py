"""Small helpers for the tests on real servers: topics of one's own, and waiting for a condition."""

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import confluent_kafka
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.clock import FakeClock, SystemClock
from chassis.kafka.consumer import BatchConsumer
from chassis.kafka.errors import InvalidMessage
from chassis.kafka.offsets import KafkaOffsets
from chassis.kafka.records import OutgoingRecord, Positions, Record

DEADLINE_S = 60.0
CLOCK = FakeClock(datetime(2020, 5, 11, tzinfo=UTC))


def new_topic(bootstrap: str, partitions: int = 2) -> str:
    """The name of a new topic that no other test uses."""
    name = f"chassis-test-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, partitions, 1)])[name].result(DEADLINE_S)
    return name


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Return when `condition` holds; fails after the deadline, naming what was awaited."""
    monotonic = SystemClock().monotonic
    deadline_s = monotonic() + DEADLINE_S
    pause = threading.Event()
    while not condition():
        assert monotonic() < deadline_s, f"waited in vain for: {what}"
        pause.wait(0.02)


def raw(topic: str, key: bytes, value: bytes, partition: int | None = None) -> OutgoingRecord:
    """A record of plain bytes."""
    return OutgoingRecord(topic=topic, key=key, value=value, partition=partition)


def read_all(bootstrap: str, topic: str, count: int) -> list[Record]:
    """The first `count` committed records of a topic, in order per partition."""
    seen: list[Record] = []

    def keep(records: list[Record], positions: Positions) -> None:
        seen.extend(records)

    with running(consumer_of(bootstrap, [topic], keep)):
        wait_until(lambda: len(seen) >= count, f"{count} records of {topic}")
    return seen


def consumer_of(
    bootstrap: str,
    topics: Sequence[str],
    handler: Callable[[list[Record], Positions], None],
    **options: Any,
) -> BatchConsumer:
    """A consumer in a group of its own, unless the options say otherwise; failures are kept."""
    settings: dict[str, Any] = {
        "group": f"chassis-test-{uuid.uuid4().hex}",
        "offsets": KafkaOffsets(),
        "on_failure": lambda error: None,
        "session_timeout_s": 10.0,
    } | options
    group = settings.pop("group")
    return BatchConsumer(bootstrap, group, topics, handler, **settings)


@contextmanager
def running(consumer: BatchConsumer) -> Iterator[BatchConsumer]:
    """The consumer, started and at the end stopped."""
    consumer.start()
    try:
        yield consumer
    finally:
        consumer.stop(DEADLINE_S)


def refuse_bad(record: Record) -> None:
    """A check for tests: values that begin with "bad" are invalid."""
    if record.value.startswith(b"bad"):
        raise InvalidMessage("bad_value")


def transactional(bootstrap: str) -> confluent_kafka.Producer:
    """A raw transactional producer, to write what readers must not see."""
    producer = confluent_kafka.Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": uuid.uuid4().hex}
    )
    producer.init_transactions(DEADLINE_S)
    return producer
