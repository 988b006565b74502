"""Restoring a store from a real changelog."""

import threading
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from chassis.streams.restore import RestoreCancelled, restore_partition
from chassis.streams.state import MemoryStore

pytestmark = pytest.mark.integration

DEADLINE_S = 60.0
STILL_WAITING_S = 1.5
COMPACTED = {"cleanup.policy": "compact"}


class _Restore(threading.Thread):
    """A restore on its own thread, with what became of it."""

    def __init__(self, bootstrap: str, changelog: str) -> None:
        super().__init__(daemon=True)
        self.store = MemoryStore()
        self.cancelled = threading.Event()
        self.keys: list[int] = []
        self.error: Exception | None = None
        self._where = (bootstrap, changelog, 0)

    def run(self) -> None:
        try:
            restore_partition(
                *self._where,
                self.store,
                cancelled=self.cancelled,
                on_progress=lambda keys, left: self.keys.append(keys),
            )
        except RestoreCancelled as error:
            self.error = error


def _transaction(bootstrap: str, changelog: str) -> Producer:
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"{changelog}-0"})
    producer.init_transactions(DEADLINE_S)
    producer.begin_transaction()
    return producer


def _put(producer: Producer, changelog: str, values: dict[bytes, bytes | None]) -> None:
    for key, value in values.items():
        producer.produce(changelog, value, key, 0)
    assert producer.flush(DEADLINE_S) == 0


@pytest.fixture
def changelog(fresh_topics: Callable[..., list[str]]) -> str:
    return fresh_topics("changelog", partitions=1, config=COMPACTED)[0]


def test_the_last_value_of_each_key_is_restored_and_aborted_ones_are_not(
    kafka_bootstrap: str, changelog: str
) -> None:
    producer = _transaction(kafka_bootstrap, changelog)
    _put(producer, changelog, {b"a": b"1", b"b": b"1", b"c": b"1"})
    _put(producer, changelog, {b"a": b"2", b"b": None})
    producer.commit_transaction(DEADLINE_S)
    producer.begin_transaction()
    _put(producer, changelog, {b"a": b"9", b"d": b"9"})
    producer.abort_transaction(DEADLINE_S)
    restore = _Restore(kafka_bootstrap, changelog)
    restore.start()
    restore.join(DEADLINE_S)
    assert restore.store.get_many([b"a", b"b", b"c", b"d"]) == [b"2", None, b"1", None]
    assert restore.store.position == 9


def test_a_restore_waits_for_what_is_not_yet_settled(kafka_bootstrap: str, changelog: str) -> None:
    producer = _transaction(kafka_bootstrap, changelog)
    _put(producer, changelog, {b"a": b"1"})
    restore = _Restore(kafka_bootstrap, changelog)
    restore.start()
    restore.join(STILL_WAITING_S)
    assert restore.is_alive()
    producer.commit_transaction(DEADLINE_S)
    restore.join(DEADLINE_S)
    assert restore.store.get_many([b"a"]) == [b"1"]


def test_a_restore_ends_when_the_partition_is_revoked(kafka_bootstrap: str, changelog: str) -> None:
    producer = _transaction(kafka_bootstrap, changelog)
    _put(producer, changelog, {b"a": b"1"})
    restore = _Restore(kafka_bootstrap, changelog)
    restore.start()
    restore.cancelled.set()
    restore.join(DEADLINE_S)
    assert isinstance(restore.error, RestoreCancelled)
    producer.abort_transaction(DEADLINE_S)


def test_an_empty_changelog_gives_an_empty_store_with_a_position(
    kafka_bootstrap: str, changelog: str
) -> None:
    restore = _Restore(kafka_bootstrap, changelog)
    restore.start()
    restore.join(DEADLINE_S)
    assert restore.store.position == 0
