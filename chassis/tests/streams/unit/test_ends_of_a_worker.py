"""What must not begin any more, and what must not pass for well, near a worker's end."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from faust.types import TP

from chassis.clock import SystemClock
from chassis.metrics import Metrics
from chassis.streams.metric_defs import STREAM_METRICS
from chassis.streams.observer import StageReadiness
from chassis.streams.partition import PartitionWorker
from chassis.streams.producer import PartitionProducer, ProducerOptions
from chassis.streams.runner import _StageRunner
from chassis.streams.state import memory_store
from chassis.tests.streams.toy import ToyLogic, ToyTopics, settings_of

NOBODY = "127.0.0.1:1"


async def test_an_assignment_that_comes_after_the_signal_begins_nothing(tmp_path: Path) -> None:
    runner = _StageRunner(
        ToyLogic("toy"),
        settings_of(NOBODY, "toy", "0", tmp_path),
        ToyTopics(),
        Metrics(STREAM_METRICS),
        SystemClock(),
        StageReadiness(),
        memory_store,
    )
    runner._stopping.set()
    await runner._on_assigned(None, {TP("toy.a", 0), TP("toy.b", 0), TP("toy.table", 0)})
    assert runner._workers == {}


def test_without_transactions_a_groups_last_change_that_is_not_durable_fails_the_commit() -> None:
    worker: Any = object.__new__(PartitionWorker)
    producer = PartitionProducer(NOBODY, "toy-0", ProducerOptions(transactions=False))
    worker._tenure = SimpleNamespace(producer=producer)
    worker._note_changelog(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)
    with pytest.raises(KafkaException):
        producer.flush()
    producer.close()
