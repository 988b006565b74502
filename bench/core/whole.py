"""The three hops together with the answers that flow back, from a full input topic to outcomes."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from typing import Any, Final

from kyufu.events.v1 import applications_pb2

from bench.core.contenders import KafkaStreams, Run, Running, start_stages
from bench.core.gate import Gate
from bench.core.measuring import OUTPUTS_DEADLINE_S, OutputsDiffer
from bench.core.state_size import state_bytes
from bench.core.statistics import Sample, summary
from bench.core.watching import Watcher
from bench.flow import DECIDED, Feeder
from bench.installation import STAGES, Installation
from bench.outcomes import outcome_of
from bench.town import Outcome, Town, TownKeys
from bench.usage import usage_of

WARM_SHARE: Final = 5
QUIET_S: Final = 3.0


def measure_whole(town: Town, keys: TownKeys, rounds: int, *, peer: bool) -> dict[str, Any]:
    """Ours in turn with the peer (where it is there); each run on a broker of its own."""
    samples: dict[str, list[Sample]] = {"whole_core": []}
    if peer:
        samples["whole_core_kafka_streams"] = []
    size: dict[str, float] = {}
    for number in range(rounds):
        for name, found in samples.items():
            sample, size_of_run = _one(town, keys, peer=name != "whole_core")
            found.append(sample)
            size = size_of_run if name == "whole_core" else size
            print(f"{name} round {number + 1}: {sample.rate:,.0f}/s", flush=True)
    results: dict[str, Any] = {name: summary(found) for name, found in samples.items()}
    results["whole_core"]["bytes_per_household"] = round(sum(size.values()), 1)
    results["whole_core"]["bytes_per_household_by_stage"] = size
    return results


def _one(town: Town, keys: TownKeys, *, peer: bool) -> tuple[Sample, dict[str, float]]:
    applications = list(town.applications())
    expected = town.expected().outcomes
    warm = len(applications) // WARM_SHARE
    with Installation(keys) as installation:
        feeder = Feeder(installation.bootstrap)
        registers = feeder.send(town.registers())
        feeder.flush()
        gates = [
            Gate(installation.bootstrap, part)
            for part in (applications[:warm], applications[warm:])
        ]
        watcher = Watcher(installation.bootstrap, DECIDED, installation.topics.partitions)
        run = Run(installation, "all", f"w{uuid.uuid4().hex[:8]}", registers, len(applications))
        running = KafkaStreams("rocksdb").start(run) if peer else start_stages(run, STAGES)
        try:
            gates[0].open()
            _until_quiet(watcher, running)
            sample = _timed(installation, running, watcher, gates[1], expected.total())
        finally:
            running.stop()
            watcher.close()
        _require(expected, watcher)
        sizes = {} if peer else state_bytes(run.folder, STAGES)
    records = len(applications) - warm
    size = {stage: round(each / town.plan.households, 1) for stage, each in sizes.items()}
    return Sample(records, sample.seconds, sample.worker_cpu_s, sample.broker_cpu_s), size


def _until_quiet(watcher: Watcher, running: Running) -> None:
    """The warm-up is through when nothing has come for a while after something had."""
    until = time.monotonic() + OUTPUTS_DEADLINE_S
    while not watcher.messages or time.monotonic() - watcher.last_at_s < QUIET_S:
        watcher.take()
        running.check()
        if time.monotonic() > until:
            raise TimeoutError("the warm-up did not end in time")


def _timed(
    installation: Installation, running: Running, watcher: Watcher, gate: Gate, outcomes: int
) -> Sample:
    broker = installation.usages()["broker"].cpu_s
    workers = sum(usage_of(pid).cpu_s for pid in running.pids)
    started = time.monotonic()
    gate.open()
    watcher.until(outcomes, deadline_s=OUTPUTS_DEADLINE_S, check=running.check)
    sample = Sample(
        records=outcomes,
        seconds=watcher.last_at_s - started,
        worker_cpu_s=sum(usage_of(pid).cpu_s for pid in running.pids) - workers,
        broker_cpu_s=installation.usages()["broker"].cpu_s - broker,
    )
    watcher.surplus()
    return sample


def _require(expected: Counter[Outcome], watcher: Watcher) -> None:
    parse = applications_pb2.ApplicationDecided.FromString
    found = Counter(outcome_of(parse(each.value)) for each in watcher.written())
    for outcome in sorted(expected.keys() | found.keys()):
        if expected[outcome] != found[outcome]:
            raise OutputsDiffer(
                f"whole core: {found[outcome]} times {' '.join(outcome)}, "
                f"expected {expected[outcome]}"
            )
