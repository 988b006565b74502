"""Where a partition starts: the offsets that its group has durably committed.

Read by a librdkafka consumer after the former owner is fenced, because that one waits until
offsets in an unfinished transaction are settled. aiokafka's own look-up does not wait, and that
alone led to duplicates.

An input without an offset is either new, and read from its log's start, or it has lost its offset
(expired, deleted, the topic made anew), and a replay of the world into state that has seen it must
not pass for a start. Two things tell them apart:
- Every commit notes beside each offset all inputs that the group ever committed (`notes`); one
  offset that is left speaks for those that are gone.
- A partition commits its start before it writes anything. So where no offset is left, an empty
  changelog proves that nothing has ever been read, and any other one that offsets are lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition

from chassis.kafka.errors import OffsetLost
from chassis.streams.notes import Note, joined
from chassis.streams.transport import Envelope

WHAT_TO_DO = "choose one, kafka-consumer-groups.sh --reset-offsets"
"""Short, as logs cut long texts; the README of this package says how to choose."""


class EnvelopeGap(Exception):
    """Records between two envelopes have been lost, or came twice, on the way from the fetch."""


class Positions:
    """The next offset of each input of one partition; moves only without a gap."""

    def __init__(self, start: Mapping[str, int]) -> None:
        self._next = dict(start)

    @property
    def next(self) -> Mapping[str, int]:
        """What the group commits as its offsets."""
        return self._next

    def advance(self, envelope: Envelope) -> None:
        """Move past an envelope that begins where the last one of its topic ended."""
        expected = self._next[envelope.topic]
        if envelope.from_offset != expected:
            raise EnvelopeGap(
                f"{envelope.topic}[{envelope.partition}]: expected {expected}, "
                f"got {envelope.from_offset}"
            )
        self._next[envelope.topic] = envelope.next_offset


def open_group(bootstrap: str, group_id: str) -> Consumer:
    """A consumer that reads the group's offsets and names the group, and never joins it."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group_id,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        },
        logger=logging.getLogger("rdkafka"),
    )


@dataclass(frozen=True, slots=True)
class Start:
    """Where a partition begins."""

    offsets: Mapping[str, int]
    note: Note
    """What the last commit noted, with the inputs of now."""
    is_new: bool
    """Some input was never committed: the start is to be committed before anything is written."""


def start_positions(
    group: Consumer,
    stage: str,
    topics: Sequence[str],
    partition: int,
    *,
    has_written: Callable[[], bool],
    timeout_s: float,
) -> Start:
    """The next offset of each topic: what the group committed, or the log's start of a new input.

    `has_written`: whether this partition's changelog has ever held a record; asked only where an
    offset is missing. Raises OffsetLost where a person must say from which offset to go on.
    """
    wanted = [TopicPartition(topic, partition) for topic in topics]
    found = group.committed(wanted, timeout=timeout_s)
    broken = [each for each in found if each.error is not None]
    if broken:
        raise _lost(stage, [each.topic for each in broken], partition, str(broken[0].error))
    missing = [each.topic for each in found if each.offset == OFFSET_INVALID]
    note = joined(each.metadata for each in found if each.offset != OFFSET_INVALID)
    lost = [topic for topic in missing if topic in note.inputs]
    if not note.inputs and missing and has_written():
        lost = missing
    if lost:
        raise _lost(stage, lost, partition, "the group has no offset any more")
    return Start(
        offsets={each.topic: _offset_of(group, stage, each, timeout_s) for each in found},
        note=replace(note, inputs=note.inputs.union(topics)),
        is_new=bool(missing),
    )


def _offset_of(group: Consumer, stage: str, committed: TopicPartition, timeout_s: float) -> int:
    topic, partition, offset = committed.topic, committed.partition, committed.offset
    low, high = group.get_watermark_offsets(
        TopicPartition(topic, partition), timeout=timeout_s, cached=False
    )
    if offset == OFFSET_INVALID:
        return low
    if not low <= offset <= high:
        raise _lost(stage, [topic], partition, f"{offset} is committed, {low} to {high} is there")
    return offset


def _lost(stage: str, topics: Sequence[str], partition: int, fault: str) -> OffsetLost:
    return OffsetLost(
        f"{stage}, partition {partition} of {', '.join(topics)}: {fault}; {WHAT_TO_DO}"
    )
