"""The hops that are measured, and what each is fed with.

A hop is fed alone: its main input was made by the real stages in process, so that no contender
waits for the hop before it and all of them read the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.core.comparing import Written
from bench.flow import chunks
from bench.town import Town, TownRecord
from bench.town.records import partition_of
from chassis.kafka.topics import TopicCatalogue
from chassis.secrets import SecretsDir
from chassis.streams import Incoming, StageLogic
from chassis.streams.stage import Outgoing
from services.eligibility.bootstrap import STAGES, build_stage

MAIN: Final = {
    "identify": "applications.submitted",
    "dedup": "applications.identified",
    "link": "applications.deduplicated",
}
REGISTERS: Final = {
    "identify": ("registry.credentials",),
    "dedup": ("registry.households", "registry.accounts", "registry.separations"),
    "link": (),
}
BATCH: Final = 2_000
"""Records a batch of the reference run; the outputs do not depend on it."""


class Silent:
    """A meter that counts nothing: what is measured is the stage, not its metrics."""

    def outcome(self, stage: str, outcome: str, age_s: float) -> None:
        """Nothing."""

    def ignored(self, stage: str, what: str) -> None:
        """Nothing."""


class MemoryState:
    """State of one partition in a dictionary."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}
        self.get = self._values.get

    def put(self, key: bytes, value: bytes) -> None:
        """Set a value."""
        self._values[key] = value

    load = put

    def delete(self, key: bytes) -> None:
        """Remove a value."""
        self._values.pop(key, None)

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with the prefix, in byte order."""
        return iter(sorted(each for each in self._values.items() if each[0].startswith(prefix)))


@dataclass(frozen=True, slots=True)
class Feed:
    """A hop's inputs and what it must write."""

    hop: str
    registers: Callable[[], Iterable[TownRecord]]
    main: list[TownRecord]
    expected: list[Written]
    reached: list[int]
    """Outputs written after each `BATCH` records of the main input."""

    @property
    def outputs(self) -> list[str]:
        """Topics in which something is expected."""
        return sorted({each.topic for each in self.expected})

    def outputs_of(self, records: int) -> int:
        """How many outputs the first records of the main input make; by whole batches."""
        if records >= len(self.main):
            return len(self.expected)
        batches, rest = divmod(records, BATCH)
        if rest:
            raise ValueError(f"a part of the input holds whole batches of {BATCH} records")
        return self.reached[batches - 1] if batches else 0


def logic_of(hop: str, secrets: Path) -> StageLogic:
    """The real rules of a hop."""
    return build_stage(hop, Silent(), SecretsDir(secrets) if hop == "link" else None)


def bytes_of(output: Outgoing) -> bytes:
    """What is written for an output."""
    message = output.message
    return message if isinstance(message, bytes) else message.SerializeToString()


class _InProcess:
    """One stage over all partitions, without Kafka."""

    def __init__(self, logic: StageLogic, catalogue: TopicCatalogue, partitions: int) -> None:
        self._logic = logic
        self._codecs = {topic: catalogue.codec(topic) for topic in logic.inputs}
        self._states = [MemoryState() for _ in range(partitions)]
        self._offsets = 0
        self.reached: list[int] = []

    def take(self, records: Iterable[TownRecord]) -> list[Outgoing]:
        """Decide records in order, by batch and partition."""
        written: list[Outgoing] = []
        self.reached = []
        for batch in chunks(iter(records), BATCH):
            written.extend(self._decide(batch))
            self.reached.append(len(written))
        return written

    def _decide(self, batch: list[TownRecord]) -> Iterator[Outgoing]:
        parts: list[list[Incoming]] = [[] for _ in self._states]
        for topic, key, value, _, placed in batch:
            partition = partition_of(key, len(parts)) if placed is None else placed
            message = self._codecs[topic].decode(value)
            incoming = Incoming(topic, partition, self._offsets, key, message, 0, None, value)
            self._offsets += 1
            self._logic.check(incoming)
            parts[partition].append(incoming)
        for state, part in zip(self._states, parts, strict=True):
            if part:
                yield from self._logic.process(part, state)


def feeds_of(
    town: Town, secrets: Path, partitions: int, hops: Iterable[str] = STAGES
) -> Mapping[str, Feed]:
    """What each hop is fed with; the chain of the real stages without payments and without answers
    of a later stage to an earlier one.
    """
    catalogue = TopicCatalogue.load()
    wanted, feeds = set(hops), dict[str, Feed]()
    main = list(town.applications())
    for hop in STAGES:
        registers = _registers_of(town, hop)
        stage = _InProcess(logic_of(hop, secrets), catalogue, partitions)
        stage.take(registers())
        written = [
            TownRecord(each.topic, each.key, bytes_of(each), catalogue.codec(each.topic).name, None)
            for each in stage.take(main)
        ]
        if hop in wanted:
            expected = [Written(each.topic, each.key, each.value) for each in written]
            feeds[hop] = Feed(hop, registers, main, expected, stage.reached)
        if wanted <= feeds.keys():
            break
        following = STAGES.index(hop) + 1
        if following < len(STAGES):
            main = [each for each in written if each.topic == MAIN[STAGES[following]]]
    return feeds


def _registers_of(town: Town, hop: str) -> Callable[[], Iterable[TownRecord]]:
    names = [topic.removeprefix("registry.") for topic in REGISTERS[hop]]
    return lambda: (record for name in names for record in town.register(name))
