"""Each bound ends inside the one around it."""

from pathlib import Path

import pytest

from chassis.streams import bounds
from chassis.streams.bounds import Bounds, BoundsClash
from chassis.streams.settings import StreamSettings

SETTINGS = StreamSettings("broker:9092", "test", "toy.changelog", Path())
DEFAULT = Bounds(SETTINGS.transaction_timeout_s)
SUPERVISOR_S = 10.0


def test_a_commit_with_all_its_retries_ends_before_the_coordinator_aborts() -> None:
    assert DEFAULT.commit_s < DEFAULT.transaction_s
    assert DEFAULT.transaction_s > bounds.BUFFER_FULL_S


def test_a_partition_is_given_up_before_the_rebalance_gives_its_owner_up() -> None:
    assert DEFAULT.commit_s + bounds.ABORT_S + bounds.STORE_S <= DEFAULT.give_up_s
    assert DEFAULT.give_up_s < bounds.REBALANCE_S
    assert max(bounds.LOOKUP_S, bounds.FENCE_STEP_S) <= DEFAULT.give_up_s


def test_a_worker_that_is_told_to_stop_has_ended_before_the_supervisor_kills_it() -> None:
    stop_faust_s = max(SETTINGS.stop_timeout_s, bounds.STOP_FAILED_S)
    assert bounds.STOP_CLOSE_S + stop_faust_s < SUPERVISOR_S


@pytest.mark.parametrize(("transaction_s", "fits"), [(64.9, True), (65.0, False)])
def test_a_transaction_timeout_beyond_what_a_rebalance_waits_for_is_refused(
    transaction_s: float, fits: bool
) -> None:
    if fits:
        assert Bounds(transaction_s).give_up_s < bounds.REBALANCE_S
    else:
        with pytest.raises(BoundsClash, match="65"):
            Bounds(transaction_s)
