"""Fills the auditor's books from Kafka: every output topic, committed records only."""

import hashlib
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from kyufu.events.v1 import applications_pb2, common_pb2, operations_pb2, reviews_pb2

from loadtests.faults.books import FIRST_HOP, Decision, Found, Place, Written

DECIDED = ("applications.decided", "applications.decided.protected")
MESSAGES: dict[str, Any] = {
    FIRST_HOP: applications_pb2.ApplicationIdentified,
    "applications.deduplicated": applications_pb2.ApplicationDeduplicated,
    "applications.deduplicated.protected": applications_pb2.ApplicationDeduplicated,
    **dict.fromkeys(DECIDED, applications_pb2.ApplicationDecided),
    "reviews.opened": reviews_pb2.ReviewOpened,
    "reviews.opened.protected": reviews_pb2.ReviewOpened,
}
DEAD_LETTERS = "deadletters"
BATCH_MAX = 5_000
POLL_S = 0.5
QUIET_POLLS_MAX = 60
METADATA_TIMEOUT_S = 10.0


def read_found(bootstrap: str) -> Found:
    """Everything that is committed now."""
    found = Found()
    for record in _records(bootstrap, (*MESSAGES, DEAD_LETTERS)):
        topic, value = record.topic() or "", record.value() or b""
        place = (topic, record.partition() or 0, record.offset() or 0)
        if topic == DEAD_LETTERS:
            letter = operations_pb2.DeadLetter.FromString(value)
            found.dead_letters.append(
                (letter.source_topic, letter.source_partition, letter.source_offset)
            )
            continue
        message = MESSAGES[topic].FromString(value)
        cause = bytes(getattr(message, "causing_event_id", b""))
        carried = digest_of(message.application) if topic == FIRST_HOP else b""
        found.written.append(Written(place, bytes(message.event_id), cause, value, carried))
        if isinstance(message, applications_pb2.ApplicationDecided):
            found.decisions.append(decision_of(place, message))
    return found


def digest_of(application: applications_pb2.ApplicationSubmitted) -> bytes:
    """Of its content, however it is encoded."""
    return hashlib.sha256(application.SerializeToString(deterministic=True)).digest()


def decision_of(place: Place, decided: applications_pb2.ApplicationDecided) -> Decision:
    """What the auditor keeps of one decision."""
    reasons = (common_pb2.Reason.Name(each) for each in decided.reasons)
    return Decision(
        place=place,
        application_id=decided.application_id,
        outcome=(
            common_pb2.Stage.Name(decided.stage).removeprefix("STAGE_"),
            common_pb2.Outcome.Name(decided.outcome).removeprefix("OUTCOME_"),
            " ".join(sorted(each.removeprefix("REASON_") for each in reasons)),
        ),
        claim=(
            decided.programme,
            decided.claim_unit_id,
            decided.party.kind,
            decided.party.party_id,
        ),
        amount_yen=decided.amount_yen,
        items_yen=sum(item.amount_yen for item in decided.items),
        cause=decided.causing_event_id,
    )


def _records(bootstrap: str, topics: tuple[str, ...]) -> Iterator[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "faults-auditor",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        }
    )
    try:
        metadata = consumer.list_topics(timeout=METADATA_TIMEOUT_S).topics
        open_ends = {(name, number) for name in topics for number in metadata[name].partitions}
        consumer.assign([TopicPartition(name, number, 0) for name, number in sorted(open_ends)])
        quiet_polls = 0
        while open_ends:
            records = consumer.consume(BATCH_MAX, POLL_S)
            quiet_polls = 0 if records else quiet_polls + 1
            if quiet_polls > QUIET_POLLS_MAX:
                raise TimeoutError(f"{len(open_ends)} partitions were not read to their end")
            for record in records:
                error = record.error()
                if error is None:
                    yield record
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ends.discard((record.topic() or "", record.partition() or 0))
                else:
                    raise KafkaException(error)
    finally:
        consumer.close()
