"""Decides one partition of one stage again, transaction by transaction, as its journal tells.

It goes on only while it stands on what was really read: the first record that is no longer there,
or a transaction of other rules or another layout, ends it, and nothing after is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from kyufu.events.v1.operations_pb2 import JournalEntry, JournalRead

from chassis.rebuild.logs import LogReader, LogRecord
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.journal import Journal
from chassis.streams.stage import Codec, StageLogic, Topics
from chassis.streams.state import Overlay, StateStore
from chassis.streams.transport import Envelope

Written = Callable[[str, bytes, bytes, int], None]
"""Told each output: topic, key, value, number of the transaction."""

_NO_TIME = datetime.fromtimestamp(0, UTC)


class NotVerifiable(Exception):
    """The log no longer holds what a transaction read; the text says what and where."""


class InputLost(NotVerifiable):
    """The log holds more than a transaction read: retention takes records and adds none."""


@dataclass(slots=True)
class Progress:
    """How far a replay has come. `positions`: next offset by input."""

    transactions: int = 0
    records: int = 0
    outputs: int = 0
    sequence: int = 0
    positions: dict[str, int] = field(default_factory=dict)
    difference: str | None = None


class Replay:
    """One partition, from an empty store on."""

    def __init__(
        self,
        logic: StageLogic,
        topics: Topics,
        *,
        partition: int,
        partitions: int,
        rules: str,
        dead_letters: str,
        consumer_name: str,
        store: StateStore,
        inputs: Mapping[str, LogReader],
        written: Written,
        progress: Progress,
    ) -> None:
        self._logic = logic
        self._rules = rules
        self._partition = partition
        self._inputs = inputs
        self._store = store
        self._overlay = Overlay(store)
        self._decoder = EnvelopeDecoder(logic, topics, partitions)
        self._codecs: dict[str, Codec] = {topic: topics.codec(topic) for topic in logic.outputs}
        self._dead_letters = dead_letters
        self._consumer_name = consumer_name
        self._written = written
        self.progress = progress

    def take(self, entry: JournalEntry, offset: int) -> None:
        """Decide one transaction again. `offset`: of its journal record, to name it by."""
        progress = self.progress
        where = f"transaction {progress.transactions + 1} (journal offset {offset})"
        batches = self._read(entry, where)
        again = Journal(
            self._logic.name, self._partition, layout_version=entry.layout_version, rules=""
        )
        number = progress.transactions
        for read, records in zip(entry.reads, batches, strict=True):
            self._decide(read, records, again, number)
            progress.records += len(records)
        made = again.close(progress.positions)
        progress.outputs += made.outputs
        progress.transactions += 1
        progress.sequence = entry.sequence
        self._overlay.commit(progress.transactions)
        same = (made.outputs, made.outputs_digest, made.dead_letters) == (
            entry.outputs, entry.outputs_digest, entry.dead_letters,
        )  # fmt: skip
        if not same and progress.difference is None:
            progress.difference = (
                f"{where}: {made.outputs} outputs, {made.dead_letters} dead letters, digest "
                f"{made.outputs_digest.hex()}; the journal says {entry.outputs}, "
                f"{entry.dead_letters}, {entry.outputs_digest.hex()}"
            )

    def _read(self, entry: JournalEntry, where: str) -> list[Sequence[LogRecord]]:
        """Everything the transaction read, or NotVerifiable before anything is decided."""
        if entry.rules != self._rules:
            raise NotVerifiable(f"{where} was decided by rules {entry.rules}, not {self._rules}")
        if entry.layout_version != self._logic.version:
            raise NotVerifiable(f"{where} has state layout {entry.layout_version}")
        positions = self.progress.positions
        batches: list[Sequence[LogRecord]] = []
        for read in entry.reads:
            run = f"{read.topic}[{self._partition}] {read.from_offset} to {read.next_offset}"
            if read.topic not in self._inputs:
                raise NotVerifiable(f"{where} read {read.topic}, which is no input any more")
            position = positions.get(read.topic, 0)
            if passed := len(self._inputs[read.topic].take(position, read.from_offset)):
                raise InputLost(f"{where} read {run} and passed over {passed} records before it")
            if read.from_offset != position:
                raise NotVerifiable(
                    f"{where} read {run}, but the journal before it ends at {position}"
                )
            records = self._inputs[read.topic].take(read.from_offset, read.next_offset)
            if len(records) > read.records:
                raise InputLost(f"{where} read {read.records} of {len(records)} records of {run}")
            if len(records) < read.records:
                raise NotVerifiable(
                    f"{where} read {read.records} records of {run}, retained are {len(records)}"
                )
            positions[read.topic] = read.next_offset
            batches.append(records)
        return batches

    def _decide(
        self, read: JournalRead, records: Sequence[LogRecord], journal: Journal, number: int
    ) -> None:
        envelope = Envelope(
            read.topic, self._partition, 0, read.from_offset, read.next_offset, 0, records
        )
        taken, rejected = self._decoder.decode(envelope)
        journal.set_aside(len(rejected))
        for each in rejected:
            letter = each.dead_letter(self._consumer_name, _NO_TIME)
            self._written(self._dead_letters, b"", letter.SerializeToString(), number)
        if not taken:
            return
        self._overlay.prefetch(self._logic.state_keys(taken))
        for output in self._logic.process(taken, self._overlay):
            message = output.message
            encode = self._codecs[output.topic].encode
            value = message if isinstance(message, bytes) else encode(message)
            journal.wrote(output.topic, output.key, value)
            self._written(output.topic, output.key, value, number)
