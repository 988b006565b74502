"""python -m loadtests.faults [SCENARIO …] --seeds N --first-seed S --out DIR

One line a run, a report in DIR/faults.json; ends with 1 if there is any finding.
"""

import argparse
import dataclasses
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtests.faults.broker import Broker
from loadtests.faults.run import Report, Size, run_one
from loadtests.faults.scenarios import SCENARIOS

SEEDS = 20
PORTS_FROM, PORTS_TO = 31_000, 32_000


def main(arguments: Sequence[str]) -> int:
    """0 if no run has a finding, else 1; 2 for a scenario that is none."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.faults", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--households", type=int, default=Size().households)
    parser.add_argument("--rate", type=int, default=Size().rate, help="applications a second")
    parser.add_argument("--out", type=Path, default=Path("var/faults"))
    options = parser.parse_args(arguments)
    if unknown := set(options.scenarios) - SCENARIOS.keys():
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    options.out.mkdir(parents=True, exist_ok=True)
    size = Size(options.households, options.rate)
    base = random.SystemRandom().randrange(PORTS_FROM, PORTS_TO)
    reports: list[Report] = []
    with Broker() as broker:
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for name in options.scenarios or SCENARIOS:
                report = run_one(
                    broker, name, SCENARIOS[name], seed, size, port_base=base, logs=options.out
                )
                reports.append(report)
                print(line_of(report), flush=True)
                written = json.dumps([dataclasses.asdict(each) for each in reports], indent=1)
                (options.out / "faults.json").write_text(written, encoding="utf-8")
    failed = sum(report.verdict != "ok" for report in reports)
    kills = sum(report.kills for report in reports)
    print(f"{len(reports)} runs, {kills} kills, {failed} with findings")
    return 1 if failed else 0


def line_of(report: Report) -> str:
    """One run in one line, and a line for each finding."""
    line = (
        f"{report.verdict:6} {report.scenario:24} seed {report.seed:3} kills {report.kills} "
        f"restarts {report.restarts} sent {report.sent} decided {report.decided} lost "
        f"{report.lost} duplicates {report.duplicates} repeats {report.repeats} {report.seconds} s"
    )
    return "\n".join([line, *(f"       {finding}" for finding in report.findings)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
