"""Shows the ledger at each scrape: one snapshot, at most once in a bounded time."""

import threading
from typing import Final

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from psycopg_pool import PoolTimeout

from chassis.clock import Clock
from chassis.logging import get_logger
from chassis.metrics import Metrics
from services.payments.metric_defs import (
    BATCHES_IN_STATE,
    LEDGER_DIFFERENCE,
    OPEN_TASKS,
    PAYMENTS_AT_STATION,
    YEN_AT_STATION,
)
from services.payments.ports import Snapshots

REFRESH_EVERY_S: Final = 1.0


class LedgerGauges(Collector):
    """A collector without metrics of its own: it refreshes the declared gauges before they are
    read, because registries collect in the order of registration.
    """

    def __init__(self, snapshots: Snapshots, clock: Clock) -> None:
        self._snapshots = snapshots
        self._metrics: Metrics | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._refreshed_s: float | None = None

    def fill(self, metrics: Metrics) -> None:
        """Name the gauges; they must be registered after this collector."""
        self._metrics = metrics

    def collect(self) -> list[GaugeMetricFamily]:
        self.refresh()
        return []

    def refresh(self) -> None:
        """Read the ledger, unless that was done a moment ago. With the database away the last
        figures stay; readiness tells.
        """
        with self._lock:
            now_s = self._clock.monotonic()
            if self._refreshed_s is not None and now_s - self._refreshed_s < REFRESH_EVERY_S:
                return
            self._refreshed_s = now_s
            if self._metrics is None:
                return
            try:
                self._show(self._metrics)
            except (psycopg.OperationalError, PoolTimeout) as error:
                get_logger().warning("ledger cannot be shown", exc_info=error)

    def _show(self, metrics: Metrics) -> None:
        yen: dict[tuple[str, str], int] = {}
        payments: dict[tuple[str, str], int] = {}
        for station in self._snapshots.stations(""):
            key = (station.programme, station.station)
            yen[key] = yen.get(key, 0) + station.amount_yen
            payments[key] = payments.get(key, 0) + station.payments
        for (programme, name), amount in yen.items():
            metrics.gauge(YEN_AT_STATION).labels(programme, name).set(amount)
            metrics.gauge(PAYMENTS_AT_STATION).labels(programme, name).set(
                payments[programme, name]
            )
        metrics.gauge(LEDGER_DIFFERENCE).set(self._snapshots.difference_yen())
        for state, count in self._snapshots.batch_counts().items():
            metrics.gauge(BATCHES_IN_STATE).labels(state).set(count)
        for kind, count in self._snapshots.open_tasks().items():
            metrics.gauge(OPEN_TASKS).labels(kind).set(count)
