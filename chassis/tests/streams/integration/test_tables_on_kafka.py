"""Tables are read again from a real topic into a store that has lost some of them."""

import threading
from collections.abc import Callable, Sequence

import pytest
from confluent_kafka import Producer
from google.protobuf.wrappers_pb2 import StringValue

from chassis.streams import Incoming, StateView
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.restore import StateAhead
from chassis.streams.state import MemoryStore
from chassis.streams.tables import ReloadLogged, reload_tables
from chassis.tests.streams.harness import DEADLINE_S
from chassis.tests.streams.toy import ToyLogic, ToyTopics

pytestmark = pytest.mark.integration


class _TableLogic(ToyLogic):
    """Holds the last text of each key of table a."""

    def __init__(self, topic: str, *, logs: bool = False) -> None:
        super().__init__(topic.removesuffix(".a"), inputs=("a",))
        self.inputs = self.tables = (topic,)
        self._logs = logs

    def reload(self, batch: Sequence[Incoming], state: StateView) -> None:
        keep = state.put if self._logs else state.load
        for incoming in batch:
            assert isinstance(incoming.message, StringValue)
            keep(incoming.key, incoming.message.value.encode())


@pytest.fixture
def table(fresh_topics: Callable[..., list[str]]) -> str:
    return fresh_topics("a", partitions=1)[0]


def _send(bootstrap: str, table: str, values: list[bytes | None]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number, value in enumerate(values):
        producer.produce(table, value, b"k%d" % number, 0)
    assert producer.flush(DEADLINE_S) == 0


def _text(text: str) -> bytes:
    return StringValue(value=text).SerializeToString()


def _reload(bootstrap: str, logic: _TableLogic, store: MemoryStore, end: int) -> list[int]:
    progress: list[int] = []
    reload_tables(
        bootstrap,
        logic,
        EnvelopeDecoder(logic, ToyTopics(), 1),
        0,
        store,
        {logic.tables[0]: end},
        cancelled=threading.Event(),
        on_progress=lambda keys, left: progress.append(keys),
    )
    return progress


def test_a_lost_table_is_read_up_to_where_the_group_stands_and_no_further(
    kafka_bootstrap: str, table: str
) -> None:
    _send(kafka_bootstrap, table, [_text("1"), b"\xff\xff", _text("3"), _text("beyond")])
    store = MemoryStore()
    assert sum(_reload(kafka_bootstrap, _TableLogic(table), store, 3)) == 2
    assert dict(store.scan(b"")) == {b"k0": b"1", b"k2": b"3"}
    assert dict(store.tables) == {table: 3}
    assert store.position is None


def test_a_store_that_has_the_table_reads_only_what_is_missing(
    kafka_bootstrap: str, table: str
) -> None:
    _send(kafka_bootstrap, table, [_text("1"), _text("2"), _text("3")])
    store = MemoryStore()
    store.apply({}, 5, {table: 2})
    assert sum(_reload(kafka_bootstrap, _TableLogic(table), store, 3)) == 1
    assert (dict(store.scan(b"")), store.position) == ({b"k2": b"3"}, 5)
    assert _reload(kafka_bootstrap, _TableLogic(table), store, 3) == []


def test_a_stage_that_logs_while_reloading_is_stopped(kafka_bootstrap: str, table: str) -> None:
    _send(kafka_bootstrap, table, [_text("1")])
    with pytest.raises(ReloadLogged):
        _reload(kafka_bootstrap, _TableLogic(table, logs=True), MemoryStore(), 1)


def test_a_store_that_has_read_further_than_the_group_is_refused(
    kafka_bootstrap: str, table: str
) -> None:
    store = MemoryStore()
    store.apply({}, 0, {table: 2})
    with pytest.raises(StateAhead):
        _reload(kafka_bootstrap, _TableLogic(table), store, 1)
