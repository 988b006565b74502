"""A worker that dies at a named step loses nothing and repeats nothing, and its store is the log.

With transactions off nothing is lost either, and what comes twice is the same under the same id.
"""

import hashlib
import signal
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from chassis.streams.failpoints import VARIABLE, Step
from chassis.streams.restore import restore_partition
from chassis.streams.rocks import RocksStores
from chassis.streams.state import MemoryStore, StateStore, StoreIdentity
from chassis.tests.streams.harness import (
    DEADLINE_S,
    PARTITIONS,
    Toy,
    assert_exactly,
    events,
    wait_until,
)

pytestmark = pytest.mark.integration

FIRST, SECOND = 400, 400
ONCE = {Step.FENCED, Step.RESTORING, Step.REVOKING}
# Played by every ./test; the others by ./test simulation.
SHORT = {Step.AFTER_OFFSETS, Step.AFTER_COMMIT}
TABLE_KEYS = 20
DAY_S = 86_400.0


def digest_of(entries: Iterable[tuple[bytes, bytes]]) -> str:
    """A hash of all keys and values in order."""
    whole = hashlib.sha256()
    for key, value in entries:
        whole.update(b"%d,%d:%b%b" % (len(key), len(value), key, value))
    return whole.hexdigest()


def rebuilt(toy: Toy, partition: int) -> StateStore:
    """The state that the changelog holds, read by somebody else."""
    store = MemoryStore()
    restore_partition(
        toy.bootstrap,
        f"{toy.prefix}.changelog",
        partition,
        store,
        cancelled=threading.Event(),
        on_progress=lambda keys, left: None,
    )
    return store


def assert_stores_equal_the_log(toy: Toy, slot: str = "0") -> None:
    """What lies on disk is what the changelog and the table say."""
    table = {
        message.key(): StringValue.FromString(message.value() or b"").value.encode()
        for message in toy.read("table")
    }
    for partition in range(PARTITIONS):
        identity = StoreIdentity(toy.prefix, "toy", 1, PARTITIONS, partition)
        store = RocksStores(toy.folder / "state" / slot)(identity, age_s_max=DAY_S)
        logged = [entry for entry in store.scan(b"") if not entry[0].startswith(b"t")]
        assert digest_of(logged) == digest_of(rebuilt(toy, partition).scan(b"")), partition
        for key, value in store.scan(b"t"):
            assert table.pop(key[1:]) == value
        store.close()
    assert table == {}


def play(toy: Toy, step: Step, **environment: str) -> None:
    """A worker dies at the step in the middle of things, and another life goes on."""
    toy.create_topics()
    toy.send("table", [(b"toy-key-%08d" % n, f"-name{n}") for n in range(TABLE_KEYS)])
    life = toy.start_ready("0")
    toy.send("a", events(FIRST))
    toy.wait_for_outputs(FIRST)
    toy.kill(life)
    (toy.folder / "ready-0").unlink(missing_ok=True)
    times = 1 if step in ONCE else 2
    doomed = toy.start("0", **{VARIABLE: f"toy:{step}:{times}"}, **environment)
    toy.send("b", events(SECOND, start=FIRST - 50))
    if step is Step.REVOKING:
        wait_until(lambda: (toy.folder / "ready-0").exists(), "the doomed life is ready")
        doomed.send_signal(signal.SIGTERM)
    assert doomed.wait(DEADLINE_S) == -signal.SIGKILL, toy.log()
    toy.start_ready("0", **environment)
    toy.wait_for_outputs(FIRST + SECOND - 50)


def finish(toy: Toy) -> None:
    """The last life stops in order, so that its stores can be opened."""
    last = toy.processes[-1]
    last.send_signal(signal.SIGTERM)
    assert last.wait(DEADLINE_S) == 0, toy.log()


@pytest.mark.parametrize(
    "step",
    [step if step in SHORT else pytest.param(step, marks=pytest.mark.kills) for step in Step],
)
def test_nothing_is_lost_or_doubled_whatever_step_it_dies_at(toy: Toy, step: Step) -> None:
    play(toy, step)
    finish(toy)
    outputs = [(key, text.split("-name")[0], number) for key, text, number in toy.outputs()]
    assert_exactly(outputs, events(FIRST + SECOND - 50))
    assert_stores_equal_the_log(toy)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(Step.PRODUCED, marks=pytest.mark.kills),
        Step.BEFORE_OFFSETS,
        pytest.param(Step.BEFORE_STORE, marks=pytest.mark.kills),
    ],
)
def test_without_transactions_nothing_is_lost_and_repeats_are_the_same(
    toy: Toy, step: Step
) -> None:
    play(toy, step, TOY_TRANSACTIONS="off")
    finish(toy)
    found: dict[str, set[int]] = {}
    for _, text, number in toy.outputs():
        found.setdefault(text.split("-name")[0], set()).add(number)
    assert found.keys() == {text for _, text in events(FIRST + SECOND - 50)}
    assert all(len(numbers) == 1 for numbers in found.values())
    assert_stores_equal_the_log(toy)


@pytest.fixture
def tear(toy: Toy) -> Callable[[], None]:
    """Damage one store of a worker that is down."""

    def damage() -> None:
        manifest = next((toy.folder / "state" / "0" / "toy" / "1" / "db").glob("MANIFEST-*"))
        manifest.write_bytes(manifest.read_bytes()[:40])

    return damage


def test_a_torn_store_and_a_deleted_one_are_rebuilt_from_log_and_table(
    toy: Toy, tear: Callable[[], None], tmp_path: Path
) -> None:
    toy.create_topics()
    toy.send("table", [(b"toy-key-%08d" % n, f"-name{n}") for n in range(TABLE_KEYS)])
    life = toy.start_ready("0")
    toy.send("a", events(FIRST))
    toy.wait_for_outputs(FIRST)
    toy.kill(life)
    tear()
    (toy.folder / "state" / "0" / "toy" / "2").rename(tmp_path / "moved-away")
    toy.start_ready("0")
    toy.send("a", events(FIRST + SECOND))
    outputs = toy.wait_for_outputs(FIRST + SECOND)
    named = {key: text.rpartition("-name")[2] for key, text, _ in outputs if "-name" in text}
    assert len(named) == TABLE_KEYS
    assert_exactly([(k, t.split("-name")[0], n) for k, t, n in outputs], events(FIRST + SECOND))
    finish(toy)
    assert_stores_equal_the_log(toy)
