"""The settings of payments; the only reader of its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chassis.sensitive import Sensitive
from chassis.settings import env, load


@dataclass(frozen=True, slots=True)
class Settings:
    """Units last. What has a default is a port, a limit or a name; no secret has one."""

    kafka_bootstrap: str = env("KAFKA_BOOTSTRAP")
    database_url: Sensitive[str] = env("DATABASE_URL")
    secrets_dir: Path = env("KYUFU_SECRETS_DIR")
    notify_address: str = env("KYUFU_NOTIFY_ADDR")
    # Holds bank/to_bank and bank/from_bank.
    run_dir: Path = env("KYUFU_RUN_DIR", Path("var/run"))
    grpc_port: int = env("KYUFU_GRPC_PORT", 28430)
    metrics_port: int = env("KYUFU_METRICS_PORT", 28431)
    bind_host: str = env("KYUFU_BIND_HOST", "127.0.0.1")
    clock_start: datetime | None = env("KYUFU_CLOCK_START", None)
    clock_epoch_s: float | None = env("KYUFU_CLOCK_EPOCH", None)
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")
    # Positions of the consumers live in payments.consumer_offset under these names.
    decisions_group: str = env("KYUFU_PAYMENTS_DECISIONS_GROUP", "payments.decisions")
    holds_group: str = env("KYUFU_PAYMENTS_HOLDS_GROUP", "payments.holds")
    decisions_per_batch_max: int = env("KYUFU_PAYMENTS_DECISIONS_PER_BATCH_MAX", 1_000)
    # How long the partitions of a killed process wait for its successor; brokers allow 6 s and up.
    session_timeout_s: float = env("KYUFU_PAYMENTS_SESSION_TIMEOUT_S", 10.0)
    bank_poll_s: float = env("KYUFU_PAYMENTS_BANK_POLL_S", 0.5)
    notice_poll_s: float = env("KYUFU_PAYMENTS_NOTICE_POLL_S", 0.2)


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError naming everything that is missing or malformed."""
    return load(Settings, environ)
