"""When a transaction closes: by count, by age, and sooner where little is waiting.

Pure: the caller brings the time. A commit costs about 14 ms however little it holds. A stage that
falls behind keeps its groups open for long, because what it lacks is time; one that keeps in step
closes them sooner, because whoever reads downstream waits for it; at rest sooner still.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class GroupLimits:
    """Bounds of one transaction of one partition."""

    records_max: int = 20_000
    age_behind_s: float = 0.25
    age_in_step_s: float = 0.1
    age_at_rest_s: float = 0.05
    lag_in_step: int = 500
    """Unread records of the partition, over all inputs, up to which the stage keeps in step."""
    records_at_rest: int = 3
    """Records of the group up to which a stage in step counts as at rest."""


@dataclass(slots=True)
class Group:
    """The open group of one partition; empty until the first record."""

    limits: GroupLimits
    records: int = 0
    opened_at: float | None = None
    _lags: dict[str, int] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether a transaction has begun."""
        return self.opened_at is not None

    def add(self, *, now: float, topic: str, records: int, lag: int) -> None:
        """Count an envelope; the first one opens the group."""
        if self.opened_at is None:
            self.opened_at = now
        self.records += records
        self._lags[topic] = lag

    def closes_at(self) -> float | None:
        """The time at which the group is due, or None while there is nothing to commit."""
        if self.opened_at is None:
            return None
        if self.records >= self.limits.records_max:
            return self.opened_at
        return self.opened_at + self._age_s()

    def _age_s(self) -> float:
        if sum(self._lags.values()) > self.limits.lag_in_step:
            return self.limits.age_behind_s
        if self.records > self.limits.records_at_rest:
            return self.limits.age_in_step_s
        return self.limits.age_at_rest_s

    def is_due(self, now: float) -> bool:
        """Whether the group should be committed now."""
        closes_at = self.closes_at()
        return closes_at is not None and now >= closes_at

    def reset(self) -> None:
        """Forget the group after its commit or abort; the lags stay what they were."""
        self.records = 0
        self.opened_at = None
