"""What one stage process is told. A service's own settings module reads the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from chassis.streams.failpoints import Failpoint, no_failpoint
from chassis.streams.groups import GroupLimits


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """Settings of one stage worker; times in seconds."""

    bootstrap: str
    """Kafka servers, `host:port,host:port`."""
    installation: str
    """Prefix of group and transactional ids. Two installations on one Kafka differ in it, and each
    has topics of its own: a changelog that another group has written means lost offsets here."""
    changelog: str
    """The stage's compacted changelog topic."""
    run_dir: Path
    """Folder for Faust's (empty) data folder; made if missing."""
    dead_letters: str = "deadletters"
    slot: str = "0"
    """Which worker of the stage this is. A restart in the same slot takes its partitions back at
    once (static membership); a slot that is gone for good is missed after `session_timeout_s`."""
    groups: GroupLimits = field(default_factory=GroupLimits)
    fetch_records_max: int = 5_000
    session_timeout_s: float = 10.0
    heartbeat_s: float = 1.0
    transaction_timeout_s: float = 15.0
    """A dead worker's open transaction blocks readers of its partitions for this long at most."""
    dead_letters_per_minute_max: int = 600
    """More than this from one partition is taken for an error of ours: the process stops."""
    stop_timeout_s: float = 4.0
    """How long Faust may take to stop after all partitions are committed."""
    journal: str | None = None
    """Topic that tells, for each transaction, what was read and in which order."""
    rules: str = ""
    """Digest of the rules that decide, for the journal: a rebuild by others verifies nothing."""
    transactions: bool = True
    """Off: outputs, then changelog, then offsets, each durable before the next. Nothing is lost; an
    event can come twice with the same id."""
    failpoint: Failpoint = no_failpoint
    """Told the named steps of each partition, for fault runs."""
