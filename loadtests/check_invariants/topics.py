"""Reads the topics from their first record to their end, as any authorised reader could."""

from collections.abc import Callable, Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from kyufu.events.v1.applications_pb2 import ApplicationDecided, ApplicationSubmitted
from kyufu.events.v1.operations_pb2 import NoticeRecorded
from kyufu.events.v1.payments_pb2 import PaymentEvent
from kyufu.events.v1.reviews_pb2 import ReviewOpened

from loadtests.check_invariants.canaries import CanaryFinder
from loadtests.check_invariants.evidence import Evidence, Keyed

BATCH_MAX = 5000
POLL_S = 1.0
METADATA_TIMEOUT_S = 10.0
INTERNAL_PREFIX = ("__",)
# Polls in a row that bring neither a record nor an end.
QUIET_POLLS_MAX = 60
MAY_PASS = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT})


def read_topics(bootstrap: str, evidence: Evidence, finder: CanaryFinder) -> None:
    """Fills the evidence from all topics; keys and headers of all are scanned for canaries."""
    takers: dict[str, Callable[[Any], Any]] = {
        "applications.submitted": ApplicationSubmitted.FromString,
        "applications.decided": ApplicationDecided.FromString,
        "applications.decided.protected": ApplicationDecided.FromString,
        "payments.events": PaymentEvent.FromString,
        "payments.events.protected": PaymentEvent.FromString,
        "reviews.opened": ReviewOpened.FromString,
        "reviews.opened.protected": ReviewOpened.FromString,
        "notices.recorded": NoticeRecorded.FromString,
    }
    lists: dict[str, list[Any]] = {
        "applications.submitted": evidence.submitted,
        "applications.decided": evidence.decided,
        "applications.decided.protected": evidence.decided,
        "payments.events": evidence.payment_events,
        "payments.events.protected": evidence.payment_events,
        "reviews.opened": evidence.reviews,
        "reviews.opened.protected": evidence.reviews,
        "notices.recorded": evidence.notices,
    }
    for record in _all_records(bootstrap):
        topic, key, value = record.topic() or "", record.key() or b"", record.value() or b""
        _scan(record, topic, key, value, evidence, finder)
        if topic in takers:
            message = takers[topic](value)
            place = (topic, record.partition() or 0, record.offset() or 0)
            lists[topic].append(Keyed(key, *place, message))


def _scan(
    record: Message,
    topic: str,
    key: bytes,
    value: bytes,
    evidence: Evidence,
    finder: CanaryFinder,
) -> None:
    """Keys and headers of every record, and the whole of dead letters, must hold nothing."""
    pairs: Any = record.headers() or ()
    headers = b"\0".join(content or b"" for _, content in pairs)
    content = key + b"\0" + headers + (b"\0" + value if topic == "deadletters" else b"")
    evidence.canary_bytes_scanned += len(content)
    place = f"{topic}/{record.partition()}/{record.offset()}"
    evidence.canaries.extend((place, hit) for hit in finder.find(content))


def _all_records(bootstrap: str) -> Iterator[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "check-invariants",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
        }
    )
    try:
        metadata = consumer.list_topics(timeout=METADATA_TIMEOUT_S)
        waiting = {
            (name, number)
            for name, topic in metadata.topics.items()
            if not name.startswith(INTERNAL_PREFIX)
            for number in topic.partitions
        }
        consumer.assign([TopicPartition(name, number, 0) for name, number in sorted(waiting)])
        quiet_polls = 0
        while waiting:
            quiet_polls += 1
            if quiet_polls > QUIET_POLLS_MAX:
                raise TimeoutError(f"{len(waiting)} partitions were not read to their end")
            for record in consumer.consume(BATCH_MAX, POLL_S):
                error = record.error()
                if error is None:
                    yield record
                elif is_end(error):
                    waiting.discard((record.topic() or "", record.partition() or 0))
                else:
                    continue
                quiet_polls = 0
    finally:
        consumer.close()


def is_end(error: KafkaError) -> bool:
    """Whether a partition ends here, which comes as an "error" of its own. What may pass is waited
    out; any other is raised, because a topic that was not read to its end proves nothing.
    """
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    if error.code() not in MAY_PASS:
        raise KafkaException(error)
    return False
