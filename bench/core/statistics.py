"""Medians, spreads and percentiles of measured values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender's one run: records of the main input, seconds, CPU seconds."""

    records: int
    seconds: float
    worker_cpu_s: float
    broker_cpu_s: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def summary(samples: Sequence[Sample]) -> dict[str, object]:
    """Median rate with every round's rate; CPU in microseconds a record."""
    if not samples:
        raise ValueError("no rounds were measured")
    return {
        "rate": round(median(each.rate for each in samples)),
        "rates": [round(each.rate) for each in samples],
        "cpu_us": round(median(each.worker_cpu_s / each.records * 1e6 for each in samples), 2),
        "broker_cpu_us": round(
            median(each.broker_cpu_s / each.records * 1e6 for each in samples), 2
        ),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the least value that `share` of all do not exceed."""
    if not values:
        raise ValueError("no values")
    if not 0 < share <= 1:
        raise ValueError("a share lies above 0 and at most at 1")
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]
