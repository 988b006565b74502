"""One partition of a stage: restored, read, decided and committed on its own.

A transaction never spans two assignments: `close` commits or aborts before the partition is given
up. Without transactions each step is durable before the next: outputs, changes, offsets, store.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from faust.types import TP

from chassis.clock import to_ms
from chassis.kafka.records import TRACEPARENT_HEADER, TYPE_HEADER
from chassis.streams.bounds import OPEN_S
from chassis.streams.context import StageContext
from chassis.streams.decoding import DeadLetterBudget, EnvelopeDecoder, Rejected
from chassis.streams.failpoints import Step
from chassis.streams.groups import Group
from chassis.streams.journal import JOURNAL_HEADERS, Journal
from chassis.streams.mailbox import Mailbox
from chassis.streams.producer import PartitionProducer
from chassis.streams.restore import RestoreCancelled
from chassis.streams.stage import Outgoing, Topics
from chassis.streams.state import Overlay
from chassis.streams.tenure import Tenure
from chassis.streams.transport import Envelope

MAILBOX_ENVELOPES = 2


class PartitionWorker:
    """Owns one partition number across all inputs, from its assignment to its revocation."""

    def __init__(self, context: StageContext, partition: int, epoch: int) -> None:
        self._context = context
        self._partition = partition
        self._epoch = epoch
        self._mailbox: Mailbox[Envelope] = Mailbox(MAILBOX_ENVELOPES)
        self._decoder = EnvelopeDecoder(context.logic, context.topics, context.partitions)
        self._budget = DeadLetterBudget(context.settings.dead_letters_per_minute_max)
        self._group = Group(context.settings.groups)
        self._journal = Journal(
            context.logic.name,
            partition,
            layout_version=context.logic.version,
            rules=context.settings.rules,
            on=context.settings.journal is not None,
        )
        self._counts: Counter[str] = Counter()
        self._tenure = Tenure(context, partition, self._decoder)
        self._commit_on_close = True
        self._changelog_position: int | None = None
        self._outputs = {
            topic: (context.topics.codec(topic), _type_header(context.topics, topic))
            for topic in (*context.logic.outputs, context.settings.dead_letters)
        }
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take the partition over, in the background."""
        self._task = asyncio.create_task(self._run())

    async def offer(self, envelope: Envelope) -> None:
        """Hand over an envelope; waits while the partition is behind, ignores other openings'."""
        if envelope.epoch == self._epoch:
            await self._mailbox.put(envelope)

    async def close(self, *, commit: bool) -> None:
        """Commit (or abort) the open group and release everything before returning."""
        self._context.settings.failpoint(Step.REVOKING)
        self._commit_on_close = commit
        self._tenure.cancel()
        self._mailbox.close()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        try:
            await self._in_thread(self._tenure.take_over)
            self._budget.resume(self._tenure.note.dead_letters)
            await self._flow()
            await self._serve()
        except RestoreCancelled:
            pass
        except Exception as error:
            self._mailbox.close()
            self._context.on_failure(error)
        try:
            await self._in_thread(self._release)
        except Exception as error:
            self._context.on_failure(error)

    async def _in_thread(self, step: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._context.executor, step)

    def size_bytes(self) -> int:
        """Live bytes of the partition's state."""
        return self._tenure.size_bytes()

    async def _flow(self) -> None:
        """Let the records come, from the settled offsets on."""
        self._tenure.require()
        offsets = {
            TP(topic, self._partition): offset
            for topic, offset in self._tenure.positions.next.items()
        }
        await asyncio.wait_for(self._context.app.open_partition(offsets, epoch=self._epoch), OPEN_S)
        self._context.readiness.opened(self._partition)
        self._context.observer.opened(self._partition)

    async def _serve(self) -> None:
        overlay, producer = Overlay(self._tenure.store), self._tenure.producer
        clock, group = self._context.clock, self._group
        while not self._mailbox.closed:
            closes_at = group.closes_at()
            wait_s = None if closes_at is None else max(0.0, closes_at - clock.monotonic())
            envelope = await self._mailbox.get(wait_s)
            if envelope is not None:
                self._take(envelope, overlay, producer)
            if group.is_due(clock.monotonic()):
                await self._commit(overlay, producer)
        if group.is_open and self._commit_on_close:
            await self._commit(overlay, producer)

    def _take(self, envelope: Envelope, overlay: Overlay, producer: PartitionProducer) -> None:
        """Decide one envelope inside the open transaction, or begin one."""
        context, topic = self._context, envelope.topic
        self._tenure.positions.advance(envelope)
        now = context.clock.monotonic()
        if not self._group.is_open:
            producer.begin()
        self._group.add(now=now, topic=topic, records=len(envelope.records), lag=envelope.lag)
        taken, rejected = self._decoder.decode(envelope)
        self._journal.read(envelope)
        if rejected:
            self._set_aside(rejected, producer)
        if taken:
            overlay.prefetch(context.logic.state_keys(taken))
            for outgoing in context.logic.process(taken, overlay):
                self._write(outgoing, producer)
            context.observer.decided(len(taken))
        producer.serve()
        self._counts[topic] += len(envelope.records)

    def _write(self, outgoing: Outgoing, producer: PartitionProducer) -> None:
        topic, key, message, traceparent = outgoing
        codec, type_header = self._outputs[topic]
        headers: list[tuple[str, str | bytes | None]] = [type_header]
        if traceparent is not None:
            headers.append((TRACEPARENT_HEADER, traceparent.encode("ascii")))
        value = message if isinstance(message, bytes) else codec.encode(message)
        self._journal.wrote(topic, key, value)
        producer.produce(topic, key=key, value=value, headers=headers)

    def _set_aside(self, rejected: list[Rejected], producer: PartitionProducer) -> None:
        context = self._context
        self._budget.spend(len(rejected), to_ms(context.clock.now()))
        self._journal.set_aside(len(rejected))
        topic = context.settings.dead_letters
        codec, type_header = self._outputs[topic]
        for each in rejected:
            letter = each.dead_letter(context.consumer_name, context.clock.now())
            producer.produce(topic, key=None, value=codec.encode(letter), headers=[type_header])
            context.observer.dead_letter(each.record.topic, each.reason)

    async def _commit(self, overlay: Overlay, producer: PartitionProducer) -> None:
        """Make the group durable: outputs, changelog and offsets at once, then the store."""
        context = self._context
        started = context.clock.monotonic()
        changes = len(overlay.changes)
        await self._in_thread(lambda: self._commit_blocking(overlay, producer))
        context.observer.committed(
            self._counts, changes=changes, seconds=context.clock.monotonic() - started
        )
        self._counts.clear()
        self._group.reset()

    def _commit_blocking(self, overlay: Overlay, producer: PartitionProducer) -> None:
        context, positions = self._context, self._tenure.positions.next
        failpoint = context.settings.failpoint
        note = replace(self._tenure.note, dead_letters=self._budget.window)
        self._write_journal(producer)
        if not context.settings.transactions:
            producer.flush()  # an output must be durable before the state that leaves it out
        self._write_changes(overlay, producer)
        failpoint(Step.PRODUCED)
        if context.settings.transactions:
            producer.commit(
                positions,
                self._partition,
                context.group,
                note=note.text,
                failpoint=failpoint,
            )
        else:
            producer.flush()
            failpoint(Step.BEFORE_OFFSETS)
            context.commit_offsets(self._partition, positions, note.text)
            failpoint(Step.AFTER_OFFSETS)
            failpoint(Step.AFTER_COMMIT)
        failpoint(Step.BEFORE_STORE)
        tables = {topic: positions[topic] for topic in context.logic.tables}
        overlay.commit(self._changelog_position, tables)
        failpoint(Step.AFTER_STORE)

    def _write_changes(self, overlay: Overlay, producer: PartitionProducer) -> None:
        self._changelog_position = None
        changelog, partition = self._context.settings.changelog, self._partition
        produce, logged = producer.produce, overlay.logged
        last = len(logged) - 1
        for index, (key, value) in enumerate(logged.items()):
            produce(
                changelog,
                key=key,
                value=value,
                partition=partition,
                on_delivery=self._note_changelog if index == last else None,
            )

    def _write_journal(self, producer: PartitionProducer) -> None:
        entry = self._journal.close(self._tenure.positions.next)
        topic = self._context.settings.journal
        if topic is not None:
            producer.produce(
                topic,
                key=None,
                value=entry.SerializeToString(),
                headers=list(JOURNAL_HEADERS),
                partition=self._partition,
            )

    def _note_changelog(self, error: Any, record: Any) -> None:
        """The broker has the group's last change; an error makes the commit itself fail."""
        self._tenure.producer.note_delivery(error, record)
        if error is None:
            self._changelog_position = record.offset() + 1

    def _release(self) -> None:
        self._tenure.release(abort=self._group.is_open)


def _type_header(topics: Topics, topic: str) -> tuple[str, str | bytes | None]:
    return TYPE_HEADER, topics.codec(topic).name.encode("ascii")
