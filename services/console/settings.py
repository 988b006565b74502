"""The settings of console; the only reader of its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from chassis.sensitive import Sensitive
from chassis.settings import SettingsError, env, load


@dataclass(frozen=True, slots=True)
class Settings:
    """Units last."""

    kafka_bootstrap: str = env("KAFKA_BOOTSTRAP")
    database_url: Sensitive[str] = env("DATABASE_URL")
    secrets_dir: Path = env("KYUFU_SECRETS_DIR")
    payments_addr: str = env("KYUFU_PAYMENTS_ADDR")
    registers_addr: str = env("KYUFU_REGISTERS_ADDR")
    grpc_port: int = env("KYUFU_GRPC_PORT", 28450)
    metrics_port: int = env("KYUFU_METRICS_PORT", 28451)
    clock_start: datetime | None = env("KYUFU_CLOCK_START", None)
    clock_epoch_s: float | None = env("KYUFU_CLOCK_EPOCH", None)
    log_level: str = env("KYUFU_LOG_LEVEL", "INFO")
    bind_host: str = env("KYUFU_BIND_HOST", "127.0.0.1")
    # name=url of the HTTP face (/ready, /metrics) of each process that `kyufu status` shows.
    peers: tuple[str, ...] = env("KYUFU_CONSOLE_PEERS", ())
    # Programmes whose yen by station `kyufu status` shows.
    programmes: tuple[str, ...] = env("KYUFU_CONSOLE_PROGRAMMES", ("tokubetsu-teigaku-2020",))
    # Prefix of the consumer groups; their positions live in the table console.consumer_offset.
    group: str = env("KYUFU_CONSOLE_GROUP", "console")
    peer_timeout_s: float = env("KYUFU_CONSOLE_PEER_TIMEOUT_S", 2.0)

    def peer_urls(self) -> dict[str, str]:
        """Peers by name, in the order given."""
        return dict(peer.split("=", 1) for peer in self.peers)


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Raises SettingsError naming everything that is missing or malformed."""
    settings = load(Settings, environ)
    if any("=" not in peer for peer in settings.peers):
        raise SettingsError(["KYUFU_CONSOLE_PEERS is not a list of name=url"])
    return settings
