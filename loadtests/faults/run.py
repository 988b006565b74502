"""One run: fresh topics, three stages, a load, one scenario of faults, rest, the audit."""

import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

from bench.town import Town, TownKeys, TownPlan
from loadtests.faults.auditor import Audit, audit, latest_decisions
from loadtests.faults.books import Found
from loadtests.faults.broker import Broker
from loadtests.faults.feeding import Feeder
from loadtests.faults.reading import read_found
from loadtests.faults.rebuilding import rebuild_findings
from loadtests.faults.registers import REGISTERS_OF, registers_loaded
from loadtests.faults.workers import STAGES, GaveUp, Workers

REST_DEADLINE_S = 120.0
REST_PAUSE_S = 1.0
SETTLE_S = 2.0
TEND_PAUSE_S = 0.05
CLOCK_START = "2020-05-11T00:00:00+00:00"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a run is. `rate`: applications a second."""

    households: int = 6_000
    rate: int = 1_500


@dataclass(frozen=True, slots=True)
class Report:
    """What is printed and kept of a run."""

    scenario: str
    seed: int
    kills: int
    restarts: int
    sent: int
    decided: int
    lost: int
    duplicates: int
    repeats: int
    verdict: str
    findings: tuple[str, ...]
    seconds: float


class Run:
    """What a scenario may use. Everything random comes from `rng`."""

    def __init__(self, broker: Broker, folder: Path, seed: int, size: Size, port_base: int) -> None:
        self.broker = broker
        self.rng = Random(seed)
        self.seed = seed
        self.size = size
        self.state = folder / "state"
        self.transactions = True
        self.poison = 0
        self.findings: list[str] = []
        keys = TownKeys.generate()
        keys.write(folder / "secrets")
        self._keys = keys
        self.workers = Workers(
            folder,
            port_base,
            {
                "KAFKA_BOOTSTRAP": broker.bootstrap,
                "KYUFU_SECRETS_DIR": str(folder / "secrets"),
                "KYUFU_RUN_DIR": str(self.state),
                "KYUFU_CLOCK_START": CLOCK_START,
                "KYUFU_INSTALLATION": f"f{uuid.uuid4().hex[:8]}",
                "KYUFU_SESSION_TIMEOUT_S": "6",
            },
        )

    def begin(self, *, failpoint: str = "") -> None:
        """Registers in, stages up, applications under way. A failpoint holds for the first life
        after the registers were read: an application that waits for one waits once, however
        often it was sent, and then no one could say how often it has to be identified.
        """
        plan = TownPlan(self.size.households, self.seed)
        self.feeder = Feeder(
            self.broker.bootstrap, Town(plan, self._keys), self.rng,
            rate=self.size.rate, poison=self.poison,
        )  # fmt: skip
        self.feeder.load_registers()
        for stage in STAGES:
            self.workers.start(stage)
        self.workers.wait_ready()
        installation = self.workers.environment["KYUFU_INSTALLATION"]
        for stage, registers in REGISTERS_OF.items():
            loaded = self.until(
                partial(
                    registers_loaded, self.broker.bootstrap, f"{installation}-{stage}", registers
                ),
                REST_DEADLINE_S,
            )
            if not loaded:
                raise GaveUp(f"{stage} has never read its registers")
        if failpoint:
            doomed = self.workers.all[f"{failpoint.partition(':')[0]}-0"]
            self.workers.leave(doomed)
            self.workers.start(doomed.stage, first={"KYUFU_FAILPOINT": failpoint})
            self.workers.wait_ready()
        self.feeder.start()

    def wait(self, seconds: float) -> None:
        """Let time pass; whatever ends meanwhile is started again."""
        self.until(lambda: False, seconds)

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait for a condition at most so long; whether it came."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if condition():
                return True
            self.workers.tend()
            time.sleep(TEND_PAUSE_S)
        return condition()

    def expect(self, holds: bool, what: str) -> None:
        """A finding of the scenario's own."""
        if not holds:
            self.findings.append(what)

    def audit(self) -> Audit:
        """Wait until all is decided (or the deadline), then compare the books."""
        self.until(lambda: not self.feeder.is_alive(), REST_DEADLINE_S)
        if self.feeder.error is not None:
            raise self.feeder.error
        self.until(self._decided, REST_DEADLINE_S)
        self.workers.wait_ready()
        self.wait(SETTLE_S)
        found = read_found(self.broker.bootstrap)
        for worker in self.workers.all.values():
            if worker.kept:
                status = self.workers.leave(worker)
                self.expect(status == 0, f"{worker.name} was stopped with status {status}")
        # Without transactions a journal entry can come twice, and a replay would stop at it.
        if self.transactions:
            self.findings += rebuild_findings(self.workers.environment)
        return audit(self.feeder.sent, found, transactions=self.transactions)

    def _decided(self) -> bool:
        time.sleep(REST_PAUSE_S)
        self.feeder.tick()
        found: Found = read_found(self.broker.bootstrap)
        sent = self.feeder.sent
        return latest_decisions(found.decisions).keys() >= sent.applications and sent.poison <= set(
            found.dead_letters
        )


def run_one(
    broker: Broker,
    name: str,
    scenario: Callable[[Run], None],
    seed: int,
    size: Size,
    *,
    port_base: int,
    logs: Path | None = None,
) -> Report:
    """Play one scenario; the logs of a run with findings are kept in `logs`."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kyufu-fault-", ignore_cleanup_errors=True) as name_:
        folder = Path(name_)
        broker.fresh_topics()
        run = Run(broker, folder, seed, size, port_base)
        audited = Audit(0, 0, 0, 0, ())
        try:
            scenario(run)
            audited = run.audit()
        except (GaveUp, TimeoutError) as error:
            run.findings.append(f"{type(error).__name__}: {error}")
        finally:
            run.workers.end()
        findings = (*run.findings, *audited.findings)
        if findings and logs is not None:
            for log in folder.glob("*.log"):
                kept = logs / f"{name}-{seed}-{log.name}"
                kept.write_bytes(log.read_bytes())
    return Report(
        name, seed, run.workers.kills + _failpoint_deaths(run), run.workers.restarts,
        len(run.feeder.sent.applications), audited.decided, audited.lost, audited.duplicates,
        audited.repeats, "FAILED" if findings else "ok", findings,
        round(time.monotonic() - started, 1),
    )  # fmt: skip


def _failpoint_deaths(run: Run) -> int:
    """Lives that ended by SIGKILL at a named step, beyond those the driver killed."""
    killed = sum(each.exits.count(-9) for each in run.workers.all.values())
    return max(0, killed - run.workers.kills)
