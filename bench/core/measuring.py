"""One run: a contender on a hop, its speed, and whether it wrote what it should."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from bench.core.comparing import by_key, first_difference
from bench.core.contenders import Contender, Run, Running
from bench.core.gate import Gate
from bench.core.hops import MAIN, REGISTERS, Feed
from bench.core.statistics import Sample
from bench.core.watching import Watcher
from bench.flow import Feeder
from bench.installation import Installation
from bench.usage import usage_of

OUTPUTS_DEADLINE_S: Final = 600.0
TOPICS_DEADLINE_S: Final = 60.0
TOPICS_PAUSE_S: Final = 0.1


class OutputsDiffer(Exception):
    """A contender wrote something else than the rules say: no speed of it is believed."""


@dataclass(frozen=True, slots=True)
class Part:
    """How much of a main input is used: `warm` records before the clock starts, `all` with them."""

    warm: int
    all: int


def part_of(feed: Feed, *, warm: int, records: int) -> Part:
    """The part of a feed nearest to what is asked for."""
    return Part(warm=min(warm, len(feed.main)), all=min(records, len(feed.main)))


def renew_topics(installation: Installation, names: Sequence[str]) -> None:
    """Delete topics and create them anew, empty."""
    admin = AdminClient({"bootstrap.servers": installation.bootstrap})
    for future in admin.delete_topics(list(names), operation_timeout=TOPICS_DEADLINE_S).values():
        try:
            future.result(TOPICS_DEADLINE_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise
    until = time.monotonic() + TOPICS_DEADLINE_S
    while set(names) & set(admin.list_topics(timeout=TOPICS_DEADLINE_S).topics):
        if time.monotonic() > until:
            raise TimeoutError("topics were not deleted in time")
        time.sleep(TOPICS_PAUSE_S)
    installation.topics.create(
        installation.bootstrap, [installation.catalogue[name] for name in names]
    )


def drop_topics_of(installation: Installation, prefix: str) -> None:
    """Delete what a contender made for itself."""
    admin = AdminClient({"bootstrap.servers": installation.bootstrap})
    found = [t for t in admin.list_topics(timeout=TOPICS_DEADLINE_S).topics if t.startswith(prefix)]
    if found:
        for future in admin.delete_topics(found, operation_timeout=TOPICS_DEADLINE_S).values():
            future.result(TOPICS_DEADLINE_S)


def load_registers(installation: Installation, feed: Feed) -> int:
    """Write the registers of a hop into empty topics; how many records they are."""
    if not REGISTERS[feed.hop]:
        return 0
    renew_topics(installation, REGISTERS[feed.hop])
    feeder = Feeder(installation.bootstrap)
    count = feeder.send(feed.registers())
    feeder.flush()
    return count


def measure(
    installation: Installation, contender: Contender, feed: Feed, part: Part, registers: int
) -> Sample:
    """One run of a contender; raises OutputsDiffer where it wrote something else."""
    bootstrap, partitions = installation.bootstrap, installation.topics.partitions
    changelog = f"eligibility.{feed.hop}.changelog"
    renew_topics(installation, [*{MAIN[feed.hop], *feed.outputs, changelog}])
    run = Run(installation, feed.hop, f"r{uuid.uuid4().hex[:8]}", registers, part.all)
    gates = [
        Gate(bootstrap, records, held=contender.held)
        for records in (feed.main[: part.warm], feed.main[part.warm : part.all])
    ]
    watcher = Watcher(bootstrap, feed.outputs, partitions)
    try:
        running = contender.start(run)
        try:
            sample = _timed(installation, running, watcher, gates, feed, part)
        finally:
            running.stop()
        expected = by_key(feed.expected[: feed.outputs_of(part.all)])
        difference = first_difference(
            expected,
            by_key(watcher.written()),
            lambda t, v: installation.catalogue.codec(t).decode(v),
        )
        if difference is not None:
            raise OutputsDiffer(difference)
    finally:
        watcher.close()
        drop_topics_of(installation, run.name)
    return sample


def _timed(
    installation: Installation,
    running: Running,
    watcher: Watcher,
    gates: Sequence[Gate],
    feed: Feed,
    part: Part,
) -> Sample:
    warm, rest = gates
    warm.open()
    watcher.until(feed.outputs_of(part.warm), deadline_s=OUTPUTS_DEADLINE_S, check=running.check)
    broker = installation.usages()["broker"].cpu_s
    worker = sum(usage_of(pid).cpu_s for pid in running.pids)
    started = time.monotonic()
    rest.open()
    watcher.until(feed.outputs_of(part.all), deadline_s=OUTPUTS_DEADLINE_S, check=running.check)
    sample = Sample(
        records=part.all - part.warm,
        seconds=watcher.last_at_s - started,
        worker_cpu_s=sum(usage_of(pid).cpu_s for pid in running.pids) - worker,
        broker_cpu_s=installation.usages()["broker"].cpu_s - broker,
    )
    watcher.surplus()
    return sample
