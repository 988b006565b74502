"""The metrics of a stage and of the importer, behind their ports."""

from functools import lru_cache

from prometheus_client import Counter, Histogram

from chassis.metrics import Metrics
from services.eligibility import metric_defs as defs


class PrometheusMeter:
    """Counts into the process's registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._applications = metrics.counter(defs.APPLICATIONS)
        self._age = metrics.histogram(defs.DECISION_AGE)
        self._ignored = metrics.counter(defs.IGNORED)
        self._lines = metrics.counter(defs.REGISTER_LINES)
        # Looking a time series up by its labels costs more than counting in it.
        self._series = lru_cache(maxsize=256)(self._find_series)

    def outcome(self, stage: str, outcome: str, age_s: float) -> None:
        """An application got an outcome, or went on."""
        counter, age = self._series(stage, outcome)
        counter.inc()
        age.observe(age_s)

    def _find_series(self, stage: str, outcome: str) -> tuple[Counter, Histogram]:
        return (
            self._applications.labels(stage=stage, outcome=outcome),
            self._age.labels(stage=stage),
        )

    def ignored(self, stage: str, what: str) -> None:
        """Something changed nothing."""
        self._ignored.labels(stage=stage, what=what).inc()

    def lines(self, register: str, result: str, count: int) -> None:
        """Lines of a register."""
        if count:
            self._lines.labels(register=register, result=result).inc(count)
