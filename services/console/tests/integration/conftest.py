"""Real PostgreSQL and Kafka around a real console process."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import grpc
import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from google.protobuf.message import Message
from kyufu.staff.v1 import staff_pb2_grpc

from chassis.grpc.client import call_sync, open_sync_channel
from chassis.grpc.errors import RpcFailure
from chassis.kafka.errors import OffsetLost
from chassis.kafka.offsets import end_offsets
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord, TopicPartition
from chassis.kafka.topics import TopicCatalogue
from chassis.postgres import migrate
from chassis.secrets import SecretsDir
from services.console.entrypoints.consumers import (
    TASK_TOPICS,
    TASKS_GROUP_SUFFIX,
    TRACE_GROUP_SUFFIX,
    TRACE_TOPICS,
)
from services.console.tests.installation import PeerStubs, staff_token, write_secrets
from services.console.tests.running import ROOT, ConsoleProcess, wait_until

DEADLINE_S = 60.0
ResponseT = TypeVar("ResponseT")


@dataclass
class House:
    """A console process with everything it talks to."""

    process: ConsoleProcess
    secrets: SecretsDir
    peers: PeerStubs
    database_url: str
    kafka_bootstrap: str

    def call(
        self,
        method: Callable[[staff_pb2_grpc.StaffServiceStub], Callable[..., ResponseT]],
        request: Any,
        *roles: str,
        town: str | None = None,
    ) -> ResponseT:
        with open_sync_channel(self.process.address) as channel:
            stub = staff_pb2_grpc.StaffServiceStub(channel)
            token = staff_token(self.secrets, *roles, town=town)
            return call_sync(method(stub), request, 30.0, token=token)

    def refusal(
        self,
        method: Callable[[staff_pb2_grpc.StaffServiceStub], Callable[..., Any]],
        request: Any,
        *roles: str,
        town: str | None = None,
    ) -> grpc.StatusCode:
        """The status of a call that must fail."""
        with pytest.raises(RpcFailure) as caught:
            self.call(method, request, *roles, town=town)
        return caught.value.code

    def produce(self, topic: str, message: Message | bytes, key: bytes = b"") -> None:
        producer = DurableProducer(self.kafka_bootstrap, "test")
        record = OutgoingRecord(
            topic=topic, key=key, value=message, message_type="kyufu.events.v1.Test"
        )
        producer.produce_batch([record])
        producer.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database_url) as connection:
            return connection.execute(query, values).fetchall()

    def wait_rows(self, query: str, count: int, *values: object) -> None:
        wait_until(lambda: len(self.rows(query, *values)) == count, DEADLINE_S, query)

    def kyufu(self, *arguments: str, token: str = "") -> subprocess.CompletedProcess[str]:
        """The command as staff run it."""
        environ = {
            **os.environ,
            "KYUFU_CONSOLE_ADDR": self.process.address,
            "KYUFU_TOKEN": token,
        }
        return subprocess.run(
            [str(ROOT / "kyufu"), *arguments],
            env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )  # fmt: skip


@pytest.fixture
def house(
    kafka_bootstrap: str, fresh_database: str, topic_prefix: str, tmp_path: Path
) -> Iterator[House]:
    TopicCatalogue.load().create_all(AdminClient({"bootstrap.servers": kafka_bootstrap}))
    group = f"{topic_prefix}console"
    _begin_at_the_end(kafka_bootstrap, fresh_database, group)
    secrets = write_secrets(tmp_path / "secrets")
    peers = PeerStubs()
    server, port = peers.serve()
    environ = {
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "DATABASE_URL": fresh_database,
        "KYUFU_SECRETS_DIR": str(tmp_path / "secrets"),
        "KYUFU_PAYMENTS_ADDR": f"127.0.0.1:{port}",
        "KYUFU_REGISTERS_ADDR": f"127.0.0.1:{port}",
        "KYUFU_CONSOLE_GROUP": group,
    }
    process = ConsoleProcess(environ, tmp_path / "console.log")
    process.add_environ(
        KYUFU_CONSOLE_PEERS=f"console=http://127.0.0.1:{process.metrics_port},"
        "absent=http://127.0.0.1:1"
    )
    process.start()
    try:
        process.wait_ready()
        yield House(process, secrets, peers, fresh_database, kafka_bootstrap)
    finally:
        process.stop()
        server.stop(None).wait()


def _begin_at_the_end(kafka_bootstrap: str, database_url: str, group: str) -> None:
    """Topics are shared by all tests of a broker: this one reads only what comes from now on."""
    migrate(database_url, "console")
    with psycopg.connect(database_url) as connection:
        for suffix, topics in (
            (TRACE_GROUP_SUFFIX, TRACE_TOPICS), (TASKS_GROUP_SUFFIX, TASK_TOPICS),
        ):  # fmt: skip
            ends = _ends(kafka_bootstrap, topics)
            for (topic, partition), next_offset in ends.items():
                connection.execute(
                    "INSERT INTO console.consumer_offset VALUES (%s, %s, %s, %s)",
                    (group + suffix, topic, partition, next_offset),
                )


def _ends(kafka_bootstrap: str, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
    """Topics made a moment ago may have no leader yet; that passes."""
    found: dict[TopicPartition, int] = {}

    def known() -> bool:
        try:
            found.update(end_offsets(kafka_bootstrap, topics, DEADLINE_S))
        except (KafkaException, OffsetLost):
            return False
        return True

    wait_until(known, DEADLINE_S, "the ends of the topics are known")
    return found
