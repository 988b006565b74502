"""The Kafka Streams peer on the town that the bench uses: every outcome as expected."""

import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from kyufu.events.v1 import applications_pb2 as apps
from kyufu.events.v1 import common_pb2

from bench.core.kafka_streams import build
from bench.core.kafka_streams.tests.test_same_records import (
    DEADLINE_S,
    INPUTS,
    OUTPUTS,
    PARTITIONS,
    read,
)
from bench.town.keys import TownKeys
from bench.town.mix import TownPlan
from bench.town.town import Town
from services.eligibility.tests.town import PROGRAMME, PROGRAMMES

HOUSEHOLDS = 2_000

pytestmark = [pytest.mark.integration, pytest.mark.peers]


def produce(bootstrap: str, prefix: str, town: Town) -> None:
    """All registers, then all applications."""
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random"})
    for records in (town.registers(), town.applications()):
        for each in records:
            headers: list[tuple[str, str | bytes | None]] = [("type", each.type.encode())]
            where = -1 if each.partition is None else each.partition
            producer.produce(prefix + each.topic, each.value, each.key, where, headers=headers)
            producer.poll(0)
        assert producer.flush(60) == 0


def outcome(value: bytes) -> tuple[str, str, str]:
    """Stage, outcome and reason in words, as the town names them."""
    decided = apps.ApplicationDecided.FromString(value)
    reasons = [common_pb2.Reason.Name(each) for each in decided.reasons]
    return (
        common_pb2.Stage.Name(decided.stage).removeprefix("STAGE_"),
        common_pb2.Outcome.Name(decided.outcome).removeprefix("OUTCOME_"),
        reasons[0].removeprefix("REASON_") if reasons else "",
    )


def test_the_peer_decides_a_whole_town_as_expected(
    kafka_bootstrap: str,
    topic_prefix: str,
    fresh_topics: Callable[..., list[str]],
    tmp_path: Path,
) -> None:
    if lacking := build.missing():
        pytest.skip(lacking)
    fresh_topics(*INPUTS, *OUTPUTS, partitions=PARTITIONS)
    keys = TownKeys.generate()
    keys.write(tmp_path)
    town = Town(TownPlan(households=HOUSEHOLDS, seed=7), keys)
    produce(kafka_bootstrap, topic_prefix, town)
    build.write_branches(tmp_path / "branches")
    build.write_settings(
        tmp_path / "settings", PROGRAMMES[PROGRAMME], bootstrap=kafka_bootstrap,
        state_dir=tmp_path / "state", branches=tmp_path / "branches",
        sealing=tmp_path / "sealing", topic_prefix=topic_prefix, application_prefix=topic_prefix,
    )  # fmt: skip
    expected = Counter({tuple(map(str, key)): n for key, n in town.expected().outcomes.items()})
    with (tmp_path / "errors").open("wb") as errors:
        peer = subprocess.Popen(
            build.command(tmp_path / "settings", "all", {}), stdout=subprocess.DEVNULL,
            stderr=errors,
        )  # fmt: skip
    try:
        decided = read(kafka_bootstrap, topic_prefix + "applications.decided", expected.total())
        peer.send_signal(signal.SIGTERM)
        assert peer.wait(DEADLINE_S) == 0, (tmp_path / "errors").read_text()[-3000:]
    finally:
        if peer.poll() is None:
            peer.kill()
    found: Counter[tuple[str, ...]] = Counter()
    for (_, value, _), count in decided.items():
        found[outcome(value)] += count
    assert found == expected
