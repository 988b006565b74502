"""The Kafka Streams peer beside our own stages: the same input gives the same bytes."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.core.kafka_streams import build
from chassis.kafka.partitioner import partition_for
from services.eligibility.tests.pipeline import KNOWN_BRANCHES, Pipeline
from services.eligibility.tests.town import _KEYS as KEYS
from services.eligibility.tests.town import PROGRAMME, PROGRAMMES, SNAPSHOT, Home, form, home

HOMES = 100
DEADLINE_S = 90.0
PARTITIONS = 4
INPUTS = (
    "applications.submitted", "registry.credentials", "registry.households", "registry.accounts",
    "registry.separations",
)  # fmt: skip
OUTPUTS = (
    "applications.identified", "applications.deduplicated", "applications.decided",
    "reviews.opened",
)  # fmt: skip
Record = tuple[bytes, bytes, bytes]

pytestmark = [pytest.mark.integration, pytest.mark.peers]


def played() -> Pipeline:
    """The mix through our stages in memory. Answers of payments are outside it."""
    pipeline = Pipeline()
    homes: list[Home] = [home(number, 1 + number % 4) for number in range(1, HOMES + 1)]
    others = [home(number) for number in range(20_001, 20_010)]
    pipeline.register(*homes, *others)
    pipeline.run()
    for number, each in enumerate(homes):
        pipeline.submit(form(each, branch="0001999" if number % 10 == 1 else "0001001"))
        if number % 10 == 2:
            pipeline.submit(form(each))
        if number % 10 == 3:
            pipeline.submit(form(each, key="second"))
        if number % 10 == 4:
            stranger = home(10_000 + number)
            pipeline.submit(form(stranger))
    for owner in others:
        pipeline.submit(form(owner, holder=homes[0].head))
    while ready := [each for each in pipeline.ready() if each[0] != "payments"]:
        pipeline.step(*ready[0])
    assert not pipeline.dead
    return pipeline


def produce(bootstrap: str, prefix: str, pipeline: Pipeline) -> None:
    """Registers first, their closing records into every partition, then the applications."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for topic in (*INPUTS[1:], INPUTS[0]):
        for record in pipeline.topics.get(topic, ()):
            value = record.message.SerializeToString()
            if record.key != b"complete":
                producer.produce(prefix + topic, value, record.key)
                continue
            name = topic.removeprefix("registry.")
            for partition in range(PARTITIONS):
                producer.produce(
                    prefix + topic, value, closing_key(name, partition), partition=partition
                )
        assert producer.flush(30) == 0


def closing_key(register: str, partition: int) -> bytes:
    """As the importer chooses it."""
    number = 0
    while True:
        key = f"complete/{SNAPSHOT}/{register}/{number}".encode()
        if partition_for(key, PARTITIONS) == partition:
            return key
        number += 1


def read(bootstrap: str, topic: str, wanted: int) -> Counter[Record]:
    """Committed records of a topic, once there are as many as wanted: key, value, type."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": topic,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(PARTITIONS)])
    found: Counter[Record] = Counter()
    until = time.monotonic() + DEADLINE_S
    try:
        while found.total() < wanted and time.monotonic() < until:
            message = consumer.poll(0.5)
            if message is not None and not message.error():
                key, value = message.key() or b"", message.value() or b""
                kind = dict(message.headers() or [])["type"]
                assert isinstance(kind, bytes)
                assert message.partition() == partition_for(key, PARTITIONS)
                found[key, value, kind] += 1
    finally:
        consumer.close()
    return found


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_the_peer_writes_what_our_stages_write_byte_for_byte(
    store: str,
    kafka_bootstrap: str,
    topic_prefix: str,
    fresh_topics: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    if lacking := build.missing():
        pytest.skip(lacking)
    fresh_topics(*INPUTS, *OUTPUTS, partitions=PARTITIONS)
    pipeline = played()
    produce(kafka_bootstrap, topic_prefix, pipeline)
    for purpose in ("identity", "account"):
        (tmp_path / f"{purpose}.key").write_bytes(KEYS[purpose].private_bytes_raw())
    branches = tmp_path / "branches"
    branches.write_text("".join(f"{bank}{branch}\n" for bank, branch in KNOWN_BRANCHES))
    build.write_settings(
        tmp_path / "settings", PROGRAMMES[PROGRAMME], bootstrap=kafka_bootstrap, store=store,
        state_dir=tmp_path / "state", branches=branches, sealing=tmp_path, commit_ms=50,
        topic_prefix=topic_prefix, application_prefix=topic_prefix,
    )  # fmt: skip
    counts = {
        hop: len(pipeline.topics[f"applications.{topic}"])
        for hop, topic in (
            ("identify", "submitted"), ("dedup", "identified"), ("link", "deduplicated"),
        )
    }  # fmt: skip
    with (tmp_path / "errors").open("wb") as errors:
        peer = subprocess.Popen(
            build.command(tmp_path / "settings", "all", counts),
            stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
    try:
        for topic in OUTPUTS:
            expected = Counter(
                (
                    record.key,
                    record.message.SerializeToString(),
                    record.message.DESCRIPTOR.full_name.encode(),
                )
                for record in pipeline.topics[topic]
            )
            found = read(kafka_bootstrap, topic_prefix + topic, expected.total())
            assert found == expected, (tmp_path / "errors").read_text()[-3000:]
        peer.send_signal(signal.SIGTERM)
        said, _ = peer.communicate(timeout=DEADLINE_S)
    finally:
        if peer.poll() is None:
            peer.kill()
    lines = [json.loads(line) for line in said.splitlines()]
    assert peer.returncode == 0
    assert {line["hop"]: line["records"] for line in lines if line["event"] == "done"} == counts
    assert sum(line["event"] == "ready" for line in lines) == 1
