"""`python -m bench national`: arguments, the run, the report, the exit status."""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.installation import Installation
from bench.machine import describe
from bench.national.estimate import (
    BOUNDED_FROM,
    RETENTION_BYTES,
    SEGMENT_BYTES,
    DiskTooSmall,
    households_of,
    require_disk,
)
from bench.national.rehearsal import Rehearsal
from bench.national.report import as_json, differences, lines
from bench.topics import TopicSettings
from bench.town import Town, TownKeys, TownPlan
from devstack.paths import ROOT

DIFFERENT: Final = 1
REFUSED: Final = 2


def main(arguments: Sequence[str]) -> int:
    """0 where every outcome is as expected, 1 where not, 2 where the run cannot begin."""
    options = _parse(arguments)
    households = households_of(options.share)
    try:
        require_disk(households, options.partitions, shutil.disk_usage(ROOT).free)
    except DiskTooSmall as refusal:
        sys.stderr.write(f"{refusal}\n")
        return REFUSED
    plan = TownPlan(
        households, options.seed, extended=options.extended, partitions=options.partitions
    )
    return rehearse(
        plan, slots=options.slots, keep=options.keep, target=options.json,
        compression=options.compression, preload=options.preload,
    )  # fmt: skip


def rehearse(
    plan: TownPlan,
    *,
    slots: int = 1,
    keep: bool = False,
    target: Path | None = None,
    compression: str = "producer",
    preload: bool = False,
) -> int:
    """Run one plan and report it."""
    bounded = plan.households >= BOUNDED_FROM
    topics = TopicSettings(
        partitions=plan.partitions,
        retention_bytes=RETENTION_BYTES if bounded else -1,
        segment_bytes=SEGMENT_BYTES,
        compression=compression,
    )
    keys = TownKeys.generate()
    started_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started_s:7.1f} s  {text}", flush=True)

    town = Town(plan, keys)
    expected = town.expected()
    say(f"seed {plan.seed}: {plan.households:,} households, {expected.persons:,} persons, "
        f"{expected.applications:,} applications")  # fmt: skip
    with Installation(keys, topics, slots=slots, keep=keep) as installation:
        if not preload:
            installation.start_stages()
        say("ready")
        rehearsal = Rehearsal(installation, town, say, preload=preload)
        try:
            figures = rehearsal.run()
        finally:
            rehearsal.close()
        counter = rehearsal.counter
        wrong = differences(expected, counter.outcomes, counter.approved_yen)
        if figures.dead_letters:
            wrong.append(f"{figures.dead_letters} records in deadletters")
        codes = installation.stop_stages()
        wrong.extend(f"{name} ended with status {code}" for name, code in codes.items() if code)
    for line in lines(plan, figures, counter.outcomes, wrong):
        print(line)
    if target is not None:
        found = as_json(plan, figures, counter.outcomes, wrong, describe())
        target.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return DIFFERENT if wrong else 0


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench national", description=__doc__)
    parser.add_argument("--share", type=_share, default=0.05, help="of Japan's households")
    parser.add_argument("--seed", type=int, default=2020)
    parser.add_argument("--extended", action="store_true", help="what only the whole core takes")
    parser.add_argument("--slots", type=int, default=1, help="workers of each stage")
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument(
        "--compression", choices=("producer", "lz4", "zstd"), default="producer",
        help="by the broker; producer: as the stages write",
    )  # fmt: skip
    parser.add_argument(
        "--preload", action="store_true", help="write the registers before the stages start"
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--keep", action="store_true", help="leave the data in var/bench")
    return parser.parse_args(arguments)


def _share(text: str) -> float:
    share = float(text)
    households_of(share)
    return share
