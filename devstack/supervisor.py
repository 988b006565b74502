"""Keeps the processes of one installation alive, and ends them all.

Invariants: a process that ends by itself is started again, a bounded number of times; whatever was
started is stopped, whichever way the play ends. Thread-safe: one monitor thread restarts, any
thread may ask and kill.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from devstack.children import signal_group, spawn, stop
from devstack.errors import ProcessFailed
from devstack.paths import ROOT
from devstack.readiness import not_ready_because
from devstack.topology import ProcessSpec

RESTARTS_MAX = 8
# A process that has never been ready is not suffering a passing fault: its settings are wrong.
FALSE_STARTS_MAX = 2
BACKOFF_FIRST_S = 0.2
BACKOFF_MAX_S = 5.0
# A process that held this long before it ended starts its backoff anew (the count stays).
HEALTHY_AFTER_S = 20.0
MONITOR_INTERVAL_S = 0.05
READY_INTERVAL_S = 0.1
STOP_WORKERS = 8
LOG_TAIL_BYTES = 4096
LOG_LINE_CHARS_MAX = 200


@dataclass(slots=True)
class _Running:
    spec: ProcessSpec
    child: subprocess.Popen[bytes]
    started: float
    restarts: int = 0
    backoff_s: float = BACKOFF_FIRST_S
    restart_at: float | None = None
    was_ready: bool = False
    exits: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What a person or a test may know of one process. `exits` are past exit statuses."""

    name: str
    pid: int
    alive: bool
    restarts: int
    exits: tuple[int, ...]


def last_line(log: Path) -> str:
    """Return the end of a log for an error's text, bounded."""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - LOG_TAIL_BYTES))
        lines = stream.read().decode(errors="replace").strip().splitlines()
    return lines[-1][-LOG_LINE_CHARS_MAX:] if lines else "it logged nothing"


class Supervisor:
    """Starts, watches, kills on demand, and stops processes; use as a context manager."""

    def __init__(
        self,
        *,
        logs: Path,
        say: Callable[[str], None] = lambda _: None,
        inherited: Mapping[str, str] | None = None,
        restarts_max: int = RESTARTS_MAX,
    ) -> None:
        self._logs = logs
        self._say = say
        self._inherited = dict(os.environ if inherited is None else inherited)
        self._restarts_max = restarts_max
        self._running: dict[str, _Running] = {}
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._failure: str | None = None
        self._monitor = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> "Supervisor":
        self._logs.mkdir(parents=True, exist_ok=True)
        self._monitor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()

    def start(self, specs: Iterable[ProcessSpec]) -> None:
        """Start these processes; must be called from a thread that outlives them."""
        with self._lock:
            for spec in specs:
                if self._stopping.is_set() or spec.name in self._running:
                    raise ProcessFailed(f"{spec.name} cannot be started now")
                child = self._spawn(spec)
                self._running[spec.name] = _Running(spec, child, started=time.monotonic())

    def wait_ready(self, names: Iterable[str], *, deadline_s: float) -> None:
        """Return when each process says it is ready; ProcessFailed names the one that does not."""
        end = time.monotonic() + deadline_s
        for name in names:
            with self._lock:
                port = self._running[name].spec.metrics_port
            while (reason := not_ready_because(port)) is not None:
                self.check()
                if time.monotonic() >= end:
                    raise ProcessFailed(
                        f"{name} was not ready within {deadline_s:.0f} s ({reason}): "
                        f"see {self._log(name)}"
                    )
                time.sleep(READY_INTERVAL_S)
            with self._lock:
                self._running[name].was_ready = True

    def check(self) -> None:
        """Raise ProcessFailed when a process has gone beyond its restarts."""
        if self._failure is not None:
            raise ProcessFailed(self._failure)

    def kill(self, name: str) -> int:
        """SIGKILL one process, as a fault run does; returns the pid that died."""
        with self._lock:
            running = self._running[name]
            pid = running.child.pid
            signal_group(running.child, signal.SIGKILL)
        self._say(f"killed {name} (pid {pid})")
        return pid

    def states(self) -> tuple[ProcessState, ...]:
        """Return all processes in the order of starting."""
        with self._lock:
            return tuple(
                ProcessState(
                    name, one.child.pid, one.child.poll() is None, one.restarts, tuple(one.exits)
                )
                for name, one in self._running.items()
            )

    def stop_all(self) -> list[str]:
        """Stop the highest tier first; returns who had to be killed. Safe to call twice."""
        self._stopping.set()
        if self._monitor.is_alive() and threading.current_thread() is not self._monitor:
            self._monitor.join()
        with self._lock:
            rest = list(self._running.values())
            self._running.clear()
        killed: list[str] = []
        try:
            for tier in sorted({one.spec.tier for one in rest}, reverse=True):
                killed += self._stop_tier([one for one in rest if one.spec.tier == tier])
        except BaseException:  # a second Ctrl-C: no more patience, but nothing left behind
            for one in rest:
                stop(one.child, deadline_s=0.0, first_signal=signal.SIGKILL)
            raise
        return killed

    def _stop_tier(self, tier: Sequence[_Running]) -> list[str]:
        with ThreadPoolExecutor(max_workers=STOP_WORKERS) as pool:
            graceful = list(
                pool.map(lambda one: stop(one.child, deadline_s=one.spec.stop_deadline_s), tier)
            )
        return [one.spec.name for one, fine in zip(tier, graceful, strict=True) if not fine]

    def _log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _spawn(self, spec: ProcessSpec) -> subprocess.Popen[bytes]:
        with self._log(spec.name).open("ab") as output:
            return spawn(
                [sys.executable, "-m", spec.module, *spec.arguments],
                environment={**self._inherited, **spec.environment},
                cwd=ROOT,
                output=output,
            )

    def _watch(self) -> None:
        """Restart what ended, until `stop_all` begins (children die with the thread that forks)."""
        while not self._stopping.wait(MONITOR_INTERVAL_S):
            with self._lock:
                for one in self._running.values():
                    self._look_after(one, time.monotonic())

    def _look_after(self, one: _Running, now: float) -> None:
        status = one.child.poll()
        if status is None or self._failure is not None:
            return
        if one.restart_at is None:
            self._note_end(one, status, now)
        elif now >= one.restart_at:
            one.child = self._spawn(one.spec)
            one.started, one.restart_at = now, None

    def _note_end(self, one: _Running, status: int, now: float) -> None:
        one.exits.append(status)
        one.restarts += 1
        limit = self._restarts_max if one.was_ready else min(FALSE_STARTS_MAX, self._restarts_max)
        if one.restarts > limit:
            log = self._log(one.spec.name)
            self._failure = (
                f"{one.spec.name} ended {one.restarts} times (last exit {status}; "
                f"{last_line(log)}): see {log}"
            )
            return
        if now - one.started >= HEALTHY_AFTER_S:
            one.backoff_s = BACKOFF_FIRST_S
        one.restart_at = now + one.backoff_s
        self._say(
            f"{one.spec.name} ended (exit {status}): started again in {one.backoff_s:.1f} s "
            f"({one.restarts} of {limit})"
        )
        one.backoff_s = min(one.backoff_s * 2, BACKOFF_MAX_S)
