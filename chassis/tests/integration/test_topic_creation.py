"""Topics are created from the catalogue, and a clash is an error."""

import uuid

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource

from chassis.kafka.topics import Topic, TopicCatalogue
from chassis.tests.integration.support import DEADLINE_S, wait_until

pytestmark = pytest.mark.integration


def _topic(name: str, *, partitions: int = 3, compacted: bool = False) -> Topic:
    return Topic(
        name, "none", "bytes", {"one_machine": partitions}, 3_600_000, compacted, "none",
        frozenset(), frozenset(),
    )  # fmt: skip


def test_topics_are_created_as_declared_and_again_without_effect(kafka_bootstrap: str) -> None:
    name = f"chassis-test-{uuid.uuid4().hex}"
    catalogue = TopicCatalogue([_topic(name, compacted=True)])
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    catalogue.create_all(admin)
    catalogue.create_all(admin)

    def visible() -> bool:
        topics = admin.list_topics(timeout=DEADLINE_S).topics
        return name in topics and len(topics[name].partitions) == 3

    wait_until(visible, "the topic with its partitions")
    resource = ConfigResource(ConfigResource.Type.TOPIC, name)
    config = admin.describe_configs([resource])[resource].result(DEADLINE_S)
    assert config["cleanup.policy"].value == "compact"
    assert config["retention.ms"].value == "3600000"


def test_a_topic_with_another_number_of_partitions_is_an_error(kafka_bootstrap: str) -> None:
    name = f"chassis-test-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    TopicCatalogue([_topic(name, partitions=2)]).create_all(admin)
    wait_until(lambda: name in admin.list_topics(timeout=DEADLINE_S).topics, "the topic")
    with pytest.raises(ValueError, match="2 partitions, declared are 3"):
        TopicCatalogue([_topic(name, partitions=3)]).create_all(admin)
