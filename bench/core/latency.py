"""How long an applicant's outcome takes under load, by an open model.

When each application is to be sent is fixed before the run, whatever the core does; a latency runs
from that instant to the instant at which a read_committed reader has the outcome. A core that
falls behind therefore shows it, and so does a sender that does.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final

from confluent_kafka import Producer
from kyufu.events.v1 import applications_pb2

from bench.core.contenders import Run, Running, start_stages
from bench.core.statistics import percentile
from bench.core.watching import OutputsMissing, Watcher
from bench.flow import DECIDED, Feeder
from bench.installation import STAGES, Installation
from bench.town import Town, TownKeys, TownPlan, TownRecord
from bench.town.records import headers_of

SHARES: Final = (0.25, 0.50, 0.80)
WARM_S: Final = 2.0
"""The first outcomes of each load are left out: caches and fetchers have to come to speed."""
DRAIN_S: Final = 30.0
QUIET_S: Final = 3.0
STEP_S: Final = 0.002


class Sender(threading.Thread):
    """Sends record i at `started + i / rate`, or as soon after as it can."""

    def __init__(self, bootstrap: str, records: Sequence[TownRecord], rate: float) -> None:
        super().__init__(name="sender", daemon=True)
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2",
                "linger.ms": 2,
                "enable.idempotence": True,
                "delivery.report.only.error": True,
                "log_level": 0,
            }
        )
        self._records, self._rate = records, rate
        self.started_s = time.monotonic()

    def run(self) -> None:
        """All records on schedule."""
        sent, count = 0, len(self._records)
        while sent < count:
            due = min(count, int((time.monotonic() - self.started_s) * self._rate) + 1)
            for topic, key, value, kind, _ in self._records[sent:due]:
                self._producer.produce(topic, value, key, headers=headers_of(kind, placed=False))
            sent = due
            self._producer.poll(0)
            time.sleep(STEP_S)
        self._producer.flush(DRAIN_S)


def measure_latency(capacity: float, keys: TownKeys, seed: int, seconds: float) -> dict[str, Any]:
    """p50 and p99 in milliseconds at shares of the capacity (applications a second)."""
    wanted = sum(int(capacity * share * seconds) for share in SHARES)
    town = Town(TownPlan(wanted, seed), keys)
    applications = list(town.applications())
    results: dict[str, Any] = {}
    with Installation(keys) as installation:
        feeder = Feeder(installation.bootstrap)
        registers = feeder.send(town.registers())
        feeder.flush()
        run = Run(installation, "all", f"l{uuid.uuid4().hex[:8]}", registers, wanted)
        running = start_stages(run, STAGES)
        watcher = Watcher(installation.bootstrap, DECIDED, installation.topics.partitions)
        try:
            begin = 0
            seen: set[bytes] = set()
            for share in SHARES:
                part = applications[begin : begin + int(capacity * share * seconds)]
                begin += len(part)
                results[f"{share:.0%}"] = _at(
                    installation, running, watcher, part, capacity * share, seen
                )
        finally:
            watcher.close()
            running.stop()
    return results


def _at(
    installation: Installation,
    running: Running,
    watcher: Watcher,
    part: Sequence[TownRecord],
    rate: float,
    seen: set[bytes],
) -> dict[str, float]:
    submitted = applications_pb2.ApplicationSubmitted.FromString
    decided = applications_pb2.ApplicationDecided.FromString
    # A retry comes under the same id and is answered by the first outcome: the first time counts.
    due_s: dict[bytes, float] = {}
    for index, record in enumerate(part):
        application_id = submitted(record.value).application_id
        if application_id not in seen:
            seen.add(application_id)
            due_s[application_id] = index / rate
    sender = Sender(installation.bootstrap, part, rate)
    sender.start()
    latencies: list[float] = []
    quiet_since = time.monotonic()
    while sender.is_alive() or time.monotonic() - quiet_since < QUIET_S:
        found = watcher.take()
        running.check()
        now_s = watcher.last_at_s - sender.started_s
        quiet_since = time.monotonic() if found else quiet_since
        for message in found:
            due = due_s.pop(decided(message.value() or b"").application_id, None)
            if due is not None and due >= WARM_S:
                latencies.append((now_s - due) * 1000)
    if due_s:
        raise OutputsMissing(f"{len(due_s)} applications got no outcome at {rate:.0f}/s")
    return {
        "p50": round(percentile(latencies, 0.50), 1),
        "p99": round(percentile(latencies, 0.99), 1),
        "rate": round(rate),
        "measured": len(latencies),
    }
