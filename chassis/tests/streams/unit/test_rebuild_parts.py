"""The journal's records, and the comparisons of a rebuild, without a broker."""

from pathlib import Path
from typing import Any, cast

import pytest

from chassis.rebuild.multiset import Multiset, Place, only_in
from chassis.rebuild.replay import InputLost, NotVerifiable, Progress, Replay
from chassis.rebuild.states import compare
from chassis.streams.journal import Journal, framed
from chassis.streams.state import MemoryStore
from chassis.streams.transport import Envelope
from chassis.tests.streams.toy import ToyLogic, ToyTopics


def journal() -> Journal:
    return Journal("toy", 3, layout_version=2, rules="r")


def envelope(topic: str, start: int, end: int, records: int) -> Envelope:
    return Envelope(topic, 3, 1, start, end, end, [object()] * records)


def multiset(folder: Path, name: str, values: list[bytes]) -> Multiset:
    made = Multiset(folder / name)
    for number, value in enumerate(values):
        made.add("out", b"key", value, Place(0, 1, number))
    return made


def store(**values: bytes) -> MemoryStore:
    made = MemoryStore()
    made.apply({key.encode(): value for key, value in values.items()}, 1)
    return made


def test_runs_stand_in_the_order_of_processing_and_join_where_one_goes_on() -> None:
    made = journal()
    for each in (
        envelope("a", 0, 5, 4), envelope("a", 5, 7, 2), envelope("b", 0, 1, 1),
        envelope("a", 7, 8, 1),
    ):  # fmt: skip
        made.read(each)
    entry = made.close({"a": 8, "b": 1})
    assert [(r.topic, r.from_offset, r.next_offset, r.records) for r in entry.reads] == [
        ("a", 0, 7, 6), ("b", 0, 1, 1), ("a", 7, 8, 1),
    ]  # fmt: skip
    assert (entry.sequence, entry.layout_version, entry.rules) == (9, 2, "r")


def test_the_digest_knows_the_order_of_outputs_and_begins_anew_with_each_transaction() -> None:
    made = journal()
    digests = []
    for values in ([b"1", b"2"], [b"2", b"1"], [b"1", b"2"]):
        for value in values:
            made.wrote("out", b"key", value)
        digests.append(made.close({}).outputs_digest)
    assert digests[0] == digests[2] != digests[1]


def test_no_two_outputs_are_framed_alike() -> None:
    assert framed("t", b"ab", b"c") != framed("t", b"a", b"bc")
    assert framed("t", b"", b"1,1") != framed("t", b"1", b",1")


def test_multisets_are_equal_in_any_order(tmp_path: Path) -> None:
    one = multiset(tmp_path, "one", [b"1", b"2", b"2"])
    other = multiset(tmp_path, "other", [b"2", b"1", b"2"])
    assert one.hash() == other.hash()
    assert list(only_in(one, other)) == []


def test_a_record_that_came_once_too_often_is_named(tmp_path: Path) -> None:
    one = multiset(tmp_path, "one", [b"1", b"2", b"2", b"3"])
    other = multiset(tmp_path, "other", [b"3", b"2", b"1"])
    assert one.hash() != other.hash()
    assert list(only_in(one, other)) == [Place(0, 1, 2)]
    assert list(only_in(other, one)) == []


def test_stores_are_compared_key_by_key() -> None:
    assert compare(store(a=b"1", b=b"2"), store(a=b"1", b=b"2")).first is None
    assert compare(store(a=b"1", b=b"2"), store(a=b"1", b=b"3")).first == b"b"
    assert compare(store(a=b"1"), store(a=b"1", c=b"3")).first == b"c"
    assert compare(store(a=b"1", c=b"1"), store(c=b"1")).first == b"a"


class Retained:
    """An input of which the log still holds these offsets."""

    def __init__(self, *offsets: int) -> None:
        self.offsets = offsets

    def take(self, start: int, end: int) -> list[object]:
        return [object() for offset in self.offsets if start <= offset < end]


@pytest.mark.parametrize(
    ("retained", "runs", "expected"),
    [
        ((0, 1, 2), [(0, 3, 2)], "read 2 of 3 records of toy.a[3] 0 to 3"),
        ((0, 1, 2, 3), [(0, 1, 1), (3, 4, 1)], "passed over 2 records before it"),
        ((1, 2), [(0, 3, 3)], None),
        ((0, 3), [(0, 1, 1), (3, 4, 1)], None),
    ],
    ids=["read too few", "jumped over some", "retention took one", "jumped over nothing"],
)
def test_more_in_the_log_than_was_read_is_a_lost_input_and_less_is_retention(
    retained: tuple[int, ...], runs: list[tuple[int, int, int]], expected: str | None
) -> None:
    replay: Any = Replay(
        ToyLogic("toy", inputs=("a",)),
        ToyTopics(),
        partition=3,
        partitions=4,
        rules="r",
        dead_letters="deadletters",
        consumer_name="toy",
        store=MemoryStore(),
        inputs=cast(Any, {"toy.a": Retained(*retained)}),
        written=lambda *_: None,
        progress=Progress(),
    )
    made = Journal("toy", 3, layout_version=1, rules="r")
    for start, end, records in runs:
        made.read(envelope("toy.a", start, end, records))
    entry = made.close({"toy.a": runs[-1][1]})
    with pytest.raises(NotVerifiable) as found:
        replay._read(entry, "transaction 1")
    assert isinstance(found.value, InputLost) is (expected is not None)
    assert expected is None or expected in str(found.value)
