"""Positions move only from envelope to adjoining envelope, and start only where they may."""

import json
from collections.abc import Sequence
from typing import Any, cast

import pytest
from confluent_kafka import OFFSET_INVALID, TopicPartition

from chassis.kafka.errors import OffsetLost
from chassis.streams.positions import EnvelopeGap, Positions, Start, start_positions
from chassis.streams.transport import Envelope


def _envelope(topic: str, from_offset: int, next_offset: int, end_offset: int = 100) -> Envelope:
    return Envelope(topic, 0, 1, from_offset, next_offset, end_offset, ["record"])


def test_adjoining_envelopes_move_their_own_topic_only() -> None:
    positions = Positions({"a": 10, "b": 5})
    positions.advance(_envelope("a", 10, 20))
    positions.advance(_envelope("a", 20, 21))
    assert dict(positions.next) == {"a": 21, "b": 5}


@pytest.mark.parametrize("from_offset", [9, 11])
def test_a_gap_or_an_overlap_is_an_error_and_moves_nothing(from_offset: int) -> None:
    positions = Positions({"a": 10})
    with pytest.raises(EnvelopeGap):
        positions.advance(_envelope("a", from_offset, 20))
    assert dict(positions.next) == {"a": 10}


def test_the_lag_of_an_envelope_is_what_lies_behind_it() -> None:
    assert (_envelope("a", 10, 20, 100).lag, _envelope("a", 10, 20, 20).lag) == (80, 0)


LOW, HIGH = 10, 100
NOTE = json.dumps({"inputs": ["a", "b", "gone"]})


class _Group:
    """What a group has committed: offset and note by topic."""

    def __init__(self, **committed: tuple[int, str]) -> None:
        self._committed = committed

    def committed(self, wanted: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        return [
            TopicPartition(
                each.topic,
                each.partition,
                *self._committed.get(each.topic, (OFFSET_INVALID, "")),
            )
            for each in wanted
        ]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float, cached: bool
    ) -> tuple[int, int]:
        return LOW, HIGH


def _start(group: _Group, topics: Sequence[str], *, has_written: bool) -> Start:
    return start_positions(
        cast(Any, group), "toy", topics, 3, has_written=lambda: has_written, timeout_s=1.0
    )


@pytest.mark.parametrize(
    ("committed", "topics", "has_written", "offsets"),
    [
        ({}, "ab", False, {"a": LOW, "b": LOW}),
        ({"a": (50, NOTE), "b": (60, NOTE)}, "ab", True, {"a": 50, "b": 60}),
        ({"a": (50, ""), "b": (60, "")}, "ab", True, {"a": 50, "b": 60}),
        ({"a": (50, NOTE)}, "ac", True, {"a": 50, "c": LOW}),
        ({"a": (50, "by hand")}, "ac", False, {"a": 50, "c": LOW}),
        ({"a": (LOW, NOTE), "b": (HIGH, NOTE)}, "ab", True, {"a": LOW, "b": HIGH}),
    ],
)
def test_a_partition_starts_where_its_group_was_and_a_new_input_at_its_logs_start(
    committed: dict[str, tuple[int, str]],
    topics: str,
    has_written: bool,
    offsets: dict[str, int],
) -> None:
    start = _start(_Group(**committed), list(topics), has_written=has_written)
    assert start.offsets == offsets
    assert start.is_new is (set(committed) != set(topics))


@pytest.mark.parametrize(
    ("committed", "topics", "has_written", "named"),
    [
        ({}, "ab", True, "partition 3 of a, b: the group has no offset"),
        ({"a": (50, NOTE)}, "ab", True, "partition 3 of b: the group has no offset"),
        ({"a": (50, NOTE)}, "ab", False, "partition 3 of b: the group has no offset"),
        ({"a": (50, "")}, "ab", True, "partition 3 of b: the group has no offset"),
        ({"a": (50, "by hand")}, "ab", True, "partition 3 of b: the group has no offset"),
        ({"a": (LOW - 1, NOTE), "b": (60, NOTE)}, "ab", True, "partition 3 of a: 9 is committed"),
        ({"a": (HIGH + 1, NOTE), "b": (60, NOTE)}, "ab", True, "partition 3 of a: 101 is"),
    ],
)
def test_an_offset_that_is_gone_or_outside_the_log_is_lost(
    committed: dict[str, tuple[int, str]], topics: str, has_written: bool, named: str
) -> None:
    with pytest.raises(OffsetLost, match=named) as lost:
        _start(_Group(**committed), list(topics), has_written=has_written)
    assert str(lost.value).startswith("toy, ")
    assert "--reset-offsets" in str(lost.value)


def test_an_input_that_was_left_out_for_a_while_stays_known() -> None:
    start = _start(_Group(a=(50, NOTE)), ["a"], has_written=True)
    assert start.note.inputs == {"a", "b", "gone"}
