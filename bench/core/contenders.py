"""Who competes on a hop, and how each is started, known to be ready, and stopped."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from bench.core.hops import MAIN, REGISTERS
from bench.core.kafka_streams import build
from bench.core.worker import WorkerSettings
from bench.flow import Lag
from bench.installation import Installation, InstallationFailed
from devstack.children import spawn, stop
from devstack.paths import ROOT
from services.eligibility.adapters.parameters_file import load_programmes

READY_DEADLINE_S: Final = 300.0
STOP_DEADLINE_S: Final = 30.0
POLL_S: Final = 0.05
STREAMS_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One contender's one run on one hop."""

    installation: Installation
    hop: str
    name: str
    """Prefix of groups, transactional ids and internal topics; used once."""
    registers: int
    records: int

    @property
    def folder(self) -> Path:
        """Of this run alone."""
        return self.installation.folder / self.name

    @property
    def secrets(self) -> Path:
        """Keys, as an installation mounts them."""
        return self.installation.folder / "secrets"


@dataclass(slots=True)
class Running:
    """A started contender."""

    pids: list[int]
    check: Callable[[], None]
    """Raises InstallationFailed where it has ended by itself."""
    stop: Callable[[], None]


class Contender(Protocol):
    """Starts a process for a run and returns when registers are loaded."""

    @property
    def held(self) -> bool:
        """Whether it reads committed records only, so that an open transaction holds them back."""

    def start(self, run: Run) -> Running:
        """Start it; raises InstallationFailed where it does not become ready."""


class Ours:
    """The stage as an installation runs it; `workers` processes."""

    held = True

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers

    def start(self, run: Run) -> Running:
        """Start the stage and wait until its group has committed the registers."""
        return start_stages(run, (run.hop,), workers=self._workers)


def start_stages(run: Run, stages: tuple[str, ...], *, workers: int = 1) -> Running:
    """Stages of ours under the run's name, ready and with their registers loaded."""
    installation = run.installation
    installation.name, installation.slots = run.name, workers
    installation.environ["KYUFU_RUN_DIR"] = str(run.folder)
    run.folder.mkdir(parents=True, exist_ok=True)
    installation.start_stages(stages)
    for stage in stages:
        lag = Lag(
            installation.bootstrap,
            installation.group(stage),
            REGISTERS[stage],
            installation.topics.partitions,
        )
        _wait(lambda lag=lag: lag.total() == 0, installation.check)  # type: ignore[misc]
        lag.close()
    pids = [each.process.pid for each in installation.workers]
    return Running(pids, installation.check, lambda: _stopped_well(installation.stop_stages()))


def _stopped_well(codes: dict[str, int]) -> None:
    failed = {name: code for name, code in codes.items() if code}
    if failed:
        raise InstallationFailed(f"workers ended with {failed}")


def _wait(done: Callable[[], bool], check: Callable[[], None]) -> None:
    until = time.monotonic() + READY_DEADLINE_S
    while not done():
        check()
        if time.monotonic() > until:
            raise InstallationFailed("a contender did not load its registers in time")
        time.sleep(POLL_S)


@dataclass(frozen=True, slots=True)
class HandWritten:
    """A module of this package as a process."""

    module: str
    held: bool

    def start(self, run: Run) -> Running:
        """Start it and wait for its word."""
        run.folder.mkdir(parents=True, exist_ok=True)
        settings = WorkerSettings(
            hop=run.hop,
            bootstrap=run.installation.bootstrap,
            prefix=run.name,
            changelog=f"eligibility.{run.hop}.changelog",
            secrets=str(run.secrets),
            state=str(run.folder / "state"),
            partitions=run.installation.topics.partitions,
            registers=run.registers,
        )
        settings.write(run.folder / "settings.json")
        command = [
            sys.executable, "-m", f"bench.core.{self.module}", str(run.folder / "settings.json"),
        ]  # fmt: skip
        environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}"}
        return _talking(command, environ, run.folder / "log")


@dataclass(frozen=True, slots=True)
class KafkaStreams:
    """The Java peer. `hop` None: the run's own; "all" runs the three of them in one process."""

    store: str
    held: bool = True
    threads: int = STREAMS_THREADS
    streams: dict[str, str] = field(default_factory=dict)

    def start(self, run: Run) -> Running:
        """Write its settings, start it and wait for its word."""
        folder = run.folder
        folder.mkdir(parents=True, exist_ok=True)
        build.write_branches(folder / "branches")
        (programme,) = load_programmes().values()
        build.write_settings(
            folder / "settings",
            programme,
            bootstrap=run.installation.bootstrap,
            state_dir=folder / "state",
            branches=folder / "branches",
            sealing=run.secrets / "sealing",
            store=self.store,
            threads=self.threads,
            application_prefix=f"{run.name}-",
            streams=self.streams,
        )
        hops = list(MAIN) if run.hop == "all" else [run.hop]
        counts = dict.fromkeys(hops, run.records)
        return _talking(
            build.command(folder / "settings", run.hop, counts), dict(os.environ), folder / "log"
        )


CONTENDERS: Final[dict[str, Contender]] = {
    "ours": Ours(),
    "ours_two_workers": Ours(workers=2),
    "confluent_loop": HandWritten("confluent_loop", held=True),
    "plain_faust": HandWritten("plain_faust", held=False),
    "kafka_streams_rocksdb": KafkaStreams("rocksdb"),
    "kafka_streams_memory": KafkaStreams("memory"),
}


def _talking(command: list[str], environ: dict[str, str], log: Path) -> Running:
    """Start a process that says `ready` on a line of its standard output, kept in `log`."""
    with log.open("ab") as output:
        process = spawn(command, environment=environ, cwd=ROOT, output=output)

    def check() -> None:
        if (code := process.poll()) is not None:
            tail = log.read_text(errors="replace")[-3000:]
            raise InstallationFailed(f"{command[-2:]} ended ({code}):\n{tail}")

    def end() -> None:
        stop(process, deadline_s=STOP_DEADLINE_S, first_signal=signal.SIGTERM)

    try:
        _wait(lambda: '"ready"' in log.read_text(errors="replace"), check)
    except BaseException:
        end()
        raise
    return Running([process.pid], check, end)
