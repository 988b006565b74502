"""Taking over one partition: fence the former owner, read the settled offsets, restore the store.

Each step needs the one before. Blocks, on a thread of the partition's own, while the partition is
paused; ends early when the partition is revoked meanwhile.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

from confluent_kafka import Consumer

from chassis.clock import Clock
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.failpoints import Step
from chassis.streams.observer import StageObserver, StageReadiness
from chassis.streams.positions import Positions, start_positions
from chassis.streams.producer import PartitionProducer, ProducerOptions, partition_producer
from chassis.streams.restore import RestoreCancelled, restore_changelog
from chassis.streams.settings import StreamSettings
from chassis.streams.stage import StageLogic, Topics
from chassis.streams.state import StateStore, StoreFactory, StoreIdentity
from chassis.streams.tables import restore_tables
from chassis.streams.transport import BatchApp

OFFSETS_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class StageContext:
    """What all partitions of a stage share."""

    logic: StageLogic
    settings: StreamSettings
    topics: Topics
    partitions: int
    tombstones_kept_s: float
    """How long the changelog remembers removals: a store unused for longer is worth nothing."""
    app: BatchApp
    group: Consumer
    stores: StoreFactory
    executor: Executor
    clock: Clock
    observer: StageObserver
    readiness: StageReadiness
    on_failure: Callable[[BaseException], None]

    @property
    def consumer_name(self) -> str:
        """How the stage calls itself in dead letters: the changelog's name without its ending."""
        return self.settings.changelog.removesuffix(".changelog")


class Takeover:
    """What has been taken over so far; `release` gives all of it back, however far it came."""

    def __init__(self, context: StageContext, partition: int) -> None:
        self._context = context
        self._partition = partition
        self._cancelled = threading.Event()
        self._producer: PartitionProducer | None = None
        self._store: StateStore | None = None
        self.positions = Positions({})

    @property
    def producer(self) -> PartitionProducer:
        """The partition's producer, once there is one."""
        assert self._producer is not None
        return self._producer

    @property
    def store(self) -> StateStore:
        """The partition's state, once it is restored."""
        assert self._store is not None
        return self._store

    def state_bytes(self) -> int:
        """Bytes of the store, 0 before there is one. Callable from any thread."""
        return 0 if self._store is None else self._store.size_bytes()

    def cancel(self) -> None:
        """The partition is revoked: stop before the next step. Callable from any thread."""
        self._cancelled.set()

    def require_assigned(self) -> None:
        """Raises RestoreCancelled once the partition has been revoked."""
        if self._cancelled.is_set():
            raise RestoreCancelled

    def run(self) -> None:
        """All steps. Blocks."""
        context, partition = self._context, self._partition
        settings, logic = context.settings, context.logic
        self.require_assigned()
        self._producer = partition_producer(
            settings.bootstrap,
            f"{settings.installation}-{logic.name}-{partition}",
            ProducerOptions(transaction_timeout_s=settings.transaction_timeout_s),
            transactions=settings.transactions,
        )
        self._producer.fence()
        context.observer.took_over()
        settings.failpoint(Step.FENCED)
        self.require_assigned()
        self.positions = Positions(
            start_positions(context.group, logic.inputs, partition, timeout_s=OFFSETS_TIMEOUT_S)
        )
        identity = StoreIdentity(
            settings.installation, logic.name, logic.version, context.partitions, partition
        )
        self._store = context.stores(identity, age_s_max=context.tombstones_kept_s)
        settings.failpoint(Step.RESTORING)
        progress = context.observer.restoring(partition, context.clock, context.readiness)
        restore_changelog(
            settings.bootstrap,
            settings.changelog,
            partition,
            self._store,
            cancelled=self._cancelled,
            progress=progress,
        )
        restore_tables(
            settings.bootstrap,
            logic,
            EnvelopeDecoder(logic, context.topics, context.partitions),
            partition,
            self._store,
            until=self.positions.next,
            cancelled=self._cancelled,
            progress=progress,
        )
        progress.done()

    def release(self, *, abort: bool) -> None:
        """Close the store and the producer, aborting what is open: the next owner may come in."""
        if self._store is not None:
            self._store.close()
        if self._producer is not None:
            if abort:
                self._producer.abort_quietly()
            self._producer.close()
