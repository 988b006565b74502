"""The metrics of payments, each declared once. No label names a person."""

from typing import Final

from chassis.metric_defs import MetricDef, MetricType

YEN_AT_STATION: Final = MetricDef(
    "kyufu_payments_station_yen",
    MetricType.GAUGE,
    "yen",
    ("programme", "station"),
    "Yen at each station, all of one snapshot of the ledger.",
)
PAYMENTS_AT_STATION: Final = MetricDef(
    "kyufu_payments_station_payments",
    MetricType.GAUGE,
    "payments",
    ("programme", "station"),
    "Payments at each station, of the same snapshot.",
)
LEDGER_DIFFERENCE: Final = MetricDef(
    "kyufu_payments_ledger_difference_yen",
    MetricType.GAUGE,
    "yen",
    (),
    "Sum over all accounts; anything but 0 is an alarm.",
)
DECISIONS_TAKEN: Final = MetricDef(
    "kyufu_payments_taken_decisions",
    MetricType.COUNTER,
    "decisions",
    ("outcome",),
    "Decisions that took effect, by what became of them.",
)
HOLDS_MOVED: Final = MetricDef(
    "kyufu_payments_moved_by_holds_payments",
    MetricType.COUNTER,
    "payments",
    (),
    "Payments that a hold stopped or that were let go again.",
)
BATCHES_IN_STATE: Final = MetricDef(
    "kyufu_payments_in_state_batches",
    MetricType.GAUGE,
    "batches",
    ("state",),
    "Bank files by state.",
)
OPEN_TASKS: Final = MetricDef(
    "kyufu_payments_open_tasks",
    MetricType.GAUGE,
    "tasks",
    ("kind",),
    "Differences that wait for a person, such as an answer of the bank that does not match.",
)
BANK_ANSWERS: Final = MetricDef(
    "kyufu_payments_bank_answers",
    MetricType.COUNTER,
    "answers",
    ("outcome",),
    "Files of the bank that were read, by what became of them.",
)
NOTICES_SENT: Final = MetricDef(
    "kyufu_payments_handed_notices",
    MetricType.COUNTER,
    "notices",
    ("result",),
    "Notices that notify has taken, or refused for ever.",
)

PAYMENTS_METRICS: Final = (
    YEN_AT_STATION,
    PAYMENTS_AT_STATION,
    LEDGER_DIFFERENCE,
    DECISIONS_TAKEN,
    HOLDS_MOVED,
    BATCHES_IN_STATE,
    OPEN_TASKS,
    BANK_ANSWERS,
    NOTICES_SENT,
)
