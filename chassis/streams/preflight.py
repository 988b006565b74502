"""What must be true of the broker before the first transaction.

A record for a topic that does not exist would block its transaction's commit for the whole
timeout, and inputs of unequal partition counts would bring the parts of one key to two workers.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType

METADATA_TIMEOUT_S = 10.0
MS_PER_S = 1_000


class TopicsUnfit(Exception):
    """Topics are missing, or those that meet in the stage have unequal partition counts."""


def partition_counts(bootstrap: str) -> dict[str, int]:
    """All topics of the broker with their numbers of partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = admin.list_topics(timeout=METADATA_TIMEOUT_S).topics
    return {name: len(topic.partitions) for name, topic in topics.items()}


def require_topics(
    existing: dict[str, int], *, together: Sequence[str], others: Sequence[str]
) -> int:
    """The partition count shared by the topics that meet; raises TopicsUnfit naming every fault."""
    missing = sorted(name for name in (*together, *others) if not existing.get(name))
    if missing:
        raise TopicsUnfit(f"topics do not exist: {', '.join(missing)}")
    counts = {name: existing[name] for name in together}
    if len(set(counts.values())) != 1:
        raise TopicsUnfit(f"partition counts differ: {counts}")
    return counts[together[0]]


def delete_retention_s(bootstrap: str, topic: str) -> float:
    """How long a compacted topic keeps a removal; state that slept longer may have missed one."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    answers = admin.describe_configs([resource], request_timeout=METADATA_TIMEOUT_S)
    return int(answers[resource].result()["delete.retention.ms"].value) / MS_PER_S
