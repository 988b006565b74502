"""A worker killed at each named step, with its state in RocksDB, with and without transactions.

One installation goes through all the steps: each worker dies at one, the next begins from there.
"""

import hashlib
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.streams.failpoints import VARIABLE, Step
from chassis.streams.restore import restore_partition
from chassis.streams.rocks import MARKER, RocksStores
from chassis.streams.state import MemoryStore, StateStore, StoreIdentity
from chassis.tests.streams.harness import (
    DEADLINE_S,
    PARTITIONS,
    Feeder,
    Toy,
    assert_exactly,
    events,
    wait_until,
)

pytestmark = pytest.mark.integration

OFF = {"TOY_TRANSACTIONS": "off"}
STEPS = [step for step in Step if step is not Step.REVOKING]
KILLED = -signal.SIGKILL


@pytest.fixture
def toy(kafka_bootstrap: str, tmp_path: Path) -> Iterator[Toy]:
    toy = Toy(kafka_bootstrap, f"toy-{uuid4().hex[:12]}", tmp_path)
    toy.create_topics()
    yield toy
    toy.stop_all()


def _die_at_every_step(toy: Toy, environ: dict[str, str]) -> None:
    for step in STEPS:
        process = toy.start(**environ, **{VARIABLE: f"toy:{step}:1"})
        assert process.wait(DEADLINE_S) == KILLED, f"{step}: {toy.log()}"
    process = toy.start_ready(**environ, **{VARIABLE: f"toy:{Step.REVOKING}:1"})
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == KILLED


def _stop(toy: Toy) -> None:
    for each in toy.processes:
        if each.poll() is None:
            each.send_signal(signal.SIGTERM)
            assert each.wait(DEADLINE_S) == 0, toy.log()


def _digest(store: StateStore) -> str:
    digest = hashlib.sha256()
    for key, value in store.scan(b""):
        digest.update(len(key).to_bytes(4, "big") + key + len(value).to_bytes(4, "big") + value)
    return digest.hexdigest()


def _stored(toy: Toy) -> list[str]:
    stores, digests = RocksStores(toy.folder / "state" / "0"), []
    for partition in range(PARTITIONS):
        store = stores(
            StoreIdentity(toy.prefix, "toy", 1, PARTITIONS, partition), age_s_max=DEADLINE_S * 60
        )
        digests.append(_digest(store))
        store.close()
    return digests


def _rebuilt(toy: Toy) -> list[str]:
    digests = []
    for partition in range(PARTITIONS):
        store = MemoryStore()
        restore_partition(
            toy.bootstrap,
            f"{toy.prefix}.changelog",
            partition,
            store,
            cancelled=threading.Event(),
            on_progress=lambda keys, left: None,
        )
        digests.append(_digest(store))
    return digests


def test_death_at_any_step_loses_and_doubles_nothing_and_the_state_is_the_logs(toy: Toy) -> None:
    with Feeder(toy) as feeder:
        _die_at_every_step(toy, {})
    toy.start_ready()
    assert_exactly(toy.wait_for_outputs(len(feeder.sent)), feeder.sent)
    _stop(toy)
    assert _stored(toy) == _rebuilt(toy)


def test_without_transactions_death_at_any_step_loses_nothing(toy: Toy) -> None:
    with Feeder(toy) as feeder:
        _die_at_every_step(toy, OFF)
    toy.start_ready(**OFF)
    sent = set(feeder.sent)
    wait_until(
        lambda: {(key, text) for key, text, _ in toy.outputs()} == sent, "every id sent comes out"
    )
    _stop(toy)
    assert _stored(toy) == _rebuilt(toy)


def test_a_lost_state_folder_is_rebuilt_and_one_of_another_version_is_refused(toy: Toy) -> None:
    first, second = events(200), events(100, start=200)
    toy.send("a", first)
    toy.start_ready()
    toy.wait_for_outputs(len(first))
    _stop(toy)
    shutil.rmtree(toy.folder / "state")
    toy.start_ready()
    toy.send("b", first)
    toy.send("a", second)
    assert_exactly(toy.wait_for_outputs(len(first + second)), first + second)
    _stop(toy)
    assert _stored(toy) == _rebuilt(toy)
    marker = toy.folder / "state" / "0" / "toy" / "0" / MARKER
    marker.write_text(marker.read_text().replace('"version": 1', '"version": 7'))
    assert toy.start().wait(DEADLINE_S) == 1
    assert "StoreMismatch" in toy.log()
