"""Replays the stages' logs into empty stores and says where the installation differs from them.

Offsets are taken at the start, so stages may go on: outputs committed by then must be made again,
what is made again must be in the log by the end, and state is compared while nothing is open.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from kyufu.events.v1.operations_pb2 import DeadLetter, JournalEntry

from chassis.rebuild.logs import Ends, LogReader
from chassis.rebuild.multiset import Multiset, Place, only_in
from chassis.rebuild.replay import InputLost, NotVerifiable, Progress, Replay
from chassis.rebuild.states import compare, fill_from_changelog, fill_from_table, last_written
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.stage import StageLogic, Topics
from chassis.streams.state import StateStore, StoreFactory, StoreIdentity

QUIET_LOOKS_MAX = 200
QUIET_PAUSE_S = 0.1
PROGRESS_S = 5.0


@dataclass(frozen=True, slots=True)
class AuditedStage:
    """A stage and the topics that belong to it alone."""

    logic: StageLogic
    changelog: str
    journal: str

    @property
    def consumer_name(self) -> str:
        """How it calls itself in dead letters."""
        return self.changelog.removesuffix(".changelog")


@dataclass(frozen=True, slots=True)
class Audit:
    """What is audited. `writers`: which stages write a topic, all of them, audited or not."""

    bootstrap: str
    topics: Topics
    partitions: int
    rules: str
    writers: Mapping[str, frozenset[str]]
    folder: Path
    rebuilt_stores: StoreFactory
    held_stores: StoreFactory
    say: Callable[[str], None]
    dead_letters: str = "deadletters"


@dataclass(slots=True)
class Verdict:
    """Differences found, and what could not be verified."""

    differences: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)


class _Moment(NamedTuple):
    """Ends of a partition's journal and changelog with no transaction open."""

    journal: int
    changelog: int


def run_audit(audit: Audit, stages: Sequence[AuditedStage]) -> Verdict:
    """Audit these stages; lines of the report go to `audit.say`."""
    verdict = Verdict()
    names = [stage.logic.name for stage in stages]
    outputs = sorted(
        {topic for stage in stages for topic in stage.logic.outputs} | {audit.dead_letters}
    )
    with closing(Ends(audit.bootstrap)) as ends:
        before = _ends(ends, outputs, audit.partitions)
        made = {topic: Multiset(audit.folder / f"made-{topic}") for topic in outputs}
        incomplete: set[str] = set()
        for index, stage in enumerate(stages):
            for partition in range(audit.partitions):
                one = _PartitionAudit(audit, stage, partition, ends, made, index)
                if not one.run(verdict):
                    incomplete.add(stage.logic.name)
        after = _ends(ends, outputs, audit.partitions)
    for topic in outputs:
        writers = audit.writers.get(topic, frozenset()) if topic != audit.dead_letters else None
        missing = sorted((writers or set()) - set(names)) + sorted(incomplete)
        if missing:
            verdict.unverified.append(f"{topic}: not all that wrote it was replayed ({missing[0]})")
            audit.say(f"{topic}  not verifiable: {', '.join(missing)} not replayed to the end")
        else:
            _compare_topic(audit, stages, topic, made[topic], (before, after), verdict)
    for each in made.values():
        each.close()
    return verdict


def _ends(ends: Ends, topics: Sequence[str], partitions: int) -> dict[tuple[str, int], int]:
    return {(t, p): ends.committed(t, p) for t in topics for p in range(partitions)}


