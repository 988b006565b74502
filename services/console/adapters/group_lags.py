"""Lags of the consumer groups that keep their positions in Kafka (the stream core)."""

from collections import defaultdict
from typing import Final

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]
from kyufu.staff.v1 import staff_pb2

_TIMEOUT_S: Final = 5.0


class KafkaGroupLags:
    """See GroupLags."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def look(self) -> list[staff_pb2.ConsumerLag]:
        """One line for each group and topic with committed positions."""
        listed = self._admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result(_TIMEOUT_S)
        committed: dict[tuple[str, str, int], int] = {}
        for group in sorted(entry.group_id for entry in listed.valid):
            committed.update(self._committed(group))
        wanted = {
            TopicPartition(topic, number): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for topic, number in {(topic, number) for _, topic, number in committed}
        }
        ends: dict[tuple[str, int], int] = {}
        if wanted:
            futures = self._admin.list_offsets(wanted, request_timeout=_TIMEOUT_S)
            for partition, future in futures.items():
                ends[partition.topic, partition.partition] = future.result(_TIMEOUT_S).offset
        lags: dict[tuple[str, str], int] = defaultdict(int)
        for (group, topic, number), position in committed.items():
            lags[group, topic] += max(0, ends[topic, number] - position)
        return [
            staff_pb2.ConsumerLag(consumer=group, topic=topic, lag=lag)
            for (group, topic), lag in sorted(lags.items())
        ]

    def _committed(self, group: str) -> dict[tuple[str, str, int], int]:
        futures = self._admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=_TIMEOUT_S
        )
        positions = futures[group].result(_TIMEOUT_S).topic_partitions or []
        return {
            (group, entry.topic, entry.partition): entry.offset
            for entry in positions
            if entry.offset >= 0
        }
