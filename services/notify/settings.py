"""The settings of notify; the only reader of its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chassis.sensitive import Sensitive
from chassis.settings import env, load


@dataclass(frozen=True, slots=True)
class Settings:
    """Units last. Provider and server addresses have no default: notices leave the house there."""

    kafka_bootstrap: str = env("KAFKA_BOOTSTRAP")
    database_url: Sensitive[str] = env("DATABASE_URL")
    secrets_dir: Path = env("KYUFU_SECRETS_DIR")
    smtp: str = env("KYUFU_NOTIFY_SMTP")
    sms_a_url: str = env("KYUFU_NOTIFY_SMS_A")
    sms_b_url: str = env("KYUFU_NOTIFY_SMS_B")
    grpc_port: int = env("KYUFU_GRPC_PORT", 28440)
    metrics_port: int = env("KYUFU_METRICS_PORT", 28441)
    clock_start: datetime | None = env("KYUFU_CLOCK_START", None)
    clock_epoch_s: float | None = env("KYUFU_CLOCK_EPOCH", None)
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")
    bind_host: str = env("KYUFU_BIND_HOST", "127.0.0.1")
    # Consumer group; its positions live in the table notify.consumer_offset.
    group: str = env("KYUFU_NOTIFY_GROUP", "notify")
    # Written into From: and, behind the at sign, into every Message-ID.
    sender: str = env("KYUFU_NOTIFY_SENDER", "no-reply@kyufu.invalid")
    smtp_connections: int = env("KYUFU_NOTIFY_SMTP_CONNECTIONS", 4)
    smtp_timeout_s: float = env("KYUFU_NOTIFY_SMTP_TIMEOUT_S", 10.0)
    sms_timeout_s: float = env("KYUFU_NOTIFY_SMS_TIMEOUT_S", 5.0)
    # 12 attempts with pauses of 0.5 s doubling to 60 s wait out an outage of about six minutes.
    attempts_max: int = env("KYUFU_NOTIFY_ATTEMPTS_MAX", 12)
    pause_first_s: float = env("KYUFU_NOTIFY_PAUSE_FIRST_S", 0.5)
    pause_max_s: float = env("KYUFU_NOTIFY_PAUSE_MAX_S", 60.0)
    batch_max: int = env("KYUFU_NOTIFY_BATCH_MAX", 200)

    def smtp_address(self) -> tuple[str, int]:
        """Host and port; ValueError when the setting has another form."""
        host, _, port = self.smtp.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("KYUFU_NOTIFY_SMTP is not host:port")
        return host, int(port)


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError naming everything that is missing or malformed."""
    return load(Settings, environ)
