"""What `kyufu status` says of the stages, from what their processes really expose."""

import pytest
from kyufu.staff.v1 import staff_pb2
from prometheus_client import generate_latest

from chassis.metrics import Metrics
from chassis.streams.metric_defs import STREAM_METRICS
from chassis.streams.observer import StageObserver
from services.console.adapters.stage_metrics import quantile, stages_of

TOPIC = "applications.identified"


def exposition(*, lag: int, commits_s: tuple[float, ...], records: int, restoring: bool) -> str:
    """A process of dedup that took over one partition."""
    metrics = Metrics(STREAM_METRICS)
    observer = StageObserver(metrics, "dedup", "kyufu-dedup")
    observer.assigned()
    observer.restored(0, keys=500, per_s=250.0, eta_s=12.0)
    if not restoring:
        observer.opened(0)
    observer.state(4_096)
    observer.decided(records)
    observer.lags({(TOPIC, 0): lag})
    observer.dead_letter(TOPIC, "undecodable")
    for seconds in commits_s:
        observer.committed({TOPIC: records}, changes=20, seconds=seconds)
    return generate_latest(metrics.registry).decode()


def dedup_of(*expositions: str) -> staff_pb2.StageStatus:
    return next(stage for stage in stages_of(expositions) if stage.stage == "dedup")


def test_one_process_is_shown_as_it_is() -> None:
    seen = dedup_of(exposition(lag=7, commits_s=(0.02,), records=40, restoring=False))
    assert (seen.lag_records, seen.batch_records_mean, seen.overlay_keys_mean) == (7, 40, 20)
    assert (seen.open_partitions, seen.restored_keys, seen.state_bytes) == (1, 500, 4_096)
    assert (seen.dead_letters, seen.rebalances, seen.takeovers, seen.fencings) == (1, 1, 1, 0)
    assert (seen.restore_keys_per_second, seen.restore_eta_seconds) == (0, 0)
    assert 0.01 < seen.commit_seconds_p99 <= 0.025


def test_several_processes_are_added_up_and_the_longest_restore_counts() -> None:
    seen = dedup_of(
        exposition(lag=7, commits_s=(0.02,), records=40, restoring=False),
        exposition(lag=5, commits_s=(0.02,), records=20, restoring=True),
    )
    assert (seen.lag_records, seen.batch_records_mean, seen.open_partitions) == (12, 30, 1)
    assert (seen.restore_keys_per_second, seen.restore_eta_seconds) == (250, 12)
    assert (seen.restored_keys, seen.state_bytes, seen.dead_letters) == (1_000, 8_192, 2)


def test_a_stage_that_no_process_shows_has_no_figures() -> None:
    stages = stages_of(["", exposition(lag=7, commits_s=(), records=1, restoring=False)])
    assert [stage.stage for stage in stages] == ["identify", "dedup", "link"]
    for stage in (stages[0], stages[2]):
        assert [field.name for field, _ in stage.ListFields()] == ["stage"]
    assert not stages[1].HasField("commit_seconds_p99")


@pytest.mark.parametrize(
    ("buckets", "value"),
    [
        ({}, None),
        ({0.1: 0.0, float("inf"): 0.0}, None),
        ({0.1: 100.0, 0.2: 100.0, float("inf"): 100.0}, 0.099),
        ({0.1: 0.0, 0.2: 100.0, float("inf"): 100.0}, 0.199),
        ({0.1: 50.0, 0.2: 60.0, float("inf"): 100.0}, 0.2),
    ],
    ids=["none", "empty", "first bucket", "second bucket", "beyond the last bound"],
)
def test_a_quantile_is_estimated_within_its_bucket(
    buckets: dict[float, float], value: float | None
) -> None:
    assert quantile(buckets, 0.99) == (None if value is None else pytest.approx(value))
