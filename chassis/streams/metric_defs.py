"""Metrics of a stage process, beside the chassis's own (lag, dead letters)."""

from chassis.metric_defs import LATENCY_BUCKETS_S, MetricDef, MetricType

BATCH_RECORDS = MetricDef(
    "kyufu_stream_batch_records",
    MetricType.HISTOGRAM,
    "records",
    ("stage",),
    "Records that a stage decides at once.",
    (1.0, 10.0, 100.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0),
)
GROUP_RECORDS = MetricDef(
    "kyufu_stream_group_records",
    MetricType.HISTOGRAM,
    "records",
    ("stage",),
    "Records in one transaction of one partition.",
    (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0),
)
COMMIT_SECONDS = MetricDef(
    "kyufu_stream_commit_seconds",
    MetricType.HISTOGRAM,
    "seconds",
    ("stage",),
    "From closing a group until its transaction is committed and its state stored.",
    LATENCY_BUCKETS_S,
)
RESTORED_KEYS = MetricDef(
    "kyufu_stream_restored_keys",
    MetricType.COUNTER,
    "keys",
    ("stage",),
    "Changelog records replayed into stores.",
)
OPEN_PARTITIONS = MetricDef(
    "kyufu_stream_open_partitions",
    MetricType.GAUGE,
    "partitions",
    ("stage",),
    "Partitions that are restored and flow.",
)
REBALANCES = MetricDef(
    "kyufu_stream_rebalances",
    MetricType.COUNTER,
    "rebalances",
    ("stage",),
    "Assignments received.",
)
OVERLAY_KEYS = MetricDef(
    "kyufu_stream_overlay_keys",
    MetricType.HISTOGRAM,
    "keys",
    ("stage",),
    "State keys changed by one group.",
    (1.0, 10.0, 100.0, 1_000.0, 5_000.0, 10_000.0, 20_000.0, 50_000.0),
)

RESTORE_RATE = MetricDef(
    "kyufu_stream_restore_keys_per_second",
    MetricType.GAUGE,
    "per_second",
    ("stage", "partition"),
    "Speed of the restore under way; 0 when none is.",
)
RESTORE_ETA = MetricDef(
    "kyufu_stream_restore_eta_seconds",
    MetricType.GAUGE,
    "seconds",
    ("stage", "partition"),
    "Offsets left by the speed so far; 0 when no restore is under way.",
)
STATE_BYTES = MetricDef(
    "kyufu_stream_state_bytes",
    MetricType.GAUGE,
    "bytes",
    ("stage",),
    "Live state of this process's partitions, in files and write buffers.",
)
FENCINGS = MetricDef(
    "kyufu_stream_fencings",
    MetricType.COUNTER,
    "fencings",
    ("stage",),
    "1 once another owner has fenced this process, which ends within seconds: few scrapes meet it, "
    "and the log's last line says `fenced` as well.",
)
TAKEOVERS = MetricDef(
    "kyufu_stream_takeovers",
    MetricType.COUNTER,
    "takeovers",
    ("stage",),
    "Partitions taken over: former owner fenced, state restored, flowing.",
)

STREAM_METRICS: tuple[MetricDef, ...] = (
    RESTORE_RATE,
    RESTORE_ETA,
    STATE_BYTES,
    FENCINGS,
    TAKEOVERS,
    BATCH_RECORDS,
    GROUP_RECORDS,
    COMMIT_SECONDS,
    RESTORED_KEYS,
    OPEN_PARTITIONS,
    REBALANCES,
    OVERLAY_KEYS,
)
