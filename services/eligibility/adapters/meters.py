"""The metrics of a stage and of the importer, behind their ports."""

from chassis.metrics import Metrics
from services.eligibility import metric_defs as defs


class PrometheusMeter:
    """Counts into the process's registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._applications = metrics.counter(defs.APPLICATIONS)
        self._age = metrics.histogram(defs.DECISION_AGE)
        self._ignored = metrics.counter(defs.IGNORED)
        self._lines = metrics.counter(defs.REGISTER_LINES)

    def outcome(self, stage: str, outcome: str, age_s: float) -> None:
        """An application got an outcome, or went on."""
        self._applications.labels(stage=stage, outcome=outcome).inc()
        self._age.labels(stage=stage).observe(age_s)

    def ignored(self, stage: str, what: str) -> None:
        """Something changed nothing."""
        self._ignored.labels(stage=stage, what=what).inc()

    def lines(self, register: str, result: str, count: int) -> None:
        """Lines of a register."""
        if count:
            self._lines.labels(register=register, result=result).inc(count)
