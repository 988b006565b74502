"""Port numbers of one installation: fixed offsets from one base, so that two can live side by side.

The default base keeps every port below 32768, where Linux begins to hand out ports by itself.
"""

import random
import socket
from dataclasses import dataclass

from devstack.errors import SetupError

DEFAULT_PORT_BASE = 28400
PORT_SPAN = 100
PORT_BASE_MIN = 1024
HOST = "127.0.0.1"
RANDOM_BASE_MIN = 20000
RANDOM_BASE_MAX = 32000
FREE_PORT_ATTEMPTS = 200

OFFSETS = {
    "intake-http": 0, "intake-metrics": 1,
    "identify-metrics": 11, "dedup-metrics": 12, "link-metrics": 13,
    "registers-grpc": 20, "registers-metrics": 21,
    "payments-grpc": 30, "payments-metrics": 31, "postgres": 32,
    "notify-grpc": 40, "notify-metrics": 41,
    "console-grpc": 50, "console-metrics": 51,
    "bank-metrics": 61,
    "smtp": 70, "sms-a": 71, "sms-b": 72, "providers-metrics": 73,
    "kafka": 92, "kafka-controller": 93,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ports:
    """All ports of one installation."""

    base: int = DEFAULT_PORT_BASE

    def __post_init__(self) -> None:
        if not PORT_BASE_MIN <= self.base <= 65535 - PORT_SPAN:
            raise SetupError(
                f"port base {self.base} is out of range: choose "
                f"{PORT_BASE_MIN} to {65535 - PORT_SPAN} (KYUFU_PORT_BASE or --port-base)"
            )

    def of(self, name: str) -> int:
        """Return the port of a name in `OFFSETS`."""
        return self.base + OFFSETS[name]

    def address(self, name: str) -> str:
        """Return `host:port` of a name in `OFFSETS`."""
        return f"{HOST}:{self.of(name)}"


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def random_base(needed: tuple[str, ...], rng: random.Random | None = None) -> Ports:
    """Find a base whose `needed` ports are free (tests run beside each other)."""
    source = rng or random.SystemRandom()
    for _ in range(FREE_PORT_ATTEMPTS):
        ports = Ports(source.randrange(RANDOM_BASE_MIN, RANDOM_BASE_MAX - PORT_SPAN))
        if all(is_free(ports.of(name)) for name in needed):
            return ports
    raise SetupError(
        f"no free ports between {RANDOM_BASE_MIN} and {RANDOM_BASE_MAX}: stop other servers"
    )
