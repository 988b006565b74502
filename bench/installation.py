"""An installation of the core to measure: a broker of its own and the three stages as processes.

All lies in one folder below var/bench and is removed at the end. The stages run as an installation
runs them (`python -m services.eligibility STAGE`); nothing in them knows that it is measured.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.topics import TopicSettings
from bench.town import TownKeys
from bench.usage import Usage, folder_bytes, usage_of
from chassis.kafka.topics import TopicCatalogue
from devstack.children import spawn, stop
from devstack.kafka.server import KafkaServer
from devstack.paths import CACHE, ROOT
from devstack.ports import is_free, random_base
from devstack.servers import needed_ports
from devstack.toolchain import find_java, kafka_jars

STAGES: Final = ("identify", "dedup", "link")
READY_DEADLINE_S: Final = 120.0
STOP_DEADLINE_S: Final = 30.0
HTTP_TIMEOUT_S: Final = 5.0
POLL_S: Final = 0.1
# Below the ports that Linux hands out: asking one of those may connect to itself.
METRICS_PORTS_FROM: Final = 10_000
METRICS_PORTS_MAX: Final = 10_000
# The towns' days, so that ages in metrics are not years.
CLOCK_START: Final = "2020-05-11T00:00:00+00:00"


class InstallationFailed(Exception):
    """A part of the installation did not start, or ended by itself."""


@dataclass(slots=True)
class Worker:
    """One stage process."""

    stage: str
    slot: int
    process: "subprocess.Popen[bytes]"
    port: int
    log: Path


@dataclass
class Installation:
    """Use as a context manager. `slots`: workers of each stage."""

    keys: TownKeys
    topics: TopicSettings = field(default_factory=TopicSettings)
    slots: int = 1
    keep: bool = False
    environ: dict[str, str] = field(default_factory=dict)
    root: Path = ROOT / "var" / "bench"

    def __post_init__(self) -> None:
        self.name = f"b{uuid.uuid4().hex[:8]}"
        self.folder = self.root / self.name
        self.catalogue = TopicCatalogue.load()
        self.workers: list[Worker] = []
        self._broker: KafkaServer | None = None

    def __enter__(self) -> Self:
        try:
            self.start_broker()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def bootstrap(self) -> str:
        """The broker's address."""
        if self._broker is None:
            raise InstallationFailed("the broker is not started")
        return self._broker.bootstrap

    @property
    def run_dir(self) -> Path:
        """Where the stages keep their state."""
        return self.folder / "run"

    def group(self, stage: str) -> str:
        """The consumer group of a stage."""
        return f"{self.name}-{stage}"

    def start_broker(self) -> None:
        """Start Kafka and create the core's topics."""
        self.keys.write(self.folder / "secrets")
        ports = random_base(needed_ports({}))
        java = find_java()
        self._broker = KafkaServer(
            java=java,
            jars=kafka_jars(CACHE, java),
            folder=self.folder / "kafka",
            log=self.folder / "logs" / "kafka.log",
            port=ports.of("kafka"),
            controller_port=ports.of("kafka-controller"),
            # The defaults look every five minutes, in which a bench writes the disk full.
            settings={"log.retention.check.interval.ms": "5000", "log.cleaner.backoff.ms": "5000"},
        )
        self._broker.format()
        self._broker.start()
        self._broker.wait_ready()
        self.topics.create(self.bootstrap, [self.catalogue[name] for name in self.topic_names()])

    def start_stages(self, stages: Sequence[str] = STAGES) -> None:
        """Start the workers of stages and wait until all are ready."""
        self.launch(stages)
        self.wait_ready()

    def launch(self, stages: Sequence[str] = STAGES) -> None:
        """Start the workers of stages without waiting for them."""
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self.workers.extend(
            self._start(stage, slot) for stage in stages for slot in range(self.slots)
        )

    def wait_ready(self) -> None:
        """Return once all workers say that they are ready."""
        until = time.monotonic() + READY_DEADLINE_S
        for worker in self.workers:
            while not _is_ready(worker.port):
                self.check()
                if time.monotonic() > until:
                    raise InstallationFailed(f"{worker.stage} is not ready:\n{_tail(worker.log)}")
                time.sleep(POLL_S)

    def check(self) -> None:
        """Raises InstallationFailed where a process has ended by itself."""
        for worker in self.workers:
            if (code := worker.process.poll()) is not None:
                tail = _tail(worker.log)
                raise InstallationFailed(f"{worker.stage}/{worker.slot} ended ({code}):\n{tail}")
        if self._broker is not None and self._broker.exit_code() is not None:
            raise InstallationFailed("the broker ended")

    def usages(self) -> dict[str, Usage]:
        """By process: `identify/0`, …, and `broker`."""
        found = {f"{each.stage}/{each.slot}": usage_of(each.process.pid) for each in self.workers}
        if self._broker is not None and self._broker.pid is not None:
            found["broker"] = usage_of(self._broker.pid)
        return found

    def metrics(self, worker: Worker) -> str:
        """A worker's metrics in Prometheus' text form."""
        url = f"http://127.0.0.1:{worker.port}/metrics"
        with urllib.request.urlopen(url, timeout=HTTP_TIMEOUT_S) as response:
            return str(response.read().decode())

    def disk(self) -> dict[str, int]:
        """Bytes of topics and of each stage's state."""
        stores = dict.fromkeys(STAGES, 0)
        for folder in self.run_dir.rglob("*"):
            if folder.name in stores and folder.is_dir():
                stores[folder.name] += folder_bytes(folder)
        topics = folder_bytes(self.folder / "kafka" / "data")
        return {"topics": topics, **{f"state.{stage}": size for stage, size in stores.items()}}

    def topic_bytes(self) -> dict[str, int]:
        """Bytes of each of the core's topics."""
        data, found = self.folder / "kafka" / "data", dict[str, int]()
        for name in self.topic_names():
            parts = (data / f"{name}-{each}" for each in range(self.topics.partitions))
            found[name] = sum(folder_bytes(part) for part in parts)
        return found

    def topic_names(self) -> list[str]:
        """The topics that the stages and the importer read and write."""
        names = set[str]()
        for principal in ("registers", *STAGES):
            names.update(self.catalogue.written_by(f"eligibility.{principal}"))
            names.update(self.catalogue.read_by(f"eligibility.{principal}"))
        return sorted(names)

    def stop_stages(self) -> dict[str, int]:
        """End the workers in order; exit statuses by worker."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        codes = {}
        for worker in self.workers:
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(STOP_DEADLINE_S)
            # A second TERM would end a worker that is still committing; this finds it ended.
            stop(worker.process, deadline_s=0.0, first_signal=signal.SIGKILL)
            codes[f"{worker.stage}/{worker.slot}"] = worker.process.returncode
        self.workers.clear()
        return codes

    def close(self) -> None:
        """Stop all; remove the folder unless it is kept."""
        try:
            self.stop_stages()
            if self._broker is not None:
                self._broker.stop()
        finally:
            if not self.keep:
                shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, stage: str, slot: int) -> Worker:
        port = _free_port()
        log = self.folder / "logs" / f"{stage}-{slot}.log"
        environ = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}",
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "KYUFU_SECRETS_DIR": str(self.folder / "secrets"),
            "KYUFU_RUN_DIR": str(self.run_dir),
            "KYUFU_INSTALLATION": self.name,
            "KYUFU_ELIGIBILITY_SLOT": str(slot),
            "KYUFU_METRICS_PORT": str(port),
            "KYUFU_CLOCK_START": CLOCK_START,
            **self.environ,
        }
        with log.open("ab") as output:
            process = spawn(
                [sys.executable, "-m", "services.eligibility", stage],
                environment=environ,
                cwd=ROOT,
                output=output,
            )
        return Worker(stage, slot, process, port, log)


_ports_given: set[int] = set()


def _free_port() -> int:
    """A port that is free and was not given before."""
    for offset in range(METRICS_PORTS_MAX):
        port = METRICS_PORTS_FROM + (os.getpid() * 7 + offset) % METRICS_PORTS_MAX
        if port not in _ports_given and is_free(port):
            _ports_given.add(port)
            return port
    raise InstallationFailed("no free port for metrics")


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=HTTP_TIMEOUT_S):
            return True
    except OSError:
        return False


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-3000:] if log.exists() else ""
