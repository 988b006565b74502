"""A synthetic nation as ready-made Kafka records, and what the core must make of them.

Everything about a household follows from (keys, seed, its number): memory does not grow.
"""

from bench.town.keys import TownKeys
from bench.town.mix import Expected, Kind, Outcome, TownPlan
from bench.town.records import TownRecord
from bench.town.town import REGISTERS, Town

__all__ = [
    "REGISTERS", "Expected", "Kind", "Outcome", "Town", "TownKeys", "TownPlan", "TownRecord",
]  # fmt: skip
