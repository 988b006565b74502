"""A stage does not start on topics that are missing or do not fit together."""

import pytest

from chassis.streams.preflight import TopicsUnfit, require_topics


def test_equal_counts_are_given_back() -> None:
    assert require_topics({"a": 4, "b": 4, "o": 1}, together=("a", "b"), others=("o",)) == 4


def test_every_missing_topic_is_named() -> None:
    with pytest.raises(TopicsUnfit, match="b, o"):
        require_topics({"a": 4}, together=("a", "b"), others=("o",))


def test_unequal_counts_of_topics_that_meet_are_refused() -> None:
    with pytest.raises(TopicsUnfit, match="differ"):
        require_topics({"a": 4, "b": 3}, together=("a", "b"), others=())
