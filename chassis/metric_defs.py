"""The metrics of the chassis itself, and the form in which every service declares its own.

Each metric is declared once. Labels are closed sets such as a topic or a state; never a person.
"""

from dataclasses import dataclass
from enum import StrEnum

NAME_PREFIX = "kyufu_"


class MetricType(StrEnum):
    """The kinds that Prometheus knows and this project uses."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class MetricDef:
    """One metric. `name` starts with `kyufu_` and ends with its unit; a counter is exposed with
    `_total` after it. `buckets` are for histograms, in the metric's unit.
    """

    name: str
    type: MetricType
    unit: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.name.startswith(NAME_PREFIX):
            raise ValueError(f"{self.name} does not start with {NAME_PREFIX}")
        if not self.name.endswith("_" + self.unit):
            raise ValueError(f"{self.name} does not end with its unit {self.unit}")
        identifying = [label for label in self.labels if label == "id" or label.endswith("_id")]
        if identifying:
            raise ValueError(f"{self.name} has labels without bound: {identifying}")
        if (self.type is MetricType.HISTOGRAM) != bool(self.buckets):
            raise ValueError(f"{self.name}: buckets belong to histograms, and each has some")


LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

PRODUCED = MetricDef(
    "kyufu_kafka_produced_records",
    MetricType.COUNTER,
    "records",
    ("topic", "result"),
    "Records whose fate is known: acked, unavailable or refused.",
)
PRODUCER_IN_FLIGHT = MetricDef(
    "kyufu_kafka_in_flight_records",
    MetricType.GAUGE,
    "records",
    (),
    "Records handed to the producer and not yet acknowledged.",
)
CONSUMED = MetricDef(
    "kyufu_kafka_consumed_records",
    MetricType.COUNTER,
    "records",
    ("group", "topic"),
    "Records whose effect is durable.",
)
CONSUMER_LAG = MetricDef(
    "kyufu_kafka_lag_records",
    MetricType.GAUGE,
    "records",
    ("group", "topic", "partition"),
    "Records between this consumer's position and the end of the partition.",
)
DEAD_LETTERS = MetricDef(
    "kyufu_dead_letters_records",
    MetricType.COUNTER,
    "records",
    ("consumer", "topic", "reason"),
    "Records set aside because they cannot be decoded or are invalid.",
)
BATCH_SECONDS = MetricDef(
    "kyufu_kafka_batch_handling_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    ("group",),
    "Time that a consumer's handler takes for one batch.",
    LATENCY_BUCKETS_S,
)
OUTBOX_PUBLISHED = MetricDef(
    "kyufu_outbox_published_records",
    MetricType.COUNTER,
    "records",
    ("topic",),
    "Outbox rows that Kafka has acknowledged.",
)
OUTBOX_FAILURES = MetricDef(
    "kyufu_outbox_failed_rounds",
    MetricType.COUNTER,
    "rounds",
    (),
    "Rounds of the outbox relay that were rolled back and will be repeated.",
)
GRPC_HANDLED = MetricDef(
    "kyufu_grpc_handled_requests",
    MetricType.COUNTER,
    "requests",
    ("method", "code"),
    "RPCs answered, by status.",
)
GRPC_SECONDS = MetricDef(
    "kyufu_grpc_handling_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    ("method",),
    "Time to answer an RPC.",
    LATENCY_BUCKETS_S,
)

CHASSIS_METRICS: tuple[MetricDef, ...] = (
    PRODUCED,
    PRODUCER_IN_FLIGHT,
    CONSUMED,
    CONSUMER_LAG,
    DEAD_LETTERS,
    BATCH_SECONDS,
    OUTBOX_PUBLISHED,
    OUTBOX_FAILURES,
    GRPC_HANDLED,
    GRPC_SECONDS,
)
