"""Where a partition starts: the offsets that its group has durably committed.

Read by a librdkafka consumer after the former owner is fenced, because that one waits until
offsets in an unfinished transaction are settled. aiokafka's own look-up does not wait, and that
alone led to duplicates.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from confluent_kafka import OFFSET_INVALID, Consumer, TopicPartition

from chassis.kafka.errors import OffsetLost
from chassis.streams.transport import Envelope


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


def start_positions(
    group: Consumer, topics: Sequence[str], partition: int, *, timeout_s: float
) -> dict[str, int]:
    """The next offset of each topic; the log's start where the group has never committed."""
    wanted = [TopicPartition(topic, partition) for topic in topics]
    positions: dict[str, int] = {}
    for committed in group.committed(wanted, timeout=timeout_s):
        if committed.error is not None:
            raise OffsetLost(f"{committed.topic}[{partition}]: {committed.error}")
        low, high = group.get_watermark_offsets(
            TopicPartition(committed.topic, partition), timeout=timeout_s, cached=False
        )
        if committed.offset == OFFSET_INVALID:
            positions[committed.topic] = low
        elif low <= committed.offset <= high:
            positions[committed.topic] = committed.offset
        else:
            raise OffsetLost(
                f"{committed.topic}[{partition}]: committed {committed.offset}, "
                f"the log holds {low} to {high}"
            )
    return positions
