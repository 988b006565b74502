"""Where a restore begins, by what the store and the changelog still hold."""

import pytest

from chassis.streams.restore import StateAhead, start_of_restore
from chassis.streams.state import MemoryStore


def _store(position: int | None) -> MemoryStore:
    store = MemoryStore()
    if position is not None:
        store.apply({b"k": b"v"}, position)
    return store


@pytest.mark.parametrize(
    ("position", "start", "kept"),
    [(None, 10, False), (9, 10, False), (10, 10, True), (15, 15, True), (20, 20, True)],
)
def test_a_store_is_replayed_from_its_position_and_wiped_when_the_log_begins_later(
    position: int | None, start: int, kept: bool
) -> None:
    store = _store(position)
    assert start_of_restore(store, low=10, high=20) == start
    assert (store.get_many([b"k"]) == [b"v"]) is kept


def test_a_store_beyond_the_end_of_the_log_is_refused() -> None:
    with pytest.raises(StateAhead):
        start_of_restore(_store(21), low=10, high=20)
