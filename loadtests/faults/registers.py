"""Whether a stage has read the register that its first answers depend on."""

from confluent_kafka import Consumer, TopicPartition

CREDENTIALS = "registry.credentials"
TIMEOUT_S = 10.0


def credentials_loaded(bootstrap: str, group: str) -> bool:
    """Whether the group has committed the whole topic."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
    )
    try:
        partitions = consumer.list_topics(CREDENTIALS, TIMEOUT_S).topics[CREDENTIALS].partitions
        places = [TopicPartition(CREDENTIALS, number) for number in sorted(partitions)]
        return all(
            committed.offset
            >= consumer.get_watermark_offsets(committed, TIMEOUT_S, cached=False)[1]
            for committed in consumer.committed(places, TIMEOUT_S)
        )
    finally:
        consumer.close()
