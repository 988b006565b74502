"""What must be true of the broker before the first transaction.

A record for a topic that does not exist would block its transaction's commit for the whole
timeout, and inputs of unequal partition counts would bring the parts of one key to two workers.
"""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

METADATA_TIMEOUT_S = 10.0


class TopicsUnfit(Exception):
    """Topics are missing, or those that meet in the stage have unequal partition counts."""


def partition_counts(bootstrap: str) -> dict[str, int]:
    """All topics of the broker with their numbers of partitions."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topics = admin.list_topics(timeout=METADATA_TIMEOUT_S).topics
    return {name: len(topic.partitions) for name, topic in topics.items()}


def tombstones_kept_s(bootstrap: str, changelog: str) -> float:
    """For how long the broker keeps removals in the changelog, at least."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    resource = ConfigResource(ConfigResource.Type.TOPIC, changelog)
    try:
        config = admin.describe_configs([resource])[resource].result(METADATA_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise TopicsUnfit(f"topics do not exist: {changelog}") from None
        raise
    return int(config["delete.retention.ms"].value) / 1000


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
