"""Did every injected defect end where it should? Compares the plan with what was seen."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from simulators.population.plan import Scenario

OFFENDERS_MAX = 10


class SeenEnd(Protocol):
    """What became of one application."""

    @property
    def label(self) -> str: ...
    @property
    def outcome(self) -> str: ...
    @property
    def amount_yen(self) -> int: ...


@dataclass(slots=True)
class LabelVerdict:
    """All scenarios of one label: how many, how many ended as planned, and examples of the rest."""

    scenarios: int = 0
    as_expected: int = 0
    offenders: list[str] = field(default_factory=list)


def compare(
    scenarios: Sequence[Scenario],
    ids_by_scenario: Mapping[int, Sequence[str]],
    ends: Mapping[str, SeenEnd],
    paid_yen: Mapping[str, int],
) -> dict[str, LabelVerdict]:
    """Per label, whether outcomes, decided and paid yen of each scenario are the expected ones."""
    verdicts: dict[str, LabelVerdict] = {}
    for scenario in scenarios:
        verdict = verdicts.setdefault(scenario.label, LabelVerdict())
        verdict.scenarios += 1
        ids = ids_by_scenario.get(scenario.scenario_id, ())
        seen = Counter(ends[one].label if one in ends else "no outcome" for one in ids)
        yen = sum(
            ends[one].amount_yen for one in ids if one in ends and ends[one].outcome == "approved"
        )
        paid = sum(paid_yen.get(one, 0) for one in ids)
        expected = (scenario.expected, scenario.approved_yen, scenario.paid_yen)
        if (seen, yen, paid) == expected:
            verdict.as_expected += 1
        elif len(verdict.offenders) < OFFENDERS_MAX:
            verdict.offenders.append(
                f"scenario {scenario.scenario_id}: {_text(seen)}, ¥{yen:,}, ¥{paid:,} paid; "
                f"expected {_text(scenario.expected)}, ¥{scenario.approved_yen:,}, "
                f"¥{scenario.paid_yen:,} paid; "
                f"applications {', '.join(ids)}"
            )
    return dict(sorted(verdicts.items()))


def _text(counts: Counter[str]) -> str:
    return " + ".join(f"{number} {label}" for label, number in sorted(counts.items())) or "nothing"
