"""The rehearsal's figures in words and as JSON, and whether the counts are what they must be."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from bench.national.estimate import HOUSEHOLDS_OF_JAPAN, Arithmetic, all_of_japan
from bench.national.rehearsal import Figures
from bench.town import Expected, Outcome, TownPlan
from bench.usage import Usage

YEN_PER_PERSON: Final = 100_000
_MB, _US = 1e6, 1e6


def differences(expected: Expected, outcomes: Counter[Outcome], approved_yen: int) -> list[str]:
    """What is not as expected, one line each; none where all is."""
    found = [
        f"{' '.join(each).strip()}: expected {expected.outcomes[each]:,}, found {outcomes[each]:,}"
        for each in sorted(expected.outcomes | outcomes)
        if expected.outcomes[each] != outcomes[each]
    ]
    wanted_yen = expected.approved_persons * YEN_PER_PERSON
    if approved_yen != wanted_yen:
        found.append(f"approved yen: expected {wanted_yen:,}, found {approved_yen:,}")
    return found


def as_json(
    plan: TownPlan,
    figures: Figures,
    outcomes: Counter[Outcome],
    wrong: list[str],
    machine: dict[str, object],
) -> dict[str, Any]:
    """Everything measured."""
    cpu = cpu_s(figures)
    arithmetic = _arithmetic(plan, figures)
    return {
        "households": plan.households,
        "share": plan.households / HOUSEHOLDS_OF_JAPAN,
        "seed": plan.seed,
        "extended": plan.extended,
        "rate": figures.rate,
        "applications": figures.applications,
        "applications_s": figures.applications_s,
        "load": {
            name: {
                "records": load.records,
                "seconds": load.seconds,
                "rate": load.rate,
                "reader_cpu_us": load.reader_cpu_s / load.records * _US,
            }
            for name, load in figures.loads.items()
        },
        "cpu_us_per_application": {
            name: seconds / figures.applications * _US for name, seconds in cpu.items()
        },
        "cores_elsewhere": cores_elsewhere(figures),
        "rss_peak_bytes": {name: each.rss_peak_bytes for name, each in figures.after.items()},
        "rss_bytes_at": {f"{at:.0%}": found for at, found in figures.rss_at.items()},
        "disk_bytes": figures.disk,
        "topic_bytes": figures.topic_bytes,
        "state_bytes_per_household": _state_each(plan, figures),
        "outcomes": {" ".join(each).strip(): count for each, count in sorted(outcomes.items())},
        "differences": wrong,
        "all_of_japan": {
            "minutes_load": arithmetic.minutes_load,
            "minutes_applications": arithmetic.minutes_applications,
            "disk_gb": arithmetic.disk_gb,
            "state_gb": arithmetic.state_gb,
        },
        "machine": machine,
    }


def lines(
    plan: TownPlan, figures: Figures, outcomes: Counter[Outcome], wrong: list[str]
) -> Iterator[str]:
    """The report, line by line."""
    yield f"{plan.households:,} households ({plan.households / HOUSEHOLDS_OF_JAPAN:.4f} of Japan)"
    for name, load in figures.loads.items():
        yield (
            f"  registry.{name:<12} {load.records:>12,} records  {load.rate:>9,.0f}/s  "
            f"{load.reader_cpu_s / load.records * _US:.1f} us a record in its stage"
        )
    yield (
        f"  applications          {figures.applications:>12,} in {figures.applications_s:.1f} s  "
        f"{figures.rate:>9,.0f}/s"
    )
    for name, seconds in cpu_s(figures).items():
        yield f"  cpu {name:<12} {seconds / figures.applications * _US:>8.1f} us an application"
    yield f"  cores busy elsewhere {cores_elsewhere(figures):.2f}"
    for name, usage in figures.after.items():
        at = "  ".join(
            f"{quarter:.0%} {found[name] / _MB:.0f}" for quarter, found in figures.rss_at.items()
        )
        yield f"  memory {name:<12} peak {usage.rss_peak_bytes / _MB:>6.0f} MB   at {at} MB"
    for name, size in figures.disk.items():
        yield f"  disk {name:<16} {size / _MB:>9.1f} MB"
    for name, size in sorted(figures.topic_bytes.items(), key=lambda item: -item[1]):
        if size >= plan.households:
            yield f"  topic {name:<36} {size / plan.households:>6.0f} bytes a household"
    for name, each in _state_each(plan, figures).items():
        yield f"  {name:<21} {each:>9.0f} bytes a household"
    for outcome, count in sorted(outcomes.items()):
        yield f"  {' '.join(outcome).strip():<50} {count:>12,}"
    yield from _all_of_japan(plan, figures)
    yield from (f"  WRONG {each}" for each in wrong)
    yield "all outcomes are as expected" if not wrong else "outcomes differ"


def cpu_s(figures: Figures) -> dict[str, float]:
    """CPU seconds of each process while applications flowed."""

    def spent(name: str, after: Usage) -> float:
        before = figures.before.get(name)
        return after.cpu_s - (0.0 if before is None else before.cpu_s)

    found = {name: spent(name, each) for name, each in figures.after.items()}
    return {**found, "generator": figures.feeder_cpu_s}


def cores_elsewhere(figures: Figures) -> float:
    """How many cores others kept busy meanwhile: above a tenth, the rates say little."""
    ours = sum(cpu_s(figures).values())
    return max(0.0, figures.machine_busy_s - ours) / figures.applications_s


def _state_each(plan: TownPlan, figures: Figures) -> dict[str, float]:
    return {
        name: size / plan.households
        for name, size in figures.disk.items()
        if name.startswith("state.")
    }


def _all_of_japan(plan: TownPlan, figures: Figures) -> Iterator[str]:
    each = _arithmetic(plan, figures)
    yield (
        f"  arithmetic for share 1: registers {each.minutes_load:.0f} min, "
        f"applications {each.minutes_applications:.0f} min, "
        f"disk {each.disk_gb:.0f} GB (state {each.state_gb:.0f} GB)"
    )


def _arithmetic(plan: TownPlan, figures: Figures) -> Arithmetic:
    return all_of_japan(
        plan.households,
        load_s=sum(load.seconds for load in figures.loads.values()),
        applications_s=figures.applications_s,
        topic_bytes=figures.topic_bytes,
        state_bytes=sum(v for name, v in figures.disk.items() if name.startswith("state.")),
        partitions=plan.partitions,
    )
