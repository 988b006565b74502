"""All stages on one machine: a process per stage and slot, each started again when it ends.

A stage that fails ends its process by design, so that nothing goes on in doubt; somebody must start
it again. In containers that is the orchestrator; on one machine it is this. Invariants: no child
outlives its supervisor (each gets SIGTERM, then SIGKILL after a bound); a child that keeps failing
ends the supervisor too, with status 1, so that it is seen.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from chassis.logging import get_logger
from services.eligibility.settings import METRICS_PORTS

STAGES: Final = ("identify", "dedup", "link")
WORKERS_MAX: Final = 12
PORT_STRIDE: Final = 100
"""Between the metrics ports of two slots of one stage."""
FAILURES_MAX: Final = 5
FAILURE_WINDOW_S: Final = 60.0
"""More failures of one child within this time are no passing fault."""
RESTART_PAUSE_S: Final = 0.5
POLL_S: Final = 0.1
STOP_DEADLINE_S: Final = 12.0


@dataclass(slots=True)
class _Child:
    stage: str
    slot: int
    process: "subprocess.Popen[bytes] | None" = None
    start_at: float = 0.0
    failed_at: deque[float] = field(default_factory=deque)

    @property
    def name(self) -> str:
        return f"{self.stage}-{self.slot}"

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Its own slot and metrics port; the rest is inherited. A metrics port in the environment
        is that of the first process, and the others follow it.
        """
        given = int(environ.get("KYUFU_METRICS_PORT") or 0)
        first = given + STAGES.index(self.stage) if given else METRICS_PORTS[self.stage]
        port = first + self.slot * PORT_STRIDE
        return {
            **environ,
            "KYUFU_ELIGIBILITY_SLOT": str(self.slot),
            "KYUFU_METRICS_PORT": str(port),
        }


class AllInOne:
    """Starts `workers` processes of each stage and keeps them running."""

    def __init__(self, workers: int, environ: Mapping[str, str]) -> None:
        if not 1 <= workers <= WORKERS_MAX:
            raise ValueError(f"workers must be from 1 to {WORKERS_MAX}")
        self._environ = environ
        self._children = [_Child(stage, slot) for stage in STAGES for slot in range(workers)]
        self._stopping = threading.Event()
        self._log = get_logger()

    def run(self) -> int:
        """Run until SIGTERM or SIGINT (0) or until a child has failed too often (1)."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, lambda *_: self._stopping.set())
        status = 0
        try:
            while not self._stopping.wait(POLL_S):
                if not all(self._look_after(child) for child in self._children):
                    status = 1
                    break
        finally:
            self._stop(child for child in self._children if child.process is not None)
        return status

    def _look_after(self, child: _Child) -> bool:
        """Start it where it does not run; False when it has failed too often."""
        now = time.monotonic()
        if child.process is None:
            if now >= child.start_at:
                child.process = subprocess.Popen(  # noqa: S603 - our own module and arguments
                    [sys.executable, "-m", "services.eligibility", child.stage],
                    env=child.environment(self._environ),
                    start_new_session=True,  # Ctrl-C reaches the supervisor alone
                )
                self._log.info("stage process started", child=child.name, pid=child.process.pid)
            return True
        status = child.process.poll()
        if status is None:
            return True
        child.process = None
        child.start_at = now + RESTART_PAUSE_S
        child.failed_at.append(now)
        while child.failed_at[0] < now - FAILURE_WINDOW_S:
            child.failed_at.popleft()
        self._log.warning("stage process ended", child=child.name, status=status)
        if len(child.failed_at) > FAILURES_MAX:
            self._log.error("a stage process keeps failing", child=child.name)
            return False
        return True

    def _stop(self, children: Iterable[_Child]) -> None:
        processes = [child.process for child in children if child.process is not None]
        for process in processes:
            process.terminate()
        until = time.monotonic() + STOP_DEADLINE_S
        for process in processes:
            try:
                process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
