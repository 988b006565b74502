"""How a worker fetches: sizes, and how long a broker may hold a fetch that brings too little.

aiokafka keeps one fetch in flight a broker: while the broker holds it for the idle partitions, the
busy ones are not asked either. So the hold is short while records come, and long at rest, where
each fetch is work for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

NEVER_IDLE_MS = 2**31 - 1
"""aiokafka takes a member that fetches nothing for dead. A worker that restores fetches nothing,
for hours if need be; heartbeats and the runner tell who is dead here."""
BUSY_FOR_S = 1.0
"""After the last record a worker counts as busy for so long."""


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How the consumer fetches; all sizes are per worker process."""

    records_max: int = 5_000
    """Most records in one fetch, so that one envelope cannot hold the event loop for long."""
    bytes_min: int = 8_192
    """A fetch with less is held by the broker, so that single records wake no stage."""
    idle_wait_ms: int = 100
    """How long a broker may hold a fetch with too little while nothing comes."""
    busy_wait_ms: int = 20
    """The same while records come."""
    partition_bytes_max: int = 1_048_576
    pace_records: int = 200
    """A fetch with fewer records than this is followed by a pause, else a trickle burns a core."""
    pace_s: float = 0.005
    session_timeout_s: float = 10.0
    heartbeat_s: float = 1.0


class FetchPace:
    """Chooses how long the broker may hold the next fetch."""

    def __init__(self, options: FetchOptions, monotonic: Callable[[], float]) -> None:
        self._options = options
        self._monotonic = monotonic
        self._busy_until = 0.0

    def wait_ms(self, *, found: bool) -> int:
        """For the next fetch, after one that `found` records or none."""
        now = self._monotonic()
        if found:
            self._busy_until = now + BUSY_FOR_S
        return self._options.busy_wait_ms if now < self._busy_until else self._options.idle_wait_ms
