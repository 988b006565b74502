"""The metrics of console."""

from chassis.metric_defs import MetricDef, MetricType

OPEN_REVIEWS = MetricDef(
    "kyufu_console_open_reviews",
    MetricType.GAUGE,
    "reviews",
    (),
    "Reviews that wait for a person.",
)
WAITING_DEAD_LETTERS = MetricDef(
    "kyufu_console_waiting_dead_letters",
    MetricType.GAUGE,
    "letters",
    (),
    "Dead letters that were not replayed.",
)
RESOLVED_REVIEWS = MetricDef(
    "kyufu_console_resolved_reviews",
    MetricType.COUNTER,
    "reviews",
    ("resolution",),
    "Answers given to reviews, repeats of the same answer included.",
)
CONSOLE_METRICS = (OPEN_REVIEWS, WAITING_DEAD_LETTERS, RESOLVED_REVIEWS)
