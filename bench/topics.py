"""How a bench keeps the topics of the core: what they are, the catalogue says; how long, this."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from chassis.kafka.topics import Topic

CREATE_DEADLINE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How topics of a bench are kept. `retention_bytes`: of each partition of a topic that is not
    compacted; -1 keeps all. `compression`: by the broker; "producer" leaves it to the writers.
    """

    partitions: int = 4
    retention_bytes: int = -1
    segment_bytes: int = 1 << 28
    compression: str = "producer"

    def config(self, topic: Topic) -> dict[str, str]:
        """The broker's settings of a topic."""
        config = {
            **topic.config(),
            "segment.bytes": str(self.segment_bytes),
            "compression.type": self.compression,
        }
        if not topic.compacted:
            config["retention.bytes"] = str(self.retention_bytes)
        return config

    def create(self, bootstrap: str, topics: Sequence[Topic]) -> None:
        """Create topics on an empty broker."""
        admin = AdminClient({"bootstrap.servers": bootstrap})
        futures = admin.create_topics(
            [
                NewTopic(
                    topic.name,
                    num_partitions=self.partitions,
                    replication_factor=1,
                    config=self.config(topic),
                )
                for topic in topics
            ],
            operation_timeout=CREATE_DEADLINE_S,
        )
        for future in futures.values():
            future.result(CREATE_DEADLINE_S)
