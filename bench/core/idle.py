"""What the stages cost while nothing comes: CPU of each process, as a share of one core."""

from __future__ import annotations

import time
from typing import Final

from bench.installation import STAGES, Installation
from bench.town import TownKeys
from bench.usage import usage_of

SETTLE_S: Final = 10.0
"""Imports, first fetches and the joining of the group are behind them by then."""


def measure_idle(keys: TownKeys, seconds: float) -> dict[str, float]:
    """Percent of a core by stage, ready and without a record to read."""
    with Installation(keys) as installation:
        installation.start_stages(STAGES)
        pids = {worker.stage: worker.process.pid for worker in installation.workers}
        time.sleep(SETTLE_S)
        before = {stage: usage_of(pid).cpu_s for stage, pid in pids.items()}
        started = time.monotonic()
        time.sleep(seconds)
        installation.check()
        elapsed_s = time.monotonic() - started
        return {
            stage: round(100 * (usage_of(pid).cpu_s - before[stage]) / elapsed_s, 2)
            for stage, pid in pids.items()
        }
