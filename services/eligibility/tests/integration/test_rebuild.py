"""`rebuild --verify` on a real broker: equal after a kill, and every forgery is found."""

import time
import uuid
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from google.protobuf.message import Message
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import operations_pb2, registry_pb2, reviews_pb2

from chassis.kafka.records import SCOPE_HEADER
from chassis.kafka.topics import ONE_MACHINE, TopicCatalogue
from services.eligibility.tests.pipeline import REGISTERS, Pipeline
from services.eligibility.tests.running import Processes, write_secrets
from services.eligibility.tests.town import MAY_11_MS, SNAPSHOT, Member, form, home, write_keys

pytestmark = pytest.mark.integration

HOMES: Final = 150
DEADLINE_S: Final = 60.0
EQUAL, DIFFERENT = 0, 1
PARTITIONS: Final = TopicCatalogue.load()["clock.ticks"].partitions[ONE_MACHINE]


class Town:
    """What is written into the topics of one test."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2"})

    def put(self, topic: str, key: bytes, message: Message) -> None:
        self._producer.produce(topic, message.SerializeToString(), key)

    def put_everywhere(self, topic: str, messages: list[Message]) -> None:
        for partition, message in enumerate(messages):
            self._producer.produce(
                topic, message.SerializeToString(), b"", partition,
                headers=[(SCOPE_HEADER, b"partition")],
            )  # fmt: skip

    def flush(self) -> None:
        assert self._producer.flush(DEADLINE_S) == 0

    def registers(self) -> None:
        for number in range(HOMES):
            household = home(number)
            self.put("registry.households", household.unit, household.household())
            for record in household.credentials():
                self.put("registry.credentials", record.credential.credential_fingerprint, record)
        for register, topic in REGISTERS.items():
            self.put_everywhere(
                topic,
                [
                    registry_pb2.RegistryRecord(
                        snapshot_id=SNAPSHOT,
                        version=1,
                        complete=registry_pb2.RegistryComplete(
                            register=registry_pb2.Register.ValueType(register), partition=partition
                        ),
                    )
                    for partition in range(PARTITIONS)
                ],
            )
        tick = operations_pb2.ClockTick(at_ms=MAY_11_MS, sequence=1)
        self.put_everywhere("clock.ticks", [tick] * PARTITIONS)
        self.flush()

    def applications(self, first: int, last: int) -> None:
        """Every third once more with another account, every fifth to somebody else's account."""
        for number in range(first, last):
            holder = Member("ﾍﾞﾂﾉﾋﾄ") if number % 5 == 0 else None
            forms = [form(home(number), holder=holder)]
            if number % 3 == 0:
                forms.append(form(home(number), key="again", digits=f"{number + 5_000_000}"))
            for each in forms:
                submitted = each.submitted()
                key = submitted.credential_fingerprint
                self.put("applications.submitted", key, submitted)
        self.put("applications.submitted", b"x" * 16, apps.ApplicationSubmitted())
        self.flush()

    def answer_reviews(self) -> int:
        """Every open review is accepted, as the console would write it."""
        written = Pipeline()
        found = read_all(self.bootstrap, "reviews.opened")
        for value in found:
            review = reviews_pb2.ReviewOpened.FromString(value)
            written.resolve(review, reviews_pb2.RESOLUTION_ACCEPT)
        for topic, records in written.topics.items():
            for record in records:
                self.put(topic, record.key, record.message)
        self.flush()
        return len(found)


def read_all(bootstrap: str, topic: str) -> list[bytes]:
    """Values of all committed records."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"t{uuid.uuid4().hex}",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    values, ended = [], 0
    while ended < PARTITIONS:
        for message in consumer.consume(1_000, 0.05):
            if message.error():
                ended += 1
            else:
                values.append(bytes(message.value() or b""))
    consumer.close()
    return values


def wait_for(bootstrap: str, topic: str, count: int) -> None:
    until = time.monotonic() + DEADLINE_S
    while len(read_all(bootstrap, topic)) < count:
        assert time.monotonic() < until, f"{topic} has not {count} records"
        time.sleep(0.2)


def test_a_rebuild_is_equal_after_a_kill_and_finds_each_forgery(
    own_kafka: str, tmp_path: Path
) -> None:
    TopicCatalogue.load().create_all(AdminClient({"bootstrap.servers": own_kafka}))
    write_secrets(tmp_path / "secrets")
    write_keys(tmp_path / "secrets")
    processes, town = Processes(own_kafka, tmp_path / "secrets", tmp_path), Town(own_kafka)
    stages = ("identify", "dedup", "link")
    try:
        for name in stages:
            processes.start(name)
        town.registers()
        processes.wait_ready()
        town.applications(0, HOMES // 2)
        wait_for(own_kafka, "applications.identified", HOMES // 4)
        processes.kill("dedup")
        town.applications(HOMES // 2, HOMES)
        processes.start("dedup")
        processes.wait_ready()
        wait_for(own_kafka, "applications.decided", HOMES)
        assert town.answer_reviews() > 0
        wait_for(own_kafka, "applications.decided", HOMES + 10)
        assert set(processes.stop().values()) == {0}
        status, said = processes.rebuild()
        assert status == EQUAL, said + processes.logs()[-2000:]

        forged = apps.ApplicationDecided(application_id=b"forged", amount_yen=100_000)
        town.put("applications.decided", b"forged", forged)
        town.flush()
        status, said = processes.rebuild()
        assert status == DIFFERENT, said
        assert "no stage has written this record" in said
        assert "DIFFERENCE  applications.decided[" in said

        value = read_all(own_kafka, "eligibility.identify.changelog")[0]
        producer = Producer({"bootstrap.servers": own_kafka})
        producer.produce("eligibility.identify.changelog", value, b"forged", 0)
        assert producer.flush(DEADLINE_S) == 0
        status, said = processes.rebuild("--stage", "identify")
        assert status == DIFFERENT, said
        assert "DIFFERENCE  identify[0] state: eligibility.identify.changelog[0] at offset" in said
    finally:
        processes.stop()
