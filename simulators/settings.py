"""Environment of the simulator processes."""

from dataclasses import dataclass
from pathlib import Path

from chassis.settings import env


@dataclass(frozen=True, slots=True)
class BankSettings:
    """`accounts`: JSON of accounts that cannot be credited, written with the population."""

    run_dir: Path = env("KYUFU_RUN_DIR")
    accounts: Path = env("KYUFU_BANK_ACCOUNTS")
    metrics_port: int = env("KYUFU_METRICS_PORT")
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")


@dataclass(frozen=True, slots=True)
class ProvidersSettings:
    """SMS provider A answers 500 to one message in `sms_a_failure_every` (0: never)."""

    run_dir: Path = env("KYUFU_RUN_DIR")
    smtp_port: int = env("KYUFU_PROVIDERS_SMTP_PORT")
    sms_a_port: int = env("KYUFU_PROVIDERS_SMS_A_PORT")
    sms_b_port: int = env("KYUFU_PROVIDERS_SMS_B_PORT")
    metrics_port: int = env("KYUFU_METRICS_PORT")
    sms_a_failure_every: int = env("KYUFU_PROVIDERS_SMS_A_FAILURE_EVERY", 50)
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")
