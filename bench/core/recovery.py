"""Back at work with many keys: on the same slot, on another one, and from nothing.

The changelog of link is filled in bulk with keys and values of the size of its own (link keeps no
register, so that its changelog is all of its state); a restore does not read what they mean.
"""

from __future__ import annotations

import random
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.flow import Feeder
from bench.installation import Installation, InstallationFailed, Worker
from bench.town import TownKeys, TownRecord

STAGE: Final = "link"
CHANGELOG: Final = "eligibility.link.changelog"
KEY_PREFIX: Final = b"j"
KEY_BYTES, VALUE_BYTES = 16, 60
OPEN_METRIC: Final = "kyufu_stream_open_partitions"
DEADLINE_S: Final = 900.0
POLL_S: Final = 0.05
NOISE_S: Final = 1.0
"""By so much two starts without keys may differ."""


def measure_recovery(keys: TownKeys, count: int) -> dict[str, Any]:
    """Seconds until all partitions are open, and keys a second of a bulk restore."""
    with Installation(keys) as installation:
        first = _slot(installation, "first")
        empty_s = _until_open(installation, first, 0)
        installation.stop_stages()
        feeder = Feeder(installation.bootstrap)
        feeder.send(_records(count))
        feeder.flush()
        second = installation.folder / "second"  # the same group: another has no offsets
        bulk_s = _until_open(installation, second, 0)
        installation.stop_stages()
        restart_s = _until_open(installation, second, 0)
        _kill(installation)
        takeover_s = _until_open(installation, installation.folder / "third", 1)
        installation.stop_stages()
    return {
        "keys": count,
        "restart_s": round(restart_s, 2),
        "takeover_s": round(takeover_s, 2),
        "restore_keys_per_s": restore_rate(count, bulk_s - empty_s),
        "bulk_restore_s": round(bulk_s, 2),
        "start_without_keys_s": round(empty_s, 2),
    }


def restore_rate(count: int, seconds: float) -> int | None:
    """Keys a second; None where there were too few keys to tell them from a start's own noise."""
    return round(count / seconds) if seconds >= NOISE_S else None


def _slot(installation: Installation, folder: str) -> Path:
    """A new installation id, so that no former member is waited for."""
    installation.name = f"k{uuid.uuid4().hex[:8]}"
    return installation.folder / folder


def _until_open(installation: Installation, run_dir: Path, slot: int) -> float:
    """Start one worker; seconds from its start until it serves every partition."""
    run_dir.mkdir(parents=True, exist_ok=True)
    installation.environ.update(
        {"KYUFU_RUN_DIR": str(run_dir), "KYUFU_ELIGIBILITY_SLOT": str(slot)}
    )
    started = time.monotonic()
    installation.start_stages((STAGE,))
    worker = installation.workers[-1]
    while _open_partitions(installation, worker) < installation.topics.partitions:
        installation.check()
        if time.monotonic() - started > DEADLINE_S:
            raise InstallationFailed("the partitions were not restored in time")
        time.sleep(POLL_S)
    return time.monotonic() - started


def _open_partitions(installation: Installation, worker: Worker) -> int:
    for line in installation.metrics(worker).splitlines():
        if line.startswith(OPEN_METRIC + "{"):
            return int(float(line.rpartition(" ")[2]))
    return 0


def _kill(installation: Installation) -> None:
    """As a machine that is lost: no word to the group."""
    for worker in installation.workers:
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
    installation.workers.clear()


def _records(count: int) -> Iterator[TownRecord]:
    draw = random.Random(count).randbytes
    for _ in range(count):
        key = KEY_PREFIX + draw(KEY_BYTES)
        yield TownRecord(CHANGELOG, key, draw(VALUE_BYTES), "bytes", None)
