"""The metrics of eligibility. No label says anything of a person or of a protected party."""

from chassis.metric_defs import MetricDef, MetricType

APPLICATIONS = MetricDef(
    "kyufu_eligibility_applications",
    MetricType.COUNTER,
    "applications",
    ("stage", "outcome"),
    "Applications by stage and what became of them there; onward: handed to the next stage.",
)
DECISION_AGE = MetricDef(
    "kyufu_eligibility_decision_age_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    ("stage",),
    "From submission to the outcome, in the time of clock.ticks.",
    (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0, 86_400.0),
)
IGNORED = MetricDef(
    "kyufu_eligibility_ignored_events",
    MetricType.COUNTER,
    "events",
    ("stage", "what"),
    "Events that changed nothing: retries, resolutions given twice, conflicts.",
)
REGISTER_LINES = MetricDef(
    "kyufu_eligibility_register_lines",
    MetricType.COUNTER,
    "lines",
    ("register", "result"),
    "Lines of imported registers: loaded or refused.",
)
CLOCK_TICKS = MetricDef(
    "kyufu_eligibility_clock_ticks",
    MetricType.COUNTER,
    "ticks",
    (),
    "Rounds of the clock written into every partition.",
)

ELIGIBILITY_METRICS: tuple[MetricDef, ...] = (
    APPLICATIONS,
    DECISION_AGE,
    IGNORED,
    REGISTER_LINES,
    CLOCK_TICKS,
)
