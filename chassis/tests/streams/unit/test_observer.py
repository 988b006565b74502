"""Readiness and metrics of a stage."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from chassis.metrics import Metrics
from chassis.streams.metric_defs import STREAM_METRICS
from chassis.streams.observer import StageObserver, StageReadiness


def test_a_stage_is_ready_once_all_assigned_partitions_flow() -> None:
    readiness = StageReadiness()
    assert readiness.check() == "starting"
    readiness.assigned({0, 1})
    assert readiness.check() == "restoring partitions [0, 1]"
    readiness.opened(0)
    assert readiness.check() == "restoring partitions [1]"
    readiness.opened(1)
    assert readiness.check() is None


def test_a_worker_without_partitions_is_ready() -> None:
    readiness = StageReadiness()
    readiness.assigned(set())
    assert readiness.check() is None


def test_a_rebalance_ends_readiness_until_the_next_assignment_flows() -> None:
    readiness = StageReadiness()
    readiness.assigned({0})
    readiness.opened(0)
    readiness.not_ready("rebalancing")
    assert readiness.check() == "rebalancing"
    readiness.assigned({1})
    readiness.opened(1)
    assert readiness.check() is None


def test_the_lag_of_a_partition_that_went_elsewhere_is_no_longer_shown() -> None:
    metrics = Metrics(STREAM_METRICS)
    observer = StageObserver(metrics, "toy", "group")
    observer.lags({("a", 0): 5, ("a", 1): 6})
    observer.lags({("a", 1): 0})
    labels = {"group": "group", "topic": "a"}
    sample = metrics.registry.get_sample_value
    assert sample("kyufu_kafka_lag_records", {**labels, "partition": "1"}) == 0
    assert sample("kyufu_kafka_lag_records", {**labels, "partition": "0"}) is None


def test_a_restore_that_a_rebalance_cut_off_is_no_longer_shown() -> None:
    metrics = Metrics(STREAM_METRICS)
    observer = StageObserver(metrics, "toy", "group")
    observer.restored(0, keys=10, per_s=500.0, eta_s=60.0)
    labels = {"stage": "toy", "partition": "0"}
    sample = metrics.registry.get_sample_value
    assert sample("kyufu_stream_restore_keys_per_second", labels) == 500
    observer.assigned()
    assert sample("kyufu_stream_restore_keys_per_second", labels) == 0
    assert sample("kyufu_stream_restore_eta_seconds", labels) == 0


@pytest.mark.parametrize(
    ("error", "fenced"),
    [
        (KafkaException(KafkaError(KafkaError._FENCED)), True),
        (KafkaException(KafkaError(KafkaError.INVALID_PRODUCER_EPOCH)), True),
        (KafkaException(KafkaError(KafkaError._TIMED_OUT)), False),
        (RuntimeError("broken"), False),
    ],
)
def test_an_end_by_another_owner_is_told_from_every_other_end(
    error: Exception, fenced: bool
) -> None:
    metrics = Metrics(STREAM_METRICS)
    assert StageObserver(metrics, "toy", "group").failed(error) is fenced
    sample = metrics.registry.get_sample_value("kyufu_stream_fencings_total", {"stage": "toy"})
    assert sample == float(fenced)
