"""All that intake reads from its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chassis.sensitive import Sensitive
from chassis.settings import env, load


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """Missing variables are named at start; the README lists them."""

    kafka_bootstrap: str = env("KAFKA_BOOTSTRAP")
    # Holds a password.
    database_url: Sensitive[str] = env("DATABASE_URL")
    secrets_dir: Path = env("KYUFU_SECRETS_DIR")
    clients_file: Path = env("KYUFU_INTAKE_CLIENTS")
    http_port: int = env("KYUFU_HTTP_PORT")
    metrics_port: int = env("KYUFU_METRICS_PORT")
    # 0.0.0.0 in a container.
    host: str = env("KYUFU_INTAKE_HOST", "127.0.0.1")
    # How long an application waits for the broker's acknowledgement before the 503.
    acknowledgement_timeout_s: float = env("KYUFU_INTAKE_ACK_TIMEOUT_S", 10.0)
    in_flight_max: int = env("KYUFU_INTAKE_IN_FLIGHT_MAX", 5_000)
    clock_start: datetime | None = env("KYUFU_CLOCK_START", None)
    clock_epoch_s: float | None = env("KYUFU_CLOCK_EPOCH", None)
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")


def load_settings(environ: Mapping[str, str]) -> IntakeSettings:
    """Raises chassis.settings.SettingsError naming every variable that is missing or malformed."""
    return load(IntakeSettings, environ)
