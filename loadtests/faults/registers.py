"""Whether a stage has read the registers that its answers depend on."""

from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

REGISTERS_OF = {
    "identify": ("registry.credentials",),
    "dedup": ("registry.households", "registry.accounts", "registry.separations"),
}
TIMEOUT_S = 10.0


def registers_loaded(bootstrap: str, group: str, topics: Sequence[str]) -> bool:
    """Whether the group has committed these topics to their ends."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
    )
    try:
        found = consumer.list_topics(timeout=TIMEOUT_S).topics
        places = [
            TopicPartition(topic, number) for topic in topics for number in found[topic].partitions
        ]
        return all(
            committed.offset
            >= consumer.get_watermark_offsets(committed, TIMEOUT_S, cached=False)[1]
            for committed in consumer.committed(places, TIMEOUT_S)
        )
    finally:
        consumer.close()
