"""A producer that another one has fenced says so, at whichever step it notices."""

from collections.abc import Callable

import pytest
from confluent_kafka import KafkaException

from chassis.streams.observer import FENCED_CODES
from chassis.streams.positions import open_group
from chassis.streams.producer import PartitionProducer, ProducerOptions
from chassis.tests.streams.harness import wait_until

pytestmark = pytest.mark.integration


def _still_ours() -> None:
    """The partition is never revoked here."""


def _producer(bootstrap: str, topic: str) -> PartitionProducer:
    producer = PartitionProducer(bootstrap, f"{topic}-toy-0", ProducerOptions(linger_ms=0))
    producer.fence(_still_ours)
    return producer


def test_a_fenced_producer_names_the_fence_while_it_writes_and_ever_after(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]]
) -> None:
    topic = fresh_topics("out", partitions=1)[0]
    former = _producer(kafka_bootstrap, topic)
    group = open_group(kafka_bootstrap, f"{topic}-group")

    def write() -> None:
        former.produce(topic, key=b"k", value=b"v")
        former.serve()

    def commit() -> None:
        former.commit({topic: 0}, 0, group, note="")

    former.begin()
    write()
    newer = _producer(kafka_bootstrap, topic)
    codes: list[int] = []

    def refused(step: Callable[[], None]) -> bool:
        try:
            step()
        except KafkaException as error:
            codes.append(error.args[0].code())
            return True
        return False

    wait_until(lambda: refused(write), "the former owner to notice while it writes")
    assert all([refused(write), refused(commit), refused(former.begin)])
    assert set(codes) <= FENCED_CODES, codes
    for producer in (former, newer):
        producer.close()
    group.close()
