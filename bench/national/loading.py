"""Loads the registers through their topics: as they are sent, or written before the stages start.

Sent live, drawing and writing share the cores with the stages, as an import beside running stages
does. Written beforehand, the rate is that of the stages alone: a first start, or one on a new disk.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.flow import Feeder, Lag, chunks, records_in
from bench.installation import Installation
from bench.town import REGISTERS, Town

Say = Callable[[str], None]

PROGRESS_S: Final = 5.0
POLL_S: Final = 0.05
# Nothing moves for so long though records are missing: the run has failed.
STALL_S: Final = 180.0


class DeadLettersFound(Exception):
    """A town holds nothing undecodable: whatever is set aside is a defect."""


@dataclass(slots=True)
class Load:
    """How one register came in: until the stage had committed it all. `reader_cpu_s`: of all
    workers of that stage.
    """

    records: int
    seconds: float
    reader_cpu_s: float

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


class Loading:
    """Loads the registers of a town into an installation."""

    def __init__(self, installation: Installation, feeder: Feeder, town: Town, say: Say) -> None:
        self._installation, self._feeder, self._town, self._say = installation, feeder, town, say
        self._said_at_s = 0.0

    def live(self) -> dict[str, Load]:
        """Into running stages, one register after the other."""
        return {register: self._live(register) for register in REGISTERS}

    def beforehand(self) -> dict[str, Load]:
        """All into their topics, then start the stages and wait until each register is read."""
        sent = {register: self._write(register) for register in REGISTERS}
        lags = {register: self._lag(register) for register in REGISTERS}
        self._installation.launch()
        began = dict.fromkeys(REGISTERS, time.monotonic())
        ended: dict[str, float] = {}
        cpu_s: dict[str, float] = {}
        moved = 0
        moved_at_s = time.monotonic()
        try:
            while len(ended) < len(REGISTERS):
                behind = {each: lags[each].total() for each in REGISTERS if each not in ended}
                now = time.monotonic()
                for register, left in behind.items():
                    if left == sent[register]:
                        began[register] = now
                        cpu_s[register] = self._cpu_s(register)
                    elif not left:
                        ended[register] = now
                        cpu_s[register] = self._cpu_s(register) - cpu_s.get(register, 0.0)
                if sum(behind.values()) != moved:
                    moved, moved_at_s = sum(behind.values()), now
                elif now - moved_at_s > STALL_S:
                    raise TimeoutError(f"registers are not read: {behind}")
                self._progress("registers", sum(behind.values()))
                time.sleep(POLL_S)
        finally:
            for lag in lags.values():
                lag.close()
        self._installation.wait_ready()
        self._require_no_dead_letters()
        return {
            each: self._loaded(each, Load(sent[each], ended[each] - began[each], cpu_s[each]))
            for each in REGISTERS
        }

    def dead_letters(self) -> int:
        """Records that stages have set aside."""
        installation = self._installation
        return records_in(installation.bootstrap, "deadletters", installation.topics.partitions)

    def _live(self, register: str) -> Load:
        cpu_s, started_s = self._cpu_s(register), time.monotonic()
        lag = self._lag(register)
        try:
            sent = self._write(register)
            self._until_read(register, lag)
        finally:
            lag.close()
        self._require_no_dead_letters()
        seconds, spent_s = time.monotonic() - started_s, self._cpu_s(register) - cpu_s
        return self._loaded(register, Load(sent, seconds, spent_s))

    def _write(self, register: str) -> int:
        sent = 0
        for chunk in chunks(self._town.register(register)):
            sent += self._feeder.send(chunk)
            self._progress(f"registry.{register} sent", sent)
        self._feeder.flush()
        return sent

    def _until_read(self, register: str, lag: Lag) -> None:
        last, last_at_s = -1, time.monotonic()
        while behind := lag.total():
            if behind != last:
                last, last_at_s = behind, time.monotonic()
            elif time.monotonic() - last_at_s > STALL_S:
                raise TimeoutError(f"registry.{register}: {behind} records are not read")
            self._progress(f"registry.{register} to read", behind)
            time.sleep(POLL_S)

    def _loaded(self, register: str, load: Load) -> Load:
        self._say(f"registry.{register}: {load.records:,} records, {load.rate:,.0f}/s")
        return load

    def _require_no_dead_letters(self) -> None:
        if found := self.dead_letters():
            raise DeadLettersFound(f"{found} records in deadletters")

    def _cpu_s(self, register: str) -> float:
        stage = _reader_of(register)
        usages = self._installation.usages()
        return sum(each.cpu_s for name, each in usages.items() if name.startswith(stage))

    def _lag(self, register: str) -> Lag:
        installation = self._installation
        group = installation.group(_reader_of(register))
        partitions = installation.topics.partitions
        return Lag(installation.bootstrap, group, (f"registry.{register}",), partitions)

    def _progress(self, what: str, records: int) -> None:
        if time.monotonic() - self._said_at_s >= PROGRESS_S:
            self._said_at_s = time.monotonic()
            self._installation.check()
            self._say(f"{what}: {records:,}")


def _reader_of(register: str) -> str:
    return "identify" if register == "credentials" else "dedup"
