"""What a stage reports of itself: metrics with the stage's name filled in, and readiness."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import Counter, Gauge

from chassis.clock import Clock
from chassis.kafka.records import TopicPartition
from chassis.metric_defs import CONSUMED, CONSUMER_LAG, DEAD_LETTERS
from chassis.metrics import Metrics
from chassis.streams import metric_defs as defs


class StageReadiness:
    """Says whether all assigned partitions are restored and flow; a health check calls it."""

    def __init__(self) -> None:
        self._reason: str | None = "starting"
        self._opening: set[int] = set()
        self._progress: dict[int, str] = {}

    def check(self) -> str | None:
        """None when ready, else the reason why not."""
        if self._reason is None and self._opening:
            told = "".join(f"; {self._progress[p]}" for p in sorted(self._progress))
            return f"restoring partitions {sorted(self._opening)}{told}"
        return self._reason

    def assigned(self, partitions: set[int]) -> None:
        """An assignment has come; it may be empty where workers outnumber partitions."""
        self._opening = set(partitions)
        self._progress = {}
        self._reason = None

    def restoring(self, partition: int, progress: str | None) -> None:
        """How far a partition's restore is; None when it is through."""
        if progress is None:
            self._progress.pop(partition, None)
        else:
            self._progress[partition] = f"{partition}: {progress}"

    def opened(self, partition: int) -> None:
        """A partition is restored and flows."""
        self._opening.discard(partition)

    def not_ready(self, reason: str) -> None:
        """Rebalancing, stopping or failed."""
        self._reason = reason


class RestoreProgress:
    """Tells how far the restore of one partition is, while it runs on its thread."""

    def __init__(
        self,
        partition: int,
        clock: Clock,
        readiness: StageReadiness,
        *,
        restored: Counter,
        gauges: tuple[Gauge, Gauge, Gauge],
    ) -> None:
        self._partition = partition
        self._clock = clock
        self._readiness = readiness
        self._restored = restored
        self._keys, self._rate, self._eta = gauges
        self._count = 0
        self._started = clock.monotonic()

    def step(self, records: int, *, left: int) -> None:
        """So many records more were replayed; `left`: offsets until the end of this log."""
        self._count += records
        rate = self._count / max(1e-3, self._clock.monotonic() - self._started)
        self._restored.inc(records)
        self._keys.set(self._count)
        self._rate.set(rate)
        self._eta.set(left / max(1.0, rate))
        told = f"{self._count} keys, {rate:.0f} keys/s, {left / max(1.0, rate):.0f} s left"
        self._readiness.restoring(self._partition, told)

    def done(self) -> None:
        """All logs are replayed."""
        self._rate.set(0)
        self._eta.set(0)
        self._readiness.restoring(self._partition, None)


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
        self._restoring = tuple(
            metrics.gauge(each) for each in (defs.RESTORE_KEYS, defs.RESTORE_RATE, defs.RESTORE_ETA)
        )
        self._state = metrics.gauge(defs.STATE_BYTES)
        self._state_shown: set[int] = set()
        self._takeovers = metrics.counter(defs.TAKEOVERS).labels(stage=stage)
        self._fencings = metrics.counter(defs.FENCINGS).labels(stage=stage)
        self._dead_letters = metrics.counter(DEAD_LETTERS)
        self._consumed = metrics.counter(CONSUMED)
        self._lag = metrics.gauge(CONSUMER_LAG)
        self._lags_shown: set[TopicPartition] = set()

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

    def restoring(self, partition: int, clock: Clock, readiness: StageReadiness) -> RestoreProgress:
        """A restore begins."""
        keys, rate, eta = (gauge.labels(self._stage, str(partition)) for gauge in self._restoring)
        return RestoreProgress(
            partition, clock, readiness, restored=self._restored, gauges=(keys, rate, eta)
        )

    def took_over(self) -> None:
        """A partition's former owner is fenced."""
        self._takeovers.inc()

    def fenced(self) -> None:
        """Another owner has fenced us."""
        self._fencings.inc()

    def state_bytes(self, sizes: Mapping[int, int]) -> None:
        """Sizes of the open stores; partitions that have gone elsewhere disappear."""
        for partition in self._state_shown - sizes.keys():
            self._state.remove(self._stage, str(partition))
        for partition, size in sizes.items():
            self._state.labels(self._stage, str(partition)).set(size)
        self._state_shown = set(sizes)

    def opened(self) -> None:
        """A partition flows."""
        self._open.inc()

    def assigned(self) -> None:
        """An assignment has come; whatever was open before is closed."""
        self._rebalances.inc()
        self._open.set(0)

    def lags(self, lags: Mapping[TopicPartition, int]) -> None:
        """Unread records by partition; partitions that have gone elsewhere disappear."""
        for topic, partition in self._lags_shown - lags.keys():
            self._lag.remove(self._group, topic, str(partition))
        for (topic, partition), records in lags.items():
            self._lag.labels(self._group, topic, str(partition)).set(records)
        self._lags_shown = set(lags)
