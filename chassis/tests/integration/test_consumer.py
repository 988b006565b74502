"""The batch consumer on a real broker: nothing lost, nothing passed over in silence."""

import uuid
from collections.abc import Iterator

import pytest
from kyufu.events.v1 import operations_pb2

from chassis.kafka.dead_letters import DeadLetters
from chassis.kafka.errors import DeadLetterLimit, InvalidMessage
from chassis.kafka.offsets import end_offsets
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord, Positions, Record
from chassis.kafka.topics import Topic, TopicCatalogue
from chassis.metric_defs import CONSUMER_LAG
from chassis.metrics import Metrics
from chassis.tests.integration.support import (
    CLOCK,
    DEADLINE_S,
    consumer_of,
    new_topic,
    raw,
    read_all,
    refuse_bad,
    running,
    transactional,
    wait_until,
)

pytestmark = pytest.mark.integration


class Seen:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.positions: dict[tuple[str, int], int] = {}

    def __call__(self, records: list[Record], positions: Positions) -> None:
        self.records.extend(records)
        self.positions.update(positions)

    @property
    def values(self) -> list[bytes]:
        return [record.value for record in self.records]


def _samples(metrics: Metrics) -> list[float]:
    gauge = metrics.gauge(CONSUMER_LAG)
    return [sample.value for metric in gauge.collect() for sample in metric.samples]


@pytest.fixture
def producer(kafka_bootstrap: str) -> Iterator[DurableProducer]:
    producer = DurableProducer(kafka_bootstrap, "test", delivery_timeout_s=DEADLINE_S)
    yield producer
    producer.close()


