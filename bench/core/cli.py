"""`python -m bench core`: the hops and the whole core, ours and its peers, in one table and a file.

Exit status: 0 when all was measured, 1 when a contender's outputs differ from the rules', 2 when
it cannot run at all.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench.core.contenders import CONTENDERS
from bench.core.hops import BATCH, Feed, feeds_of
from bench.core.kafka_streams import build
from bench.core.measuring import OutputsDiffer, load_registers, measure, part_of
from bench.core.statistics import Sample, summary
from bench.core.table import table_of
from bench.installation import STAGES, Installation
from bench.machine import describe
from bench.town import Town, TownKeys, TownPlan

SEED: Final = 20_200_427
PARTITIONS: Final = 4
PLAIN_FAUST_SHARE: Final = 10
"""Plain Faust gets a tenth of the input: it would take most of the run's time otherwise."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench core", description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--quick", action="store_true", help="one round, less than ten minutes")
    parser.add_argument("--households", type=int, help="size of the town")
    parser.add_argument("--rounds", type=int, help="rounds of alternation")
    parser.add_argument("--hops", nargs="*", default=list(STAGES), choices=STAGES)
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS), choices=CONTENDERS)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for."""
    options = _parser().parse_args(arguments)
    options.households = options.households or (60_000 if options.quick else 200_000)
    options.rounds = options.rounds or (1 if options.quick else 3)
    results: dict[str, Any] = {"hops": {}, "machine": describe(), "settings": _said(options)}
    try:
        _run(options, results)
    except OutputsDiffer as different:
        sys.stderr.write(f"the outputs differ: {different}\n")
        return 1
    finally:
        options.json.write_text(json.dumps(results, indent=2) + "\n")
    print(table_of(results))
    return 0


def _said(options: argparse.Namespace) -> dict[str, object]:
    return {
        "households": options.households,
        "rounds": options.rounds,
        "seed": SEED,
        "partitions": PARTITIONS,
        "kafka_streams_threads": 2,
        "ours_processes": 1,
    }


def _run(options: argparse.Namespace, results: dict[str, Any]) -> None:
    if lacking := build.missing():
        options.contenders = [e for e in options.contenders if not e.startswith("kafka_streams")]
        results["absent"] = lacking
        print(f"left out: {lacking}")
    keys = TownKeys.generate()
    town = Town(TownPlan(options.households, SEED, partitions=PARTITIONS), keys)
    with tempfile.TemporaryDirectory() as folder:
        keys.write(Path(folder) / "secrets")
        feeds = feeds_of(town, Path(folder) / "secrets", PARTITIONS, options.hops)
    with Installation(keys) as installation:
        for hop in options.hops:
            results["hops"][hop] = {}
            measure_hop(
                installation, feeds[hop], options.contenders, options.rounds, results["hops"][hop]
            )


def measure_hop(
    installation: Installation,
    feed: Feed,
    contenders: Sequence[str],
    rounds: int,
    results: dict[str, Any],
) -> None:
    """Every contender in turn, round by round."""
    registers = load_registers(installation, feed)
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    warm = _whole_batches(len(feed.main) // 5)
    for number in range(rounds):
        for name in contenders:
            records, before = len(feed.main), warm
            if name == "plain_faust":
                records = _whole_batches(len(feed.main) // PLAIN_FAUST_SHARE) + BATCH
                before = BATCH
            part = part_of(feed, warm=before, records=records)
            try:
                sample = measure(installation, CONTENDERS[name], feed, part, registers)
            except OutputsDiffer as different:
                raise OutputsDiffer(f"{feed.hop}, {name}: {different}") from different
            samples[name].append(sample)
            results[name] = summary(samples[name])
            print(f"{feed.hop} {name} round {number + 1}: {sample.rate:,.0f}/s", flush=True)


def _whole_batches(records: int) -> int:
    return max(BATCH, records // BATCH * BATCH)
