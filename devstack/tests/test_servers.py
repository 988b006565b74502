"""The embedded servers answer as the services will ask them (real Kafka and PostgreSQL)."""

from collections.abc import Callable

import psycopg
import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

pytestmark = pytest.mark.integration
ANSWER_DEADLINE_S = 60.0


def test_postgres_is_durable_and_checks_its_pages(database_url: str) -> None:
    names = ("fsync", "synchronous_commit", "full_page_writes", "data_checksums")
    with psycopg.connect(database_url) as connection:
        values = [connection.execute(f"SHOW {name}").fetchone() for name in names]
    assert values == [("on",)] * len(names)


def test_postgres_refuses_a_wrong_password(database_url: str) -> None:
    wrong = database_url.replace("://", "://").replace("@", "x@", 1)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_a_fresh_database_holds_no_table_of_another_test(fresh_database: str) -> None:
    with psycopg.connect(fresh_database) as connection:
        found = connection.execute(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'"
        ).fetchone()
        connection.execute("CREATE TABLE left_behind (id bigint)")
    assert found == (0,)


def test_a_record_travels_in_a_transaction(
    kafka_bootstrap: str, fresh_topics: Callable[..., list[str]], topic_prefix: str
) -> None:
    (topic,) = fresh_topics("travel", partitions=1)
    producer = Producer(
        {"bootstrap.servers": kafka_bootstrap, "transactional.id": topic_prefix + "tx"}
    )
    producer.init_transactions(ANSWER_DEADLINE_S)
    producer.begin_transaction()
    producer.produce(topic, value=b"once", key=b"k")
    producer.commit_transaction(ANSWER_DEADLINE_S)
    consumer = Consumer(
        {
            "bootstrap.servers": kafka_bootstrap,
            "group.id": topic_prefix + "group",
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
    )
    consumer.subscribe([topic])
    record = consumer.poll(ANSWER_DEADLINE_S)
    consumer.close()
    assert record is not None
    assert record.value() == b"once"


def test_the_broker_makes_no_topic_by_itself(kafka_bootstrap: str, topic_prefix: str) -> None:
    missing = topic_prefix + "missing"
    admin = AdminClient({"bootstrap.servers": kafka_bootstrap})
    admin.list_topics(missing, timeout=ANSWER_DEADLINE_S)
    assert missing not in admin.list_topics(timeout=ANSWER_DEADLINE_S).topics
