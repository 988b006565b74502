"""One contract for every store, and what only a store on disk can get wrong."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.streams.rocks import CONDEMNED, DATABASE, MARKER, RocksStores, StoreMismatch
from chassis.streams.state import (
    MemoryStore,
    Overlay,
    StateStore,
    StoreIdentity,
    StoreLocked,
    memory_store,
)

ROOT = Path(__file__).resolve().parents[4]
IDENTITY = StoreIdentity("test", "toy", 1, 4, 2)
DAY_S = 86_400.0


@pytest.fixture
def stores(tmp_path: Path) -> RocksStores:
    return RocksStores(tmp_path)


@pytest.fixture(params=["memory", "rocks"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    factory = memory_store if request.param == "memory" else RocksStores(tmp_path)
    store = factory(IDENTITY, age_s_max=DAY_S)
    yield store
    store.close()


def test_a_new_store_knows_no_position_and_no_value(store: StateStore) -> None:
    assert (store.position, dict(store.tables)) == (None, {})
    assert store.get_many([b"a"]) == [None]
    assert store.get_many([]) == []


@pytest.mark.parametrize("bulk", [False, True])
def test_values_and_positions_are_written_together(store: StateStore, bulk: bool) -> None:
    store.apply({b"a": b"1", b"b": b""}, 7, {"t": 3}, bulk=bulk)
    store.apply({b"a": None, b"c": b"2", b"z": None}, 9, bulk=bulk)
    assert store.get_many([b"c", b"a", b"b"]) == [b"2", None, b""]
    assert (store.position, dict(store.tables)) == (9, {"t": 3})


def test_a_position_that_is_not_given_stays(store: StateStore) -> None:
    store.apply({}, 7, {"t": 3, "u": 4})
    store.apply({b"a": b"1"}, None, {"t": 5})
    assert (store.position, dict(store.tables)) == (7, {"t": 5, "u": 4})


def test_a_scan_gives_what_begins_with_the_prefix_in_byte_order(store: StateStore) -> None:
    keys = [b"p\xff\xff", b"p", b"q", b"o", b"pa", b"\xff", b"\xff\xff"]
    store.apply({key: key for key in keys}, 1)
    assert [key for key, _ in store.scan(b"p")] == [b"p", b"pa", b"p\xff\xff"]
    assert [key for key, _ in store.scan(b"\xff")] == [b"\xff", b"\xff\xff"]
    assert [key for key, _ in store.scan(b"")] == sorted(keys)


def test_a_cleared_store_is_as_new(store: StateStore) -> None:
    store.apply({b"a": b"1", b"\xff" * 70: b"2"}, 7, {"t": 3})
    store.clear()
    assert (list(store.scan(b"")), store.position, dict(store.tables)) == ([], None, {})
    store.apply({b"b": b"1"}, 1)
    assert list(store.scan(b"")) == [(b"b", b"1")]


_KEYS = st.binary(min_size=1, max_size=3)
_CHANGES = st.dictionaries(_KEYS, st.none() | st.binary(max_size=3), max_size=6)


@given(groups=st.lists(_CHANGES, max_size=8), prefix=st.binary(max_size=2))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_store_behaves_like_a_dictionary(
    store: StateStore, groups: list[dict[bytes, bytes | None]], prefix: bytes
) -> None:
    store.clear()
    model = MemoryStore()
    for position, changes in enumerate(groups):
        store.apply(changes, position, bulk=position % 2 == 0)
        model.apply(changes, position)
    assert list(store.scan(prefix)) == list(model.scan(prefix))
    assert store.position == model.position


def test_what_tables_hold_is_stored_but_not_logged(store: StateStore) -> None:
    overlay = Overlay(store)
    overlay.load(b"t", b"1")
    assert dict(overlay.logged) == {}
    overlay.commit(None, {"table": 5})
    assert (store.get_many([b"t"]), dict(store.tables)) == ([b"1"], {"table": 5})


def test_a_store_on_disk_is_the_same_after_a_restart(stores: RocksStores) -> None:
    store = stores(IDENTITY, age_s_max=DAY_S)
    store.apply({b"a": b"1"}, 7, {"t": 3}, bulk=True)
    store.close()
    store = stores(IDENTITY, age_s_max=DAY_S)
    assert (store.get_many([b"a"]), store.position, dict(store.tables)) == ([b"1"], 7, {"t": 3})
    assert store.size_bytes() > 0
    store.close()
    assert store.size_bytes() == 0


CRASHING = """
import os, sys
from pathlib import Path
from chassis.streams.rocks import RocksStores
from chassis.streams.state import StoreIdentity
store = RocksStores(Path(sys.argv[1]))(StoreIdentity("test", "toy", 1, 4, 2), age_s_max=1e9)
for position in range(1, 101):
    store.apply({b"%d" % position: b"x"}, position, bulk=sys.argv[2] == "bulk" and position < 50)
