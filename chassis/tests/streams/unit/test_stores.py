"""One suite for every kind of store, and what only the one on disk can get wrong."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chassis.streams.rocks import RocksStores, StoreMismatch
from chassis.streams.state import StateStore, StoreIdentity, StoreLocked, memory_store

WHO = StoreIdentity("test", "toy", 1, 4, 0)
DAY_S = 86_400.0
Open = Callable[[], StateStore]


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    factory = memory_store if request.param == "memory" else RocksStores(tmp_path)
    opened = factory(WHO, age_s_max=DAY_S)
    yield opened
    opened.close()


@pytest.fixture
def reopen(tmp_path: Path) -> Open:
    return lambda: RocksStores(tmp_path)(WHO, age_s_max=DAY_S)


def test_a_new_store_knows_no_position(store: StateStore) -> None:
    assert (store.position, dict(store.tables)) == (None, {})


def test_values_and_positions_are_kept_in_one_step(store: StateStore) -> None:
    store.apply({b"a": b"1", b"b": b"2", b"c": None}, 7, {"t": 3})
    store.apply({b"a": None}, None, {"u": 4})
    assert store.get_many([b"b", b"a", b"c"]) == [b"2", None, None]
    assert (store.position, dict(store.tables)) == (7, {"t": 3, "u": 4})


def test_keys_of_a_prefix_come_in_byte_order(store: StateStore) -> None:
    store.apply({b"b2": b"", b"a": b"1", b"b1": b"x", b"b\xff": b"y", b"c": b"z"}, 1)
    assert list(store.scan(b"b")) == [(b"b1", b"x"), (b"b2", b""), (b"b\xff", b"y")]
    assert [key for key, _ in store.scan(b"")] == [b"a", b"b1", b"b2", b"b\xff", b"c"]


def test_a_cleared_store_is_as_new(store: StateStore) -> None:
    store.apply({b"a": b"1", b"\xff" * 70: b"2"}, 9, {"t": 1})
    store.clear()
    assert store.get_many([b"a", b"\xff" * 70]) == [None, None]
    assert (store.position, dict(store.tables), list(store.scan(b""))) == (None, {}, [])


def test_a_store_on_disk_is_found_again(reopen: Open) -> None:
    store = reopen()
    store.apply({b"a": b"1"}, 5, {"t": 2}, bulk=True)
    store.apply({b"b": b"2"}, 6)
    store.close()
    again = reopen()
    assert again.get_many([b"a", b"b"]) == [b"1", b"2"]
    assert (again.position, dict(again.tables)) == (6, {"t": 2})
    assert again.size_bytes() > 0
    again.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(WHO, version=2),
        replace(WHO, partitions=12),
        replace(WHO, installation="other"),
    ],
)
def test_a_store_of_another_layout_or_topology_is_refused(
    reopen: Open, tmp_path: Path, other: StoreIdentity
) -> None:
    reopen().close()
    with pytest.raises(StoreMismatch, match=str(tmp_path)):
        RocksStores(tmp_path)(other, age_s_max=DAY_S)


def test_a_store_that_somebody_has_open_is_not_taken_for_a_broken_one(reopen: Open) -> None:
    store = reopen()
    store.apply({b"a": b"1"}, 5)
    with pytest.raises(StoreLocked):
        reopen()
    assert store.get_many([b"a"]) == [b"1"]
    store.close()


def test_a_torn_store_comes_empty(reopen: Open, tmp_path: Path) -> None:
    store = reopen()
    store.apply({b"a": b"1"}, 5, bulk=True)
    store.apply({b"b": b"1"}, 6)
    store.close()
    manifest = next((tmp_path / "toy" / "0" / "db").glob("MANIFEST-*"))
    manifest.write_bytes(manifest.read_bytes()[: manifest.stat().st_size // 2])
    again = reopen()
    assert (again.position, again.get_many([b"a", b"b"])) == (None, [None, None])
    again.close()


def test_a_block_that_turns_out_to_be_torn_empties_the_store_at_the_next_opening(
    reopen: Open, tmp_path: Path
) -> None:
    store = reopen()
    store.apply({b"k%d" % n: os.urandom(100) for n in range(5_000)}, 5, bulk=True)
    store.apply({b"b": b"1"}, 6)  # flushes what was bulk
    store.close()
    files = (tmp_path / "toy" / "0" / "db").glob("*.sst")
    large = max(files, key=lambda file: file.stat().st_size)
    content = bytearray(large.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    large.write_bytes(content)
    damaged = reopen()
    with pytest.raises(Exception, match="Corruption"):
        damaged.get_many([b"k%d" % n for n in range(5_000)])
    damaged.close()
    again = reopen()
    assert again.position is None
    again.close()


def test_a_store_unused_for_longer_than_removals_are_remembered_comes_empty(
    reopen: Open, tmp_path: Path
) -> None:
    store = reopen()
    store.apply({b"a": b"1"}, 5)
    store.close()
    time.sleep(0.05)
    aged = RocksStores(tmp_path)(WHO, age_s_max=0.01)
    assert aged.position is None
    aged.close()


def test_a_store_whose_folder_was_deleted_begins_anew(reopen: Open, tmp_path: Path) -> None:
    store = reopen()
    store.apply({b"a": b"1"}, 5)
    store.close()
    shutil.rmtree(tmp_path / "toy")
    again = reopen()
    assert again.position is None
    again.close()
