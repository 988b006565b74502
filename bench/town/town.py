"""A synthetic nation as records for Kafka, drawn as they are read."""

from collections.abc import Iterator
from typing import Final

from bench.town.applications import Applications
from bench.town.keys import TownKeys
from bench.town.mix import TWICE, Expected, Kind, TownPlan, expected_of
from bench.town.people import People
from bench.town.records import TownRecord
from bench.town.registers import Registers

REGISTERS: Final = ("households", "credentials", "accounts", "separations")
# So many households later comes what is sent twice.
AGAIN_AFTER: Final = 1_000
_SECOND: Final = TWICE | {Kind.SEPARATED}


class Town:
    """All records of a plan. Iterators are independent and need memory for one household."""

    def __init__(self, plan: TownPlan, keys: TownKeys) -> None:
        self.plan = plan
        self._people = People(plan)
        self._registers = Registers(plan, self._people, keys)
        self._applications = Applications(self._people, keys)

    def register(self, name: str) -> Iterator[TownRecord]:
        """One register with its closing records."""
        return self._registers.register(name)

    def registers(self) -> Iterator[TownRecord]:
        """All four registers, one after the other."""
        for name in REGISTERS:
            yield from self.register(name)

    def early(self) -> Iterator[TownRecord]:
        """Applications to send before the registers; empty unless the plan is extended."""
        if not self.plan.extended:
            return
        for number in range(self.plan.households):
            if self._people.kind(number) is Kind.EARLY:
                yield self._applications.first(self._people.home(number))

    def applications(self) -> Iterator[TownRecord]:
        """All other applications, in the order of their coming."""
        kind, home = self._people.kind, self._people.home
        first, second = self._applications.first, self._applications.second
        households = self.plan.households
        for number in range(households + AGAIN_AFTER):
            if number < households and kind(number) is not Kind.EARLY:
                yield first(home(number))
            if number >= AGAIN_AFTER and kind(number - AGAIN_AFTER) in _SECOND:
                yield second(home(number - AGAIN_AFTER))

    def expected(self) -> Expected:
        """What the core must have written when all is decided and nobody has answered."""
        return expected_of(self.plan, self._people.cycle, self._people.shift)
