"""The overlay shows a group its own writes and gives nothing to the store before the commit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.streams.state import MemoryStore, Overlay


def _store(**values: bytes) -> MemoryStore:
    store = MemoryStore()
    store.apply({key.encode(): value for key, value in values.items()}, 7)
    return store


def test_a_read_falls_through_to_the_store() -> None:
    overlay = Overlay(_store(a=b"1"))
    assert (overlay.get(b"a"), overlay.get(b"b")) == (b"1", None)


def test_a_write_is_seen_at_once_and_not_in_the_store() -> None:
    store = _store(a=b"1")
    overlay = Overlay(store)
    overlay.put(b"a", b"2")
    assert (overlay.get(b"a"), store.get_many([b"a"])) == (b"2", [b"1"])


def test_a_write_hides_a_value_that_was_prefetched_before() -> None:
    overlay = Overlay(_store(a=b"1"))
    overlay.prefetch([b"a"])
    overlay.delete(b"a")
    assert overlay.get(b"a") is None


def test_a_dropped_group_leaves_the_committed_values() -> None:
    overlay = Overlay(_store(a=b"1"))
    overlay.put(b"a", b"2")
    overlay.put(b"b", b"3")
    overlay.drop()
    assert (overlay.get(b"a"), overlay.get(b"b"), dict(overlay.changes)) == (b"1", None, {})


def test_a_commit_hands_values_and_position_to_the_store_together() -> None:
    store = _store(a=b"1", b=b"2")
    overlay = Overlay(store)
    overlay.put(b"a", b"9")
    overlay.delete(b"b")
    overlay.commit(42)
    assert store.get_many([b"a", b"b"]) == [b"9", None]
    assert store.position == 42


def test_a_commit_with_changes_but_no_position_is_refused() -> None:
    overlay = Overlay(_store())
    overlay.put(b"a", b"1")
    with pytest.raises(ValueError, match="position"):
        overlay.commit(None)


def test_a_commit_without_changes_leaves_the_position() -> None:
    store = _store(a=b"1")
    Overlay(store).commit(None)
    assert store.position == 7


def test_a_scan_merges_both_in_byte_order_and_leaves_out_what_was_deleted() -> None:
    overlay = Overlay(_store(pa=b"1", pb=b"2", pc=b"3", q=b"4"))
    overlay.put(b"pz", b"5")
    overlay.put(b"pa", b"6")
    overlay.delete(b"pb")
    overlay.put(b"o", b"7")
    assert list(overlay.scan(b"p")) == [(b"pa", b"6"), (b"pc", b"3"), (b"pz", b"5")]


def test_writing_while_scanning_is_safe() -> None:
    overlay = Overlay(_store(pa=b"1", pb=b"2"))
    for key, _ in overlay.scan(b"p"):
        overlay.delete(key)
    assert list(overlay.scan(b"p")) == []


def test_one_multi_get_serves_a_prefetch() -> None:
    asked: list[list[bytes]] = []

    class Counting(MemoryStore):
        def get_many(self, keys):  # type: ignore[no-untyped-def]
            asked.append(list(keys))
            return super().get_many(keys)

    overlay = Overlay(Counting())
    overlay.prefetch([b"a", b"b", b"a"])
    overlay.get(b"a")
    overlay.get(b"b")
    assert asked == [[b"a", b"b"]]


_KEYS = st.binary(min_size=1, max_size=2)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _KEYS, st.binary(max_size=2)),
        st.tuples(st.just("delete"), _KEYS, st.just(b"")),
        st.tuples(st.just("commit"), st.just(b""), st.just(b"")),
    ),
    max_size=40,
)


@given(_STEPS, st.binary(max_size=1))
def test_overlay_and_store_together_behave_like_one_dictionary(
    steps: list[tuple[str, bytes, bytes]], prefix: bytes
) -> None:
    overlay, model = Overlay(MemoryStore()), dict[bytes, bytes]()
    for position, (step, key, value) in enumerate(steps):
        if step == "put":
            overlay.put(key, value)
            model[key] = value
        elif step == "delete":
            overlay.delete(key)
            model.pop(key, None)
        else:
            overlay.commit(position)
        expected = sorted((k, v) for k, v in model.items() if k.startswith(prefix))
        assert list(overlay.scan(prefix)) == expected
        assert overlay.get(key) == model.get(key)


def test_what_was_put_in_this_group_is_logged_though_a_table_says_it_again() -> None:
    overlay = Overlay(MemoryStore())
    overlay.put(b"a", b"newer than the table")
    overlay.load(b"a", b"newer than the table, and more")
    overlay.load(b"b", b"from the table alone")
    assert overlay.logged == {b"a": b"newer than the table, and more"}
