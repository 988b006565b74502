"""Real servers around a real notify process."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kyufu.notify.v1 import notify_pb2, notify_pb2_grpc

from chassis.grpc.client import call_sync, open_sync_channel
from chassis.kafka.errors import OffsetLost
from chassis.kafka.offsets import end_offsets
from chassis.kafka.records import TopicPartition
from chassis.kafka.topics import TopicCatalogue
from chassis.postgres import migrate
from chassis.secrets import SecretsDir
from services.notify.tests.installation import MailSink, SmsStub, sms_stub, token, write_secrets
from services.notify.tests.running import NotifyProcess, free_port, wait_until

DELIVERY_DEADLINE_S = 60.0
DECIDED = ("applications.decided", "applications.decided.protected")
TOPICS = (*DECIDED, "notices.recorded", "deadletters")


@dataclass
class House:
    """A notify process with everything it talks to."""

    process: NotifyProcess
    secrets: SecretsDir
    mails: MailSink
    sms_a: SmsStub
    sms_b: SmsStub
    database_url: str
    kafka_bootstrap: str

    def notify(self, *requests: notify_pb2.NotifyRequest) -> list[bool]:
        """accepted_now of each request."""
        with open_sync_channel(self.process.address) as channel:
            stub = notify_pb2_grpc.NotificationServiceStub(channel)
            response = call_sync(
                stub.NotifyBatch,
                notify_pb2.NotifyBatchRequest(requests=requests),
                15.0,
                token=token(self.secrets, {"service"}),
            )
        return [entry.accepted_now for entry in response.responses]

    def totals(self) -> notify_pb2.GetNoticeTotalsResponse:
        with open_sync_channel(self.process.address) as channel:
            stub = notify_pb2_grpc.NotificationServiceStub(channel)
            return call_sync(
                stub.GetNoticeTotals,
                notify_pb2.GetNoticeTotalsRequest(),
                5.0,
                token=token(self.secrets, {"operator"}, "staff"),
            )

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query).fetchall()

    def wait_ended(self, count: int) -> None:
        query = "SELECT count(*) FROM notify.notice WHERE state <> 0"
        wait_until(
            lambda: self.rows(query)[0][0] == count, DELIVERY_DEADLINE_S, f"{count} notices ended"
        )


@pytest.fixture
def house(
    kafka_bootstrap: str, fresh_database: str, topic_prefix: str, tmp_path: Path
) -> Iterator[House]:
    """Started without its process, so that a test may choose what is away at first."""
    TopicCatalogue.load().create_all(
        AdminClient({"bootstrap.servers": kafka_bootstrap}), names=TOPICS
    )
    _begin_at_the_end(kafka_bootstrap, fresh_database, f"{topic_prefix}notify")
    secrets = write_secrets(tmp_path / "secrets")
    mails = MailSink(free_port())
    with sms_stub() as sms_a, sms_stub() as sms_b:
        environ = {
            "KAFKA_BOOTSTRAP": kafka_bootstrap,
            "DATABASE_URL": fresh_database,
            "KYUFU_SECRETS_DIR": str(tmp_path / "secrets"),
            "KYUFU_NOTIFY_SMTP": f"127.0.0.1:{mails.port}",
            "KYUFU_NOTIFY_SMS_A": sms_a.url,
            "KYUFU_NOTIFY_SMS_B": sms_b.url,
            "KYUFU_NOTIFY_SMS_TIMEOUT_S": "0.5",
            "KYUFU_NOTIFY_PAUSE_MAX_S": "1",
            "KYUFU_NOTIFY_ATTEMPTS_MAX": "60",
            "KYUFU_NOTIFY_GROUP": f"{topic_prefix}notify",
        }
        process = NotifyProcess(environ, tmp_path / "notify.log")
        built = House(process, secrets, mails, sms_a, sms_b, fresh_database, kafka_bootstrap)
        try:
            yield built
        finally:
            process.stop()
            mails.stop()


def _begin_at_the_end(kafka_bootstrap: str, database_url: str, group: str) -> None:
    """Topics are shared by all tests of a broker: this one reads only what comes from now on."""
    migrate(database_url, "notify")
    ends = _ends(kafka_bootstrap, DECIDED)
    with psycopg.connect(database_url) as connection:
        for (topic, partition), next_offset in ends.items():
            connection.execute(
                "INSERT INTO notify.consumer_offset VALUES (%s, %s, %s, %s)",
                (group, topic, partition, next_offset),
            )


def _ends(kafka_bootstrap: str, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
    """Topics made a moment ago may have no leader yet; that passes."""
    found: dict[TopicPartition, int] = {}

    def known() -> bool:
        try:
            found.update(end_offsets(kafka_bootstrap, topics, DELIVERY_DEADLINE_S))
        except (KafkaException, OffsetLost):
            return False
        return True

    wait_until(known, DELIVERY_DEADLINE_S, "the ends of the topics are known")
    return found
