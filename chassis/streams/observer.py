"""What a stage reports of itself: metrics with the stage's name filled in, and readiness."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError, KafkaException

from chassis.kafka.records import TopicPartition
from chassis.metric_defs import CONSUMED, CONSUMER_LAG, DEAD_LETTERS
from chassis.metrics import Metrics
from chassis.streams import metric_defs as defs

FENCED_CODES = frozenset(
    {
        KafkaError._FENCED,
        KafkaError.PRODUCER_FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.FENCED_INSTANCE_ID,
    }
)
"""Codes by which a broker says that a newer owner has come."""


class StageReadiness:
    """Says whether all assigned partitions are restored and flow; a health check calls it."""

    def __init__(self) -> None:
        self._reason: str | None = "starting"
        self._opening: set[int] = set()
        self._progress: dict[int, str] = {}

    def check(self) -> str | None:
        """None when ready, else the reason why not."""
        if self._reason is None and self._opening:
            told = "".join(
                f"; {partition}: {text}" for partition, text in sorted(self._progress.items())
            )
            return f"restoring partitions {sorted(self._opening)}{told}"
        return self._reason

    def assigned(self, partitions: set[int]) -> None:
        """An assignment has come; it may be empty where workers outnumber partitions."""
        self._opening = set(partitions)
        self._progress = {}
        self._reason = None

    def opened(self, partition: int) -> None:
        """A partition is restored and flows."""
        self._opening.discard(partition)
        self._progress.pop(partition, None)

    def restoring(self, partition: int, progress: str) -> None:
        """How far the restore of a partition is, in words."""
        self._progress[partition] = progress

    def not_ready(self, reason: str) -> None:
        """Rebalancing, stopping or failed."""
        self._reason = reason


class StageObserver:
    """The stage's metrics."""

    def __init__(self, metrics: Metrics, stage: str, group: str) -> None:
        self._stage = stage
        self._group = group
        self._batch = metrics.histogram(defs.BATCH_RECORDS).labels(stage=stage)
        self._group_records = metrics.histogram(defs.GROUP_RECORDS).labels(stage=stage)
        self._commit = metrics.histogram(defs.COMMIT_SECONDS).labels(stage=stage)
        self._restored = metrics.counter(defs.RESTORED_KEYS).labels(stage=stage)
        self._open = metrics.gauge(defs.OPEN_PARTITIONS).labels(stage=stage)
        self._rebalances = metrics.counter(defs.REBALANCES).labels(stage=stage)
        self._overlay = metrics.histogram(defs.OVERLAY_KEYS).labels(stage=stage)
        self._restore_rate = metrics.gauge(defs.RESTORE_RATE)
        self._restore_eta = metrics.gauge(defs.RESTORE_ETA)
        self._state_bytes = metrics.gauge(defs.STATE_BYTES).labels(stage=stage)
        self._fencings = metrics.counter(defs.FENCINGS).labels(stage=stage)
        self._takeovers = metrics.counter(defs.TAKEOVERS).labels(stage=stage)
        self._dead_letters = metrics.counter(DEAD_LETTERS)
        self._consumed = metrics.counter(CONSUMED)
        self._lag = metrics.gauge(CONSUMER_LAG)
        self._lags_shown: set[TopicPartition] = set()
        self._restoring: set[int] = set()

    def decided(self, records: int) -> None:
        """A batch was decided."""
        self._batch.observe(records)

    def dead_letter(self, topic: str, reason: str) -> None:
        """A record was set aside."""
        self._dead_letters.labels(consumer=self._group, topic=topic, reason=reason).inc()

    def committed(self, counts: Mapping[str, int], *, changes: int, seconds: float) -> None:
        """A group is durable: records by topic, keys changed, time the commit took."""
        self._group_records.observe(sum(counts.values()))
        self._overlay.observe(changes)
        self._commit.observe(seconds)
        for topic, records in counts.items():
            self._consumed.labels(group=self._group, topic=topic).inc(records)

    def restored(self, partition: int, *, keys: int, per_s: float, eta_s: float) -> None:
        """A step of a restore: keys it put, speed so far, seconds left."""
        self._restored.inc(keys)
        self._restoring.add(partition)
        self._show_restore(partition, per_s=per_s, eta_s=eta_s)

    def opened(self, partition: int) -> None:
        """A partition flows."""
        self._open.inc()
        self._takeovers.inc()
        self._restoring.discard(partition)
        self._show_restore(partition, per_s=0, eta_s=0)

    def _show_restore(self, partition: int, *, per_s: float, eta_s: float) -> None:
        self._restore_rate.labels(self._stage, str(partition)).set(per_s)
        self._restore_eta.labels(self._stage, str(partition)).set(eta_s)

    def state(self, size_bytes: int) -> None:
        """A sample of the live state."""
        self._state_bytes.set(size_bytes)

    def failed(self, error: BaseException) -> bool:
        """The process ends; count it, and say so, where another owner was the reason."""
        cause = error.args[0] if isinstance(error, KafkaException) and error.args else None
        fenced = isinstance(cause, KafkaError) and cause.code() in FENCED_CODES
        if fenced:
            self._fencings.inc()
        return fenced

    def assigned(self) -> None:
        """An assignment has come; whatever was open before, or was being restored, is closed."""
        self._rebalances.inc()
        self._open.set(0)
        for partition in self._restoring:
            self._show_restore(partition, per_s=0, eta_s=0)
        self._restoring.clear()

    def lags(self, lags: Mapping[TopicPartition, int]) -> None:
        """Unread records by partition; partitions that have gone elsewhere disappear."""
        for topic, partition in self._lags_shown - lags.keys():
            self._lag.remove(self._group, topic, str(partition))
        for (topic, partition), records in lags.items():
            self._lag.labels(self._group, topic, str(partition)).set(records)
        self._lags_shown = set(lags)
