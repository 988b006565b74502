"""The settings of eligibility's processes; the only reader of their environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chassis.settings import env, load

# Offsets from the default port base; the environment names others.
METRICS_PORTS = {"identify": 28411, "dedup": 28412, "link": 28413, "registers": 28421}


@dataclass(frozen=True, slots=True)
class Settings:
    """Of every process. Metrics port 0: the process's own default."""

    kafka_bootstrap: str = env("KAFKA_BOOTSTRAP")
    metrics_port: int = env("KYUFU_METRICS_PORT", 0)
    clock_start: datetime | None = env("KYUFU_CLOCK_START", None)
    clock_epoch_s: float | None = env("KYUFU_CLOCK_EPOCH", None)
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")
    bind_host: str = env("KYUFU_BIND_HOST", "127.0.0.1")

    def metrics_port_of(self, process: str) -> int:
        """Where the process serves /metrics, /live and /ready."""
        return self.metrics_port or METRICS_PORTS[process]


@dataclass(frozen=True, slots=True)
class StageSettings(Settings):
    """Of identify, dedup and link. `slot`: which worker of the stage this is. `transactions`: off
    only where a broker has none. `failpoint`: a step to die at, for fault runs.
    `session_timeout_s`: how long a worker may be silent before another takes its partitions.
    """

    run_dir: Path = env("KYUFU_RUN_DIR")
    installation: str = env("KYUFU_INSTALLATION", "kyufu")
    slot: str = env("KYUFU_ELIGIBILITY_SLOT", "0")
    transactions: bool = env("KYUFU_TRANSACTIONS", True)
    failpoint: str = env("KYUFU_FAILPOINT", "")
    session_timeout_s: float = env("KYUFU_SESSION_TIMEOUT_S", 10.0)


@dataclass(frozen=True, slots=True)
class LinkSettings(StageSettings):
    """Of link, which alone opens sealed values."""

    secrets_dir: Path = env("KYUFU_SECRETS_DIR")


@dataclass(frozen=True, slots=True)
class RebuildSettings:
    """Of a rebuild, which reads and writes nothing. The secrets open what link compares."""

    kafka_bootstrap: str = env("KAFKA_BOOTSTRAP")
    secrets_dir: Path = env("KYUFU_SECRETS_DIR")


@dataclass(frozen=True, slots=True)
class RegistersSettings(Settings):
    """Of the importer and the clock."""

    secrets_dir: Path = env("KYUFU_SECRETS_DIR")
    grpc_port: int = env("KYUFU_GRPC_PORT", 28420)


def stage_settings(environ: Mapping[str, str]) -> StageSettings:
    """Raises SettingsError naming everything that is missing or malformed."""
    return load(StageSettings, environ)


def link_settings(environ: Mapping[str, str]) -> LinkSettings:
    """Raises SettingsError naming everything that is missing or malformed."""
    return load(LinkSettings, environ)


def registers_settings(environ: Mapping[str, str]) -> RegistersSettings:
    """Raises SettingsError naming everything that is missing or malformed."""
    return load(RegistersSettings, environ)


def rebuild_settings(environ: Mapping[str, str]) -> RebuildSettings:
    """Raises SettingsError naming everything that is missing or malformed."""
    return load(RebuildSettings, environ)
