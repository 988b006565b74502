"""What the board shows: rows of graphs, each with its queries."""

from typing import Final

# title, unit, [(query, legend)]
Graph = tuple[str, str, list[tuple[str, str]]]

MONEY: Final[list[Graph]] = [
    (
        "Yen by station",
        "currencyJPY",
        [("sum by (station) (kyufu_payments_station_yen)", "{{station}}")],
    ),
    (
        "Payments by station",
        "short",
        [("sum by (station) (kyufu_payments_station_payments)", "{{station}}")],
    ),
    ("Bank files by state", "short", [("kyufu_payments_in_state_batches", "{{state}}")]),
    (
        "Waiting for a person",
        "short",
        [
            ("kyufu_console_open_reviews", "reviews"),
            ("sum by (kind) (kyufu_payments_open_tasks)", "money: {{kind}}"),
            ("kyufu_console_waiting_dead_letters", "dead letters"),
        ],
    ),
]
WAY: Final[list[Graph]] = [
    (
        "Requests at intake",
        "reqps",
        [("sum by (route, code) (rate(kyufu_intake_requests_total[1m]))", "{{route}} {{code}}")],
    ),
    (
        "Applications by stage",
        "ops",
        [
            (
                "sum by (stage, outcome) (rate(kyufu_eligibility_applications_total[1m]))",
                "{{stage}} {{outcome}}",
            )
        ],
    ),
    (
        "Decisions that moved money",
        "ops",
        [("sum by (outcome) (rate(kyufu_payments_taken_decisions_total[1m]))", "{{outcome}}")],
    ),
    (
        "Notices ended",
        "ops",
        [
            (
                "sum by (channel, state) (rate(kyufu_notify_ended_notices_total[1m]))",
                "{{channel}} {{state}}",
            )
        ],
    ),
]
DELAYS: Final[list[Graph]] = [
    (
        "Consumer lag",
        "short",
        [("sum by (group, topic) (kyufu_kafka_lag_records)", "{{group}} {{topic}}")],
    ),
    (
        "From submission to outcome",
        "s",
        [
            (
                "histogram_quantile(0.99, sum by (le, stage) "
                "(rate(kyufu_eligibility_decision_age_seconds_bucket[5m])))",
                "p99 {{stage}}",
            )
        ],
    ),
    (
        "Acknowledgement by the broker",
        "s",
        [
            (
                f"histogram_quantile({share}, sum by (le) "
                "(rate(kyufu_intake_acknowledgement_seconds_bucket[5m])))",
                name,
            )
            for share, name in ((0.5, "p50"), (0.99, "p99"))
        ],
    ),
]
STREAM_CORE_FLOW: Final[list[Graph]] = [
    (
        "Lag by stage",
        "short",
        [
            (
                'sum by (group) (kyufu_kafka_lag_records{group=~".+-(identify|dedup|link)"})',
                "{{group}}",
            )
        ],
    ),
    (
        "Records decided at once",
        "short",
        [
            (
                "sum by (stage) (rate(kyufu_stream_batch_records_sum[5m])) / "
                "sum by (stage) (rate(kyufu_stream_batch_records_count[5m]))",
                "mean {{stage}}",
            )
        ],
    ),
    (
        "Commit of a group",
        "s",
        [
            (
                f"histogram_quantile({share}, sum by (le, stage) "
                "(rate(kyufu_stream_commit_seconds_bucket[5m])))",
                f"{name} {{{{stage}}}}",
            )
            for share, name in ((0.5, "p50"), (0.99, "p99"))
        ],
    ),
    (
        "Overlay: state keys changed by a group",
        "short",
        [
            (
                "sum by (stage) (rate(kyufu_stream_overlay_keys_sum[5m])) / "
                "sum by (stage) (rate(kyufu_stream_overlay_keys_count[5m]))",
                "mean {{stage}}",
            )
        ],
    ),
]
STREAM_CORE_STATE: Final[list[Graph]] = [
    (
        "Time left of restores",
        "s",
        [("max by (stage) (kyufu_stream_restore_eta_seconds)", "{{stage}}")],
    ),
    (
        "Keys restored a second",
        "ops",
        [("sum by (stage) (kyufu_stream_restore_keys_per_second)", "{{stage}}")],
    ),
    ("State", "bytes", [("sum by (stage) (kyufu_stream_state_bytes)", "{{stage}}")]),
    (
        "Records set aside by stages",
        "short",
        [
            (
                "sum by (consumer, reason) (increase(kyufu_dead_letters_records_total"
                '{consumer=~".+-(identify|dedup|link)"}[5m]))',
                "{{consumer}} {{reason}}",
            )
        ],
    ),
    (
        "Changes of owner",
        "short",
        [
            (f"sum by (stage) (increase(kyufu_stream_{name}_total[5m]))", f"{name} {{{{stage}}}}")
            for name in ("rebalances", "takeovers", "fencings")
        ],
    ),
]
MACHINERY: Final[list[Graph]] = [
    ("Processes that answer", "short", [('up{job="kyufu"}', "{{process}}")]),
    (
        "Open partitions of the stream core",
        "short",
        [("sum by (stage) (kyufu_stream_open_partitions)", "{{stage}}")],
    ),
    (
        "Dead letters",
        "short",
        [
            (
                "sum by (consumer, reason) (increase(kyufu_dead_letters_records_total[5m]))",
                "{{consumer}} {{reason}}",
            )
        ],
    ),
    (
        "RPCs by status",
        "reqps",
        [
            (
                "sum by (process, code) (rate(kyufu_grpc_handled_requests_total[1m]))",
                "{{process}} {{code}}",
            )
        ],
    ),
]
ROWS: Final = (
    ("Money", MONEY),
    ("The way of the data", WAY),
    ("Delays", DELAYS),
    ("Stream core: flow", STREAM_CORE_FLOW),
    ("Stream core: state", STREAM_CORE_STATE),
    ("Machinery", MACHINERY),
)
