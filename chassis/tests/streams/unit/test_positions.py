"""Positions move only from envelope to adjoining envelope."""

import pytest

from chassis.streams.positions import EnvelopeGap, Positions
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
