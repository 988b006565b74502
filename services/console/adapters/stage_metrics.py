"""What the stages of the stream core show of themselves, read from their processes' metrics.

A stage may have several processes: counts are summed, histograms added before anything is derived
from them, and of several restores the longest counts. What no process shows stays absent.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from kyufu.staff.v1 import staff_pb2
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from chassis.metric_defs import CONSUMER_LAG, DEAD_LETTERS
from chassis.streams import metric_defs as defs

STAGES: Final = ("identify", "dedup", "link")
COMMIT_QUANTILE: Final = 0.99
_COUNTERS: Final = {
    defs.RESTORED_KEYS.name: "restored_keys",
    defs.REBALANCES.name: "rebalances",
    defs.TAKEOVERS.name: "takeovers",
    defs.FENCINGS.name: "fencings",
}
_GAUGES: Final = {
    defs.OPEN_PARTITIONS.name: "open_partitions",
    defs.STATE_BYTES.name: "state_bytes",
    defs.RESTORE_RATE.name: "restore_keys_per_second",
}
_HISTOGRAMS: Final = (defs.BATCH_RECORDS.name, defs.OVERLAY_KEYS.name, defs.COMMIT_SECONDS.name)
# The consumer of both is the stage's group, `INSTALLATION-STAGE`.
_OF_GROUP: Final = {
    CONSUMER_LAG.name: ("group", "lag_records"),
    DEAD_LETTERS.name: ("consumer", "dead_letters"),
}


@dataclass(slots=True)
class _Histogram:
    """Several processes' observations added up."""

    buckets: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    total: float = 0.0
    count: float = 0.0

    def mean(self) -> float | None:
        return self.total / self.count if self.count else None


@dataclass(slots=True)
class _Stage:
    """One stage while its processes are read."""

    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    histograms: dict[str, _Histogram] = field(default_factory=lambda: defaultdict(_Histogram))
    eta_s: float | None = None


def stages_of(expositions: Iterable[str]) -> list[staff_pb2.StageStatus]:
    """All stages, in the order of the way; one without a process has only its name."""
    found: dict[str, _Stage] = defaultdict(_Stage)
    for exposition in expositions:
        for family in text_string_to_metric_families(exposition):
            _read(family, found)
    return [_message(stage, found[stage]) for stage in STAGES]


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """The value below which `share` of the observations lie, as Prometheus estimates it: linear
    within a bucket; beyond the last bound, that bound. None without observations.
    """
    bounds = sorted(buckets)
    if not bounds or not buckets[bounds[-1]]:
        return None
    wanted = share * buckets[bounds[-1]]
    below, seen = 0.0, 0.0
    for bound in bounds[:-1]:
        if buckets[bound] >= wanted:
            return below + (bound - below) * (wanted - seen) / (buckets[bound] - seen)
        below, seen = bound, buckets[bound]
    return below


def _read(family: Metric, found: dict[str, _Stage]) -> None:
    name = family.name
    for sample in family.samples:
        if sample.name.endswith("_created"):
            continue
        if name in _OF_GROUP:
            label, field_name = _OF_GROUP[name]
            stage = _stage_of_group(sample.labels[label])
            if stage is not None:
                found[stage].sums[field_name] += sample.value
        elif name in _COUNTERS or name in _GAUGES:
            field_name = _COUNTERS.get(name) or _GAUGES[name]
            found[sample.labels["stage"]].sums[field_name] += sample.value
        elif name == defs.RESTORE_ETA.name:
            one = found[sample.labels["stage"]]
            one.eta_s = max(one.eta_s or 0.0, sample.value)
        elif name in _HISTOGRAMS:
            _add(found[sample.labels["stage"]].histograms[name], sample)


def _add(histogram: _Histogram, sample: Sample) -> None:
    if sample.name.endswith("_bucket"):
        histogram.buckets[float(sample.labels["le"])] += sample.value
    elif sample.name.endswith("_sum"):
        histogram.total += sample.value
    elif sample.name.endswith("_count"):
        histogram.count += sample.value


def _stage_of_group(group: str) -> str | None:
    for stage in STAGES:
        if group == stage or group.endswith(f"-{stage}"):
            return stage
    return None


def _message(stage: str, seen: _Stage) -> staff_pb2.StageStatus:
    sums, histograms = seen.sums, seen.histograms

    def whole(name: str) -> int | None:
        return int(sums[name]) if name in sums else None

    return staff_pb2.StageStatus(
        stage=stage,
        lag_records=whole("lag_records"),
        batch_records_mean=histograms[defs.BATCH_RECORDS.name].mean(),
        commit_seconds_p99=quantile(histograms[defs.COMMIT_SECONDS.name].buckets, COMMIT_QUANTILE),
        overlay_keys_mean=histograms[defs.OVERLAY_KEYS.name].mean(),
        open_partitions=whole("open_partitions"),
        restored_keys=whole("restored_keys"),
        restore_keys_per_second=sums.get("restore_keys_per_second"),
        restore_eta_seconds=seen.eta_s,
        state_bytes=whole("state_bytes"),
        dead_letters=whole("dead_letters"),
        rebalances=whole("rebalances"),
        takeovers=whole("takeovers"),
        fencings=whole("fencings"),
    )
