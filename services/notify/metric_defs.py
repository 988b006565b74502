"""The metrics of notify."""

from chassis.metric_defs import MetricDef, MetricType

ACCEPTED = MetricDef(
    "kyufu_notify_accepted_notices",
    MetricType.COUNTER,
    "notices",
    ("source", "result"),
    "Requests for notices by what became of them: created, exists or exists_with_different.",
)
ATTEMPTS = MetricDef(
    "kyufu_notify_delivery_attempts",
    MetricType.COUNTER,
    "attempts",
    ("channel", "result"),
    "Attempts to deliver by channel and result.",
)
ENDED = MetricDef(
    "kyufu_notify_ended_notices",
    MetricType.COUNTER,
    "notices",
    ("template", "channel", "state"),
    "Notices that came to an end: delivered, failed or no_contact.",
)
PENDING = MetricDef(
    "kyufu_notify_pending_notices",
    MetricType.GAUGE,
    "notices",
    (),
    "Notices accepted and not yet ended.",
)

NOTIFY_METRICS = (ACCEPTED, ATTEMPTS, ENDED, PENDING)
