"""Turns metric definitions into Prometheus metrics in one registry per process.

Asking for a metric that was not declared, or as another kind, is an error at once and not a
silently new time series.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from chassis.metric_defs import CHASSIS_METRICS, MetricDef, MetricType


class Metrics:
    """The metrics of one process: the service's own definitions and the chassis's.

    The answers are prometheus_client objects: `metrics.counter(DEF).labels(topic="…").inc()`.
    """

    def __init__(
        self, defs: Iterable[MetricDef] = (), registry: CollectorRegistry | None = None
    ) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        seen: dict[str, MetricDef] = {}
        for definition in (*CHASSIS_METRICS, *defs):
            known = seen.setdefault(definition.name, definition)
            if known is not definition:
                raise ValueError(f"metric {definition.name} is declared twice")
        for definition in seen.values():
            self._build(definition)

    def _build(self, definition: MetricDef) -> None:
        name, text, labels = definition.name, definition.help, definition.labels
        match definition.type:
            case MetricType.COUNTER:
                self._counters[name] = Counter(name, text, labels, registry=self.registry)
            case MetricType.GAUGE:
                self._gauges[name] = Gauge(name, text, labels, registry=self.registry)
            case MetricType.HISTOGRAM:
                self._histograms[name] = Histogram(
                    name, text, labels, registry=self.registry, buckets=definition.buckets
                )

    def counter(self, definition: MetricDef | str) -> Counter:
        """The declared counter; KeyError when there is none of this name."""
        return self._counters[_name(definition)]

    def gauge(self, definition: MetricDef | str) -> Gauge:
        """The declared gauge; KeyError when there is none of this name."""
        return self._gauges[_name(definition)]

    def histogram(self, definition: MetricDef | str) -> Histogram:
        """The declared histogram; KeyError when there is none of this name."""
        return self._histograms[_name(definition)]


def _name(definition: MetricDef | str) -> str:
    return definition if isinstance(definition, str) else definition.name
