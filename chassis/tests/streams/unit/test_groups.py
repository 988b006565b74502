"""When a transaction closes; both sides of every threshold."""

import pytest

from chassis.streams.groups import Group, GroupLimits

LIMITS = GroupLimits(
    records_max=100,
    age_behind_s=0.25,
    age_in_step_s=0.1,
    age_at_rest_s=0.05,
    lag_in_step=1_000,
    records_at_rest=3,
)


@pytest.mark.parametrize(
    ("records", "lag", "age_s", "due"),
    [
        (1, 0, 0.049, False),
        (1, 0, 0.051, True),
        (3, 1_000, 0.051, True),
        (4, 1_000, 0.051, False),
        (4, 1_000, 0.099, False),
        (4, 1_000, 0.101, True),
        (1, 1_001, 0.051, False),
        (1, 1_001, 0.249, False),
        (1, 1_001, 0.251, True),
        (99, 1_001, 0.0, False),
        (100, 1_001, 0.0, True),
    ],
)
def test_a_group_closes_by_count_and_by_age_and_sooner_in_step_and_at_rest(
    records: int, lag: int, age_s: float, due: bool
) -> None:
    group = Group(LIMITS)
    group.add(now=10.0, topic="a", records=records, lag=lag)
    assert group.is_due(10.0 + age_s) is due


def test_an_empty_group_is_never_due() -> None:
    group = Group(LIMITS)
    assert (group.closes_at(), group.is_due(1e9)) == (None, False)


def test_the_age_counts_from_the_first_envelope() -> None:
    group = Group(LIMITS)
    group.add(now=10.0, topic="a", records=1, lag=0)
    group.add(now=10.04, topic="a", records=1, lag=0)
    assert group.is_due(10.051)


def test_the_lag_is_the_sum_over_the_topics_that_meet() -> None:
    group = Group(LIMITS)
    group.add(now=10.0, topic="a", records=1, lag=600)
    group.add(now=10.0, topic="b", records=1, lag=600)
    assert not group.is_due(10.1)
    group.add(now=10.1, topic="a", records=1, lag=100)
    assert group.is_due(10.1)


def test_after_a_commit_the_next_envelope_opens_a_new_group() -> None:
    group = Group(LIMITS)
    group.add(now=10.0, topic="a", records=100, lag=0)
    group.reset()
    assert not group.is_open
    group.add(now=20.0, topic="a", records=1, lag=0)
    assert not group.is_due(20.049)