def test_records_arrive_in_order_and_a_restart_goes_on_after_them(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic, group = new_topic(kafka_bootstrap, partitions=1), uuid.uuid4().hex
    producer.produce_batch([raw(topic, b"k", str(n).encode()) for n in range(50)])
    first = Seen()
    with running(consumer_of(kafka_bootstrap, [topic], first, group=group, batch_max=7)):
        wait_until(lambda: len(first.records) == 50, "the first fifty")
    assert first.values == [str(n).encode() for n in range(50)]
    assert first.positions == {(topic, 0): 50}
    producer.produce_batch([raw(topic, b"k", b"after")])
    second = Seen()
    with running(consumer_of(kafka_bootstrap, [topic], second, group=group)):
        wait_until(lambda: bool(second.records), "the record after the restart")
    assert second.values == [b"after"]


def test_a_failing_handler_ends_the_loop_and_its_batch_comes_again(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic, group = new_topic(kafka_bootstrap, partitions=1), uuid.uuid4().hex
    producer.produce_batch([raw(topic, b"k", b"one"), raw(topic, b"k", b"two")])
    failures: list[BaseException] = []

    def broken(records: list[Record], positions: Positions) -> None:
        raise RuntimeError("the effect failed")

    consumer = consumer_of(
        kafka_bootstrap, [topic], broken, group=group, on_failure=failures.append
    )
    with running(consumer):
        wait_until(lambda: bool(failures), "the failure")
    assert str(failures[0]) == "the effect failed"
    assert consumer.ready() == "consumer failed"
    seen = Seen()
    with running(consumer_of(kafka_bootstrap, [topic], seen, group=group)):
        wait_until(lambda: len(seen.records) == 2, "the same batch again")


def test_what_was_aborted_is_never_seen(kafka_bootstrap: str, producer: DurableProducer) -> None:
    topic = new_topic(kafka_bootstrap, partitions=1)
    aborted = transactional(kafka_bootstrap)
    aborted.begin_transaction()
    aborted.produce(topic, b"aborted", b"k")
    aborted.flush(DEADLINE_S)
    aborted.abort_transaction(DEADLINE_S)
    producer.produce_batch([raw(topic, b"k", b"kept")])
    assert [record.value for record in read_all(kafka_bootstrap, topic, 1)] == [b"kept"]


def test_the_reached_offset_counts_markers_and_the_lag_is_shown_while_owned(
    kafka_bootstrap: str,
) -> None:
    topic = new_topic(kafka_bootstrap, partitions=1)
    writer = transactional(kafka_bootstrap)
    writer.begin_transaction()
    writer.produce(topic, b"v", b"k")
    writer.commit_transaction(DEADLINE_S)
    ends = end_offsets(kafka_bootstrap, [topic], DEADLINE_S)
    assert ends == {(topic, 0): 2}
    metrics = Metrics()
    with running(consumer_of(kafka_bootstrap, [topic], Seen(), metrics=metrics)) as consumer:
        wait_until(lambda: consumer.reached() == ends, "the end of the partition")
        wait_until(lambda: _samples(metrics) == [0], "a lag of zero")
        with running(consumer_of(kafka_bootstrap, [topic], Seen(), metrics=metrics)):
            wait_until(lambda: len(_samples(metrics)) == 2, "the lag of a second group")
        assert len(_samples(metrics)) == 1


def test_an_invalid_record_is_set_aside_and_the_rest_goes_on(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic, dead = new_topic(kafka_bootstrap, partitions=1), new_topic(kafka_bootstrap, 1)
    producer.produce_batch([raw(topic, b"k", value) for value in (b"good", b"bad 1", b"fine")])
    letters = DeadLetters(producer, dead, consumer="tester", clock=CLOCK)
    seen = Seen()
    consumer = consumer_of(kafka_bootstrap, [topic], seen, dead_letters=letters, check=refuse_bad)
    with running(consumer):
        wait_until(lambda: len(seen.records) == 2, "the good records")
    assert seen.values == [b"good", b"fine"]
    letter = operations_pb2.DeadLetter.FromString(read_all(kafka_bootstrap, dead, 1)[0].value)
    assert (letter.source_topic, letter.source_partition, letter.source_offset) == (topic, 0, 1)
    assert (letter.consumer, letter.reason, letter.value_size_bytes) == ("tester", "bad_value", 5)
    assert len(letter.key_digest) == len(letter.value_digest) == 32
    assert b"bad 1" not in letter.SerializeToString()


def test_too_many_dead_letters_stop_the_consumer_before_it_moves_on(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic, dead = new_topic(kafka_bootstrap, partitions=1), new_topic(kafka_bootstrap, 1)
    producer.produce_batch([raw(topic, b"k", b"bad")] * 4)
    letters = DeadLetters(producer, dead, consumer="tester", clock=CLOCK, limit_records=3)
    failures: list[BaseException] = []
    seen = Seen()
    consumer = consumer_of(
        kafka_bootstrap, [topic], seen, dead_letters=letters, check=refuse_bad,
        on_failure=failures.append,
    )  # fmt: skip
    with running(consumer):
        wait_until(lambda: bool(failures), "the limit")
    assert isinstance(failures[0], DeadLetterLimit)
    assert seen.positions.get((topic, 0), 0) < 4


def test_without_a_place_for_dead_letters_an_invalid_record_stops_the_consumer(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic = new_topic(kafka_bootstrap, partitions=1)
    producer.produce_batch([raw(topic, b"k", b"bad")])
    failures: list[BaseException] = []
    consumer = consumer_of(
        kafka_bootstrap, [topic], Seen(), check=refuse_bad, on_failure=failures.append
    )
    with running(consumer):
        wait_until(lambda: bool(failures), "the failure")
    assert isinstance(failures[0], InvalidMessage)


def test_with_a_catalogue_messages_come_decoded_and_other_types_are_set_aside(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic, dead = new_topic(kafka_bootstrap, partitions=1), new_topic(kafka_bootstrap, 1)
    declared = Topic(
        topic, "none", "kyufu.events.v1.ClockTick", {"one_machine": 1}, -1, False, "none",
        frozenset(), frozenset(),
    )  # fmt: skip
    tick = operations_pb2.ClockTick(at_ms=5)
    producer.produce_batch(
        [
            OutgoingRecord(topic=topic, key=b"k", value=operations_pb2.DeadLetter()),
            OutgoingRecord(topic=topic, key=b"k", value=b"\xff\xff"),
            OutgoingRecord(topic=topic, key=b"k", value=tick),
        ]
    )
    seen = Seen()
    consumer = consumer_of(
        kafka_bootstrap, [topic], seen, catalogue=TopicCatalogue([declared]),
        dead_letters=DeadLetters(producer, dead, consumer="tester", clock=CLOCK),
    )  # fmt: skip
    with running(consumer):
        wait_until(lambda: bool(seen.records), "the tick")
    assert [record.message for record in seen.records] == [tick]
    reasons = [
        operations_pb2.DeadLetter.FromString(record.value).reason
        for record in read_all(kafka_bootstrap, dead, 2)
    ]
    assert reasons == ["wrong_type", "undecodable"]


def test_two_members_share_the_partitions_and_together_miss_nothing(
    kafka_bootstrap: str, producer: DurableProducer
) -> None:
    topic, group = new_topic(kafka_bootstrap, partitions=4), uuid.uuid4().hex
    first, second = Seen(), Seen()
    with running(consumer_of(kafka_bootstrap, [topic], first, group=group)) as one:
        producer.produce_batch([raw(topic, bytes([n]), b"%d" % n) for n in range(100)])
        wait_until(lambda: len(first.records) == 100, "the first hundred")
        with running(consumer_of(kafka_bootstrap, [topic], second, group=group)) as two:
            wait_until(lambda: two.ready() is None and one.ready() is None, "both assigned")
            producer.produce_batch([raw(topic, bytes([n]), b"%d" % n) for n in range(100, 200)])
            wait_until(lambda: len({*first.values, *second.values}) == 200, "all two hundred")
    assert second.records
