"""The metrics of intake, each declared once."""

from typing import Final

from chassis.metric_defs import LATENCY_BUCKETS_S, MetricDef, MetricType

REQUESTS: Final = MetricDef(
    "kyufu_intake_requests",
    MetricType.COUNTER,
    "requests",
    ("route", "code"),
    "Requests answered, by route and outcome: accepted, ok, or the code of the problem.",
)
REQUESTS_IN_FLIGHT: Final = MetricDef(
    "kyufu_intake_in_flight_requests",
    MetricType.GAUGE,
    "requests",
    (),
    "Requests being answered now.",
)
ACK_SECONDS: Final = MetricDef(
    "kyufu_intake_acknowledgement_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    (),
    "From handing an application to the producer to the broker's acknowledgement.",
    LATENCY_BUCKETS_S,
)
KEY_USES: Final = MetricDef(
    "kyufu_intake_idempotency_requests",
    MetricType.COUNTER,
    "requests",
    ("use",),
    "What was known of the idempotency key: first, repeated, reused, or unchecked.",
)
KEYS_WAITING: Final = MetricDef(
    "kyufu_intake_idempotency_waiting_requests",
    MetricType.GAUGE,
    "requests",
    (),
    "Requests waiting for the idempotency table.",
)
PROJECTED: Final = MetricDef(
    "kyufu_intake_projected_records",
    MetricType.COUNTER,
    "records",
    ("kind",),
    "Records folded into the status projection: submission, decision or payment.",
)
PROJECTION_RESTARTS: Final = MetricDef(
    "kyufu_intake_projection_interruptions",
    MetricType.COUNTER,
    "interruptions",
    (),
    "Times the status projection lost PostgreSQL and began again where its positions stood.",
)

INTAKE_METRICS: Final = (
    REQUESTS,
    REQUESTS_IN_FLIGHT,
    ACK_SECONDS,
    KEY_USES,
    KEYS_WAITING,
    PROJECTED,
    PROJECTION_RESTARTS,
)