class _PartitionAudit:
    def __init__(
        self,
        audit: Audit,
        stage: AuditedStage,
        partition: int,
        ends: Ends,
        made: Mapping[str, Multiset],
        index: int,
    ) -> None:
        self._audit = audit
        self._stage = stage
        self._partition = partition
        self._ends = ends
        self._made = made
        self._index = index
        self._name = f"{stage.logic.name}[{partition}]"
        self._said = time.monotonic()

    def run(self, verdict: Verdict) -> bool:
        """Whether all of the partition could be replayed."""
        rebuilt = self._audit.rebuilt_stores(self._identity(), age_s_max=math.inf)
        progress, reason, moment = Progress(), None, None
        try:
            moment = self._moment()
            self._require_beginning()
            progress = self._replay(rebuilt, moment, progress)
        except NotVerifiable as gone:
            reason = str(gone)
            if isinstance(gone, InputLost):
                verdict.differences.append(f"{self._name} inputs: {gone}")
        counts = (
            f"{self._name}  transactions {progress.transactions:,}  records {progress.records:,}  "
            f"outputs {progress.outputs:,}"
        )
        if progress.difference:
            verdict.differences.append(f"{self._name} outputs: {progress.difference}")
        if reason is not None or moment is None:
            verdict.unverified.append(f"{self._name}: {reason}")
            self._audit.say(f"{counts}  verified to here; not verifiable on: {reason}")
        else:
            self._audit.say(f"{counts}  {self._compare_state(rebuilt, moment, progress, verdict)}")
        if progress.difference:
            self._audit.say(f"{self._name}  DIFFERENT outputs: {progress.difference}")
        rebuilt.close()
        return reason is None

    def _moment(self) -> _Moment:
        """The changelog's end between two equal looks at the journal, nothing being open.

        A transaction writes its journal record before its commit marks the changelog, so whatever
        the changelog shows as committed stands in the journal by the second look.
        """
        ends, stage, partition = self._ends, self._stage, self._partition
        for _ in range(QUIET_LOOKS_MAX):
            journal = ends.settled(stage.journal, partition)
            changelog = ends.settled(stage.changelog, partition)
            again = ends.settled(stage.journal, partition)
            if journal is not None and changelog is not None and journal == again:
                return _Moment(journal, changelog)
            time.sleep(QUIET_PAUSE_S)
        raise NotVerifiable("the partition was never without an open transaction")

    def _require_beginning(self) -> None:
        ends, partition = self._ends, self._partition
        for topic in (self._stage.journal, *self._stage.logic.inputs):
            low = ends.low(topic, partition)
            if low > 0:
                raise NotVerifiable(
                    f"{topic}[{partition}] is retained from offset {low} on: the state before it "
                    "cannot be rebuilt"
                )

    def _replay(self, store: StateStore, moment: _Moment, progress: Progress) -> Progress:
        audit, stage, partition = self._audit, self._stage, self._partition
        logic = stage.logic
        inputs = {topic: LogReader(audit.bootstrap, topic, partition) for topic in logic.inputs}
        journal = LogReader(audit.bootstrap, stage.journal, partition)
        replay = Replay(
            logic,
            audit.topics,
            partition=partition,
            partitions=audit.partitions,
            rules=audit.rules,
            dead_letters=audit.dead_letters,
            consumer_name=stage.consumer_name,
            store=store,
            inputs=inputs,
            written=self._written,
            progress=progress,
        )
        try:
            for record in journal.run(0, moment.journal):
                replay.take(JournalEntry.FromString(record.value or b""), record.offset)
                self._tell(progress)
        finally:
            for reader in (journal, *inputs.values()):
                reader.close()
        return progress

    def _written(self, topic: str, key: bytes, value: bytes, number: int) -> None:
        place = Place(self._index, self._partition, number)
        self._made[topic].add(topic, key, value, place)

    def _identity(self) -> StoreIdentity:
        of, count = self._stage.logic, self._audit.partitions
        return StoreIdentity("rebuild", of.name, of.version, count, self._partition)

    def _tell(self, progress: Progress) -> None:
        if time.monotonic() - self._said >= PROGRESS_S:
            self._said = time.monotonic()
            self._audit.say(f"{self._name}  … {progress.records:,} records")

    def _compare_state(
        self, rebuilt: StateStore, moment: _Moment, progress: Progress, verdict: Verdict
    ) -> str:
        audit, stage, partition = self._audit, self._stage, self._partition
        held = audit.held_stores(self._identity(), age_s_max=math.inf)
        decoder = EnvelopeDecoder(stage.logic, audit.topics, audit.partitions)
        low = self._ends.low(stage.changelog, partition)
        with closing(LogReader(audit.bootstrap, stage.changelog, partition)) as log:
            fill_from_changelog(held, log, low, moment.changelog)
        for topic in stage.logic.tables:
            with closing(LogReader(audit.bootstrap, topic, partition)) as log:
                fill_from_table(held, log, stage.logic, decoder, progress.positions.get(topic, 0))
        found = compare(rebuilt, held)
        held.close()
        line = f"keys {found.keys:,}  state {found.rebuilt}"
        if found.first is None:
            return f"{line} equal"
        with closing(LogReader(audit.bootstrap, stage.changelog, partition)) as log:
            offset = last_written(log, found.first, low, moment.changelog)
        # The key names a household or an account: its place in the changelog is enough.
        at = f"at offset {offset}" if offset is not None else "without a record"
        verdict.differences.append(
            f"{self._name} state: {stage.changelog}[{partition}] {at} holds another value"
        )
        return f"{line} DIFFERENT, held {found.held}, first {stage.changelog}[{partition}] {at}"


def _compare_topic(
    audit: Audit,
    stages: Sequence[AuditedStage],
    topic: str,
    made: Multiset,
    ends: tuple[Mapping[tuple[str, int], int], Mapping[tuple[str, int], int]],
    verdict: Verdict,
) -> None:
    before, after = ends
    found = Multiset(audit.folder / f"found-{topic}")
    with closing(found):
        for partition in range(audit.partitions):
            for offset, key, value in _committed(audit, stages, topic, partition, after):
                found.add(topic, key, value, Place(0, partition, offset))
        # Committed after the start: the replay ended before it.
        extra = (p for p in only_in(found, made) if p.number < before[topic, p.partition])
        first_extra, first_missing = next(extra, None), next(only_in(made, found), None)
    line = f"{topic}  records {found.count:,}  {found.hash()}"
    if first_extra is not None:
        at = f"{topic}[{first_extra.partition}] offset {first_extra.number}"
        verdict.differences.append(f"{at}: no stage has written this record")
    if first_missing is not None:
        name = stages[first_missing.source].logic.name
        at = f"{name}[{first_missing.partition}] transaction {first_missing.number + 1}"
        verdict.differences.append(f"{topic}: an output of {at} is not in it")
    if first_extra is None and first_missing is None:
        audit.say(f"{line} equal")
    else:
        audit.say(f"{line} DIFFERENT, rebuilt {made.count:,}  {made.hash()}")


def _committed(
    audit: Audit,
    stages: Sequence[AuditedStage],
    topic: str,
    partition: int,
    ends: Mapping[tuple[str, int], int],
) -> Iterator[tuple[int, bytes, bytes]]:
    """Offset, key and value; of dead letters those of these stages, without the wall clock."""
    ours = {stage.consumer_name for stage in stages}
    with closing(LogReader(audit.bootstrap, topic, partition)) as log:
        for record in log.run(0, ends[topic, partition]):
            key, value = record.key or b"", record.value or b""
            if topic == audit.dead_letters:
                letter = DeadLetter.FromString(value)
                if letter.consumer not in ours:
                    continue
                letter.at_ms = 0
                value = letter.SerializeToString()
            yield record.offset, key, value
