"""Counts what the handlers report."""

from collections.abc import Mapping

from chassis.metrics import Metrics
from services.notify.domain.notices import Accepted
from services.notify.metric_defs import ACCEPTED, ATTEMPTS, ENDED, PENDING


class NoticeCounters:
    """Prometheus behind the port."""

    def __init__(self, metrics: Metrics) -> None:
        self._accepted = metrics.counter(ACCEPTED)
        self._attempts = metrics.counter(ATTEMPTS)
        self._ended = metrics.counter(ENDED)
        self._pending = metrics.gauge(PENDING)

    def accepted(self, source: str, results: Mapping[Accepted, int]) -> None:
        for result, count in results.items():
            self._accepted.labels(source=source, result=result.value).inc(count)

    def attempted(self, channel: str, result: str, count: int) -> None:
        self._attempts.labels(channel=channel, result=result).inc(count)

    def ended(self, template: str, channel: str, state: str) -> None:
        self._ended.labels(template=template, channel=channel, state=state).inc()

    def pending(self, count: int) -> None:
        self._pending.set(count)
