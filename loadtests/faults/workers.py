"""The stage processes of one run: started, tended (started again when they end), hurt, stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devstack.children import signal_group, spawn, stop
from devstack.paths import ROOT
from devstack.ports import HOST
from devstack.readiness import not_ready_because

STAGES = ("identify", "dedup", "link")
READY_DEADLINE_S = 90.0
STOP_DEADLINE_S = 12.0
PAUSE_S = 0.1
RESTART_PAUSE_S = 0.3
LIVES_MAX = 25


class GaveUp(Exception):
    """A process ends again and again, or is never ready."""


@dataclass(slots=True)
class Worker:
    """One slot of a stage. `exits`: how its past lives ended."""

    stage: str
    slot: int
    port: int
    child: "subprocess.Popen[bytes]"
    exits: list[int] = field(default_factory=list)
    restart_at: float | None = None
    kept: bool = True
    """Whether it is started again when it ends."""

    @property
    def name(self) -> str:
        """As in the names of logs."""
        return f"{self.stage}-{self.slot}"


class Workers:
    """Use from one thread only: children die with the thread that started them."""

    def __init__(self, folder: Path, port_base: int, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.all: dict[str, Worker] = {}
        self.kills = 0
        self._folder = folder
        self._port_base = port_base

    def start(self, stage: str, slot: int = 0, *, first: Mapping[str, str] | None = None) -> Worker:
        """Start a slot; `first` holds for its first life only."""
        port = self._port_base + STAGES.index(stage) * 10 + slot
        worker = Worker(stage, slot, port, self._spawn(stage, slot, port, first or {}))
        self.all[worker.name] = worker
        return worker

    def tend(self) -> None:
        """Start again what has ended; call often."""
        for worker in self.all.values():
            if not worker.kept:
                continue
            if worker.restart_at is None:
                status = worker.child.poll()
                if status is not None:
                    worker.exits.append(status)
                    worker.restart_at = time.monotonic() + RESTART_PAUSE_S
                    if len(worker.exits) > LIVES_MAX:
                        raise GaveUp(f"{worker.name} ended {len(worker.exits)} times")
            elif time.monotonic() >= worker.restart_at:
                worker.restart_at = None
                worker.child = self._spawn(worker.stage, worker.slot, worker.port, {})

    def wait_ready(self) -> None:
        """Tend until every kept worker says that it is ready."""
        end = time.monotonic() + READY_DEADLINE_S
        while reasons := {
            worker.name: reason
            for worker in self.all.values()
            if worker.kept and (reason := self._not_ready(worker)) is not None
        }:
            if time.monotonic() > end:
                raise GaveUp(f"not ready: {reasons}")
            self.tend()
            time.sleep(PAUSE_S)

    def kill(self, worker: Worker) -> None:
        """SIGKILL; it is started again."""
        if worker.child.poll() is None:
            signal_group(worker.child, signal.SIGKILL)
            worker.child.wait()
            self.kills += 1

    def leave(self, worker: Worker) -> int:
        """Stop for good; the exit status."""
        worker.kept = False
        stop(worker.child, deadline_s=STOP_DEADLINE_S)
        return worker.child.wait()

    def end(self) -> None:
        """End all, whatever they do."""
        for worker in self.all.values():
            worker.kept = False
            if worker.child.poll() is None:
                signal_group(worker.child, signal.SIGCONT)
                stop(worker.child, deadline_s=0.0, first_signal=signal.SIGKILL)

    @property
    def restarts(self) -> int:
        """Lives beyond the first."""
        return sum(len(worker.exits) for worker in self.all.values())

    def _not_ready(self, worker: Worker) -> str | None:
        return "ended" if worker.child.poll() is not None else not_ready_because(worker.port)

    def _spawn(
        self, stage: str, slot: int, port: int, extra: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        with (self._folder / f"{stage}-{slot}.log").open("ab") as log:
            return spawn(
                [sys.executable, "-m", "services.eligibility", stage],
                environment={
                    **os.environ,
                    "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
                    "KYUFU_BIND_HOST": HOST,
                    "KYUFU_ELIGIBILITY_SLOT": str(slot),
                    "KYUFU_METRICS_PORT": str(port),
                    **self.environment,
                    **extra,
                },
                cwd=ROOT,
                output=log,
            )