if sys.argv[2] == "hold":
    print("held", flush=True)
    sys.stdin.read()
os.kill(os.getpid(), 9)
"""


def _crash(folder: Path, how: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(folder), how],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


@pytest.mark.parametrize("how", ["logged", "bulk"])
def test_a_killed_process_loses_no_committed_write(
    stores: RocksStores, tmp_path: Path, how: str
) -> None:
    _crash(tmp_path, how).communicate(timeout=60)
    store = stores(IDENTITY, age_s_max=DAY_S)
    assert store.position == 100
    assert len(list(store.scan(b""))) == 100
    store.close()


def test_a_store_that_another_process_has_open_is_refused_and_left_alone(
    stores: RocksStores, tmp_path: Path
) -> None:
    holder = _crash(tmp_path, "hold")
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(StoreLocked, match="2"):
        stores(IDENTITY, age_s_max=DAY_S)
    holder.communicate(timeout=60)
    store = stores(IDENTITY, age_s_max=DAY_S)
    assert store.position == 100
    store.close()


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, installation="another"),
        replace(IDENTITY, version=2),
        replace(IDENTITY, partitions=8),
    ],
)
def test_a_store_of_another_version_or_topology_is_refused_by_name(
    stores: RocksStores, tmp_path: Path, other: StoreIdentity
) -> None:
    stores(IDENTITY, age_s_max=DAY_S).close()
    with pytest.raises(StoreMismatch) as refused:
        stores(other, age_s_max=DAY_S)
    text = str(refused.value)
    assert str(tmp_path / "toy" / "2") in text
    assert f"'version': {IDENTITY.version}" in text
    assert f"'version': {other.version}" in text


def _tear_table(folder: Path) -> None:
    for table in (folder / DATABASE).glob("*.sst"):
        os.truncate(table, table.stat().st_size // 2)


def _tear_manifest(folder: Path) -> None:
    for manifest in (folder / DATABASE).glob("MANIFEST*"):
        manifest.unlink()


def _grow_stale(folder: Path) -> None:
    used_at = (folder / MARKER).stat().st_mtime - 2 * DAY_S
    os.utime(folder / MARKER, (used_at, used_at))


def test_a_restore_that_was_cut_off_does_not_make_a_store_young(
    stores: RocksStores, tmp_path: Path
) -> None:
    folder = tmp_path / "toy" / "2"
    store = stores(IDENTITY, age_s_max=DAY_S)
    store.apply({b"a": b"1"}, 7)
    store.close()
    used_at = (folder / MARKER).stat().st_mtime - DAY_S / 2
    os.utime(folder / MARKER, (used_at, used_at))
    store = stores(IDENTITY, age_s_max=DAY_S)
    store.apply({b"b": b"1"}, 8, bulk=True)
    store.size_bytes()
    store.close()
    assert (folder / MARKER).stat().st_mtime == pytest.approx(used_at, abs=1)
    store = stores(IDENTITY, age_s_max=DAY_S)
    store.restored()
    store.close()
    assert (folder / MARKER).stat().st_mtime > used_at + DAY_S / 4


class _Torn:
    """A database whose compaction has met a damaged block."""

    def write(self, batch: object, *_: object) -> None:
        raise OSError("Corruption: block checksum mismatch")


def test_a_store_that_a_write_finds_torn_is_rebuilt_at_the_next_opening(
    stores: RocksStores, tmp_path: Path
) -> None:
    store: Any = stores(IDENTITY, age_s_max=DAY_S)
    store.apply({b"a": b"1"}, 7)
    database, store._database = store._database, _Torn()
    with pytest.raises(OSError, match="Corruption"):
        store.apply({b"a": b"2"}, 8)
    store._database = database
    store.close()
    store = stores(IDENTITY, age_s_max=DAY_S)
    assert (store.position, store.get_many([b"a"])) == (None, [None])
    store.close()


@pytest.mark.parametrize(
    "damage",
    [
        _tear_table,
        _tear_manifest,
        _grow_stale,
        lambda folder: (folder / CONDEMNED).touch(),
        lambda folder: (folder / MARKER).unlink(),
        lambda folder: (folder / MARKER).write_text("{"),
        lambda folder: shutil.rmtree(folder),
    ],
    ids=["torn table", "torn manifest", "stale", "condemned", "unmarked", "torn marker", "gone"],
)
def test_a_damaged_store_comes_empty_and_works(
    stores: RocksStores, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    store = stores(IDENTITY, age_s_max=DAY_S)
    store.apply({b"a": b"1"}, 7, bulk=True)
    store.apply({b"b": b"1"}, 8)
    store.close()
    damage(tmp_path / "toy" / "2")
    store = stores(IDENTITY, age_s_max=DAY_S)
    assert (store.position, list(store.scan(b""))) == (None, [])
    store.apply({b"c": b"1"}, 1)
    store.close()
    store = stores(IDENTITY, age_s_max=DAY_S)
    assert store.position == 1
    store.close()
