"""Loads the registers, sends the applications, waits until all is decided, and keeps the figures.

Nothing here grows with the share: records are drawn as they are sent, outcomes are only counted,
and sending waits for the stages, so that topics stay as long as retention lets them be.
"""

import time
from dataclasses import dataclass, field
from typing import Final

from bench.flow import Feeder, Lag, OutcomeCounter, chunks
from bench.installation import Installation
from bench.national.loading import PROGRESS_S, STALL_S, Load, Loading, Say
from bench.town import Town
from bench.usage import Usage, machine_busy_s

READERS: Final = {
    "identify": ("applications.submitted", "registry.credentials"),
    "dedup": (
        "applications.identified", "registry.households", "registry.accounts",
        "registry.separations",
    ),
    "link": ("applications.deduplicated", "applications.deduplicated.protected"),
}  # fmt: skip
# Sending stops while the stages are further behind than this, over all their topics.
LAG_MAX: Final = 60_000
POLL_S: Final = 0.1
# When all are there: whether more come than expected.
SETTLE_S: Final = 3.0
QUARTERS: Final = (0.25, 0.5, 0.75, 1.0)


@dataclass(slots=True)
class Figures:
    """What a rehearsal measured."""

    loads: dict[str, Load] = field(default_factory=dict)
    applications: int = 0
    applications_s: float = 0.0
    before: dict[str, Usage] = field(default_factory=dict)
    after: dict[str, Usage] = field(default_factory=dict)
    rss_at: dict[float, dict[str, int]] = field(default_factory=dict)
    feeder_cpu_s: float = 0.0
    machine_busy_s: float = 0.0
    disk: dict[str, int] = field(default_factory=dict)
    topic_bytes: dict[str, int] = field(default_factory=dict)
    dead_letters: int = 0

    @property
    def rate(self) -> float:
        """Applications a second through the whole core, from the first sent to the last decided."""
        return self.applications / self.applications_s


class Rehearsal:
    """One run on a started installation."""

    def __init__(
        self, installation: Installation, town: Town, say: Say, *, preload: bool = False
    ) -> None:
        """`preload`: the stages are started here, when the registers are written."""
        self._preload = preload
        self._installation, self._town, self._say = installation, town, say
        self._expected = town.expected()
        partitions = installation.topics.partitions
        self.figures = Figures()
        self._feeder = Feeder(installation.bootstrap)
        self.counter = OutcomeCounter(installation.bootstrap, partitions)
        self._lags = [
            Lag(installation.bootstrap, installation.group(stage), topics, partitions)
            for stage, topics in READERS.items()
        ]
        self._said_at_s = 0.0

    def run(self) -> Figures:
        """The whole rehearsal."""
        self._feeder.send(self._town.early())
        loading = Loading(self._installation, self._feeder, self._town, self._say)
        self.figures.loads = loading.beforehand() if self._preload else loading.live()
        self._applications()
        self._installation.check()
        figures = self.figures
        figures.disk = self._installation.disk()
        figures.topic_bytes = self._installation.topic_bytes()
        figures.dead_letters = loading.dead_letters()
        return figures

    def close(self) -> None:
        """Leave the broker alone."""
        self.counter.close()
        for lag in self._lags:
            lag.close()

    def _applications(self) -> None:
        figures, counter = self.figures, self.counter
        figures.before = self._installation.usages()
        cpu_s, busy_s, started_s = time.process_time(), machine_busy_s(), time.monotonic()
        sent = 0
        quarters = iter(QUARTERS)
        quarter = next(quarters)
        for chunk in chunks(self._town.applications()):
            sent += self._feeder.send(chunk)
            self._pace(sent)
            while quarter < 1.0 and sent >= quarter * self._expected.applications:
                self._sample(quarter)
                quarter = next(quarters)
        self._feeder.flush()
        wanted = self._expected.outcomes.total()
        counter.last_at_s = time.monotonic()
        while counter.total < wanted and time.monotonic() - counter.last_at_s < STALL_S:
            self._look(sent)
            time.sleep(POLL_S)
        figures.applications = sent
        figures.applications_s = counter.last_at_s - started_s
        figures.feeder_cpu_s = time.process_time() - cpu_s
        figures.machine_busy_s = machine_busy_s() - busy_s
        figures.after = self._installation.usages()
        self._sample(1.0)
        time.sleep(SETTLE_S)
        counter.check()

    def _pace(self, sent: int) -> None:
        """Wait while the stages are behind."""
        while self._behind() > LAG_MAX:
            self._look(sent)
            time.sleep(POLL_S)
        self._look(sent)

    def _behind(self) -> int:
        return sum(lag.total() for lag in self._lags)

    def _look(self, sent: int) -> None:
        self.counter.check()
        self._installation.check()
        if time.monotonic() - self._said_at_s >= PROGRESS_S:
            self._said_at_s = time.monotonic()
            self._say(
                f"applications: {sent:,} of {self._expected.applications:,} sent, "
                f"{self.counter.total:,} outcomes, {self._behind():,} under way"
            )

    def _sample(self, quarter: float) -> None:
        usages = self._installation.usages()
        self.figures.rss_at[quarter] = {name: each.rss_bytes for name, each in usages.items()}
