"""The dated rules of a programme, as the parameters' file gives them. Dates YYYYMMDD, inclusive."""

from dataclasses import dataclass

from services.eligibility.domain.words import Yen


@dataclass(frozen=True, slots=True)
class Window:
    """When applications are taken, by the legal day of their submission."""

    opens_on: int
    closes_on: int

    def holds(self, day: int) -> bool:
        """Whether an application of this day is in time."""
        return self.opens_on <= day <= self.closes_on


@dataclass(frozen=True, slots=True)
class Programme:
    """One benefit and what decides it."""

    programme: str
    rule_version: str
    snapshot_id: str
    base_date: int
    window: Window
    # by municipality code, where it differs from `window`
    windows: dict[str, Window]
    yen_per_person: Yen
    occurrence: str
    claim_yen_max: Yen

    def window_of(self, municipality_code: str) -> Window:
        """The window that holds in a municipality."""
        return self.windows.get(municipality_code, self.window)


Programmes = dict[str, Programme]
