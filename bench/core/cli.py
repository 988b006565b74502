"""`python -m bench core`: the hops and the whole core, ours and its peers, in one table and a file.

Exit status: 0 when all was measured, 1 when a contender's outputs differ from the rules', 2 when
it cannot run at all.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.core.contenders import CONTENDERS
from bench.core.hops import BATCH, Feed, feeds_of
from bench.core.idle import measure_idle
from bench.core.kafka_streams import build
from bench.core.latency import measure_latency
from bench.core.measuring import OutputsDiffer, load_registers, measure, part_of
from bench.core.recovery import measure_recovery
from bench.core.statistics import Sample, summary
from bench.core.table import table_of
from bench.core.whole import measure_whole
from bench.installation import STAGES, Installation
from bench.machine import describe
from bench.town import Town, TownKeys, TownPlan

SEED: Final = 20_200_427
PARTITIONS: Final = 4
PARTS: Final = ("hops", "whole", "latency", "recovery", "idle")
PLAIN_FAUST_HOUSEHOLDS: Final = 5_000
"""Plain Faust gets a town of its own, registers included: it would take the whole run otherwise."""
QUICK_LATENCY_S, LATENCY_S = 10.0, 25.0
QUICK_IDLE_S, IDLE_S = 10.0, 60.0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench core", description=__doc__)
    parser.add_argument("--json", type=Path, required=True, help="where the results go")
    parser.add_argument("--quick", action="store_true", help="one round, about ten minutes")
    parser.add_argument("--households", type=int, help="size of the town")
    parser.add_argument("--rounds", type=int, help="rounds of alternation")
    parser.add_argument("--keys", type=int, help="keys of the recovery run")
    parser.add_argument("--parts", nargs="*", default=list(PARTS), choices=PARTS)
    parser.add_argument("--hops", nargs="*", default=list(STAGES), choices=STAGES)
    parser.add_argument("--contenders", nargs="*", default=list(CONTENDERS), choices=CONTENDERS)
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run what is asked for."""
    options = _parser().parse_args(arguments)
    options.households = options.households or (40_000 if options.quick else 200_000)
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.keys = options.keys or (300_000 if options.quick else 10_000_000)
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
    }


def _run(options: argparse.Namespace, results: dict[str, Any]) -> None:
    if lacking := build.missing():
        options.contenders = [e for e in options.contenders if not e.startswith("kafka_streams")]
        results["absent"] = lacking
        print(f"left out: {lacking}")
    keys = TownKeys.generate()
    town = Town(TownPlan(options.households, SEED, partitions=PARTITIONS), keys)
    if "hops" in options.parts:
        _hops(options, results, keys, town)
    peer = not lacking and "kafka_streams_rocksdb" in options.contenders
    if "whole" in options.parts:
        results.update(measure_whole(town, keys, options.rounds, peer=peer))
        if "latency" in options.parts:
            seconds = QUICK_LATENCY_S if options.quick else LATENCY_S
            results["latency_ms"] = measure_latency(
                results["whole_core"]["rate"], keys, SEED + 1, seconds
            )
    if "recovery" in options.parts:
        results["recovery"] = measure_recovery(keys, options.keys)
    if "idle" in options.parts:
        results["idle_percent"] = measure_idle(keys, QUICK_IDLE_S if options.quick else IDLE_S)


def _hops(options: argparse.Namespace, results: dict[str, Any], keys: TownKeys, town: Town) -> None:
    small = Town(TownPlan(PLAIN_FAUST_HOUSEHOLDS, SEED, partitions=PARTITIONS), keys)
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder) / "secrets"
        keys.write(secrets)
        feeds = feeds_of(town, secrets, PARTITIONS, options.hops)
        slow = feeds_of(small, secrets, PARTITIONS, options.hops)
    with Installation(keys) as installation:
        for hop in options.hops:
            results["hops"][hop] = {}
            turns = {
                name: (slow if name == "plain_faust" else feeds)[hop] for name in options.contenders
            }
            measure_hop(installation, turns, options.rounds, results["hops"][hop])


def measure_hop(
    installation: Installation,
    turns: Mapping[str, Feed],
    rounds: int,
    results: dict[str, Any],
) -> None:
    """Every contender in turn with its feed, round by round."""
    samples: dict[str, list[Sample]] = {name: [] for name in turns}
    loaded: tuple[Feed, int] | None = None
    for number in range(rounds):
        for name, feed in turns.items():
            if loaded is None or loaded[0] is not feed:
                loaded = feed, load_registers(installation, feed)
            warm = max(BATCH, len(feed.main) // 5 // BATCH * BATCH)
            part = part_of(feed, warm=warm, records=len(feed.main))
            try:
                sample = measure(installation, CONTENDERS[name], feed, part, loaded[1])
            except OutputsDiffer as different:
                raise OutputsDiffer(f"{feed.hop}, {name}: {different}") from different
            samples[name].append(sample)
            results[name] = summary(samples[name])
            print(f"{feed.hop} {name} round {number + 1}: {sample.rate:,.0f}/s", flush=True)
