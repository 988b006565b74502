"""What a worker holds of a partition from its assignment to its revocation.

Order on taking over (each step needs the one before): fence the former owner, read the settled
offsets and commit those of new inputs, open the store, restore it to the changelog's end, read the
tables again from where the store left them. All of it blocks, and ends early when the partition is
revoked.
"""

from __future__ import annotations

import threading

from chassis.streams.bounds import LOOKUP_S
from chassis.streams.context import StageContext
from chassis.streams.decoding import EnvelopeDecoder
from chassis.streams.failpoints import Step
from chassis.streams.notes import Note
from chassis.streams.positions import Positions, start_positions
from chassis.streams.producer import PartitionProducer, ProducerOptions
from chassis.streams.restore import RestoreCancelled, restore_partition, watermarks
from chassis.streams.state import StateStore, StoreLocked
from chassis.streams.tables import reload_tables

STORE_LOCKED_S_MAX = 10.0
"""A store that somebody else has open is waited for so long: a stopped process holds it on."""
STORE_LOCKED_PAUSE_S = 0.2
ELAPSED_S_MIN = 0.001


class Tenure:
    """Producer, positions and store of one partition."""

    def __init__(self, context: StageContext, partition: int, decoder: EnvelopeDecoder) -> None:
        self._context = context
        self._partition = partition
        self._decoder = decoder
        self._cancelled = threading.Event()
        self._started_at = 0.0
        self._keys = 0
        self.positions = Positions({})
        self.note = Note()
        self._producer: PartitionProducer | None = None
        self._store: StateStore | None = None

    @property
    def producer(self) -> PartitionProducer:
        """The fencing producer, once taken over."""
        assert self._producer is not None
        return self._producer

    @property
    def store(self) -> StateStore:
        """The restored store, once taken over."""
        assert self._store is not None
        return self._store

    def take_over(self) -> None:
        """Raises RestoreCancelled when the partition is revoked meanwhile. Blocks."""
        context, partition, settings = self._context, self._partition, self._context.settings
        self.require()
        self._producer = PartitionProducer(
            settings.bootstrap,
            f"{settings.installation}-{context.logic.name}-{partition}",
            ProducerOptions(
                transaction_timeout_s=settings.transaction_timeout_s,
                transactions=settings.transactions,
            ),
        )
        self._producer.fence(self.require)
        settings.failpoint(Step.FENCED)
        self.require()
        self._find_start()
        self._store = self._open_store()
        settings.failpoint(Step.RESTORING)
        self._restore(self._store)

    def _find_start(self) -> None:
        """Read the settled offsets; a new input's start is committed before anything is written."""
        context, partition, settings = self._context, self._partition, self._context.settings
        start = start_positions(
            context.group,
            context.logic.name,
            context.logic.inputs,
            partition,
            has_written=lambda: (
                watermarks(settings.bootstrap, settings.changelog, partition)[1] > 0
            ),
            timeout_s=LOOKUP_S,
        )
        self.positions, self.note = Positions(start.offsets), start.note
        if start.is_new and settings.transactions:
            self.producer.begin()
            self.producer.commit(start.offsets, partition, context.group, note=start.note.text)
        elif start.is_new:
            context.commit_offsets(partition, start.offsets, start.note.text)

    def _restore(self, store: StateStore) -> None:
        context, settings = self._context, self._context.settings
        self._started_at = context.clock.monotonic()
        restore_partition(
            settings.bootstrap,
            settings.changelog,
            self._partition,
            store,
            cancelled=self._cancelled,
            on_progress=self._note,
        )
        reload_tables(
            settings.bootstrap,
            context.logic,
            self._decoder,
            self._partition,
            store,
            self.positions.next,
            cancelled=self._cancelled,
            on_progress=self._note,
        )
        store.restored()

    def _open_store(self) -> StateStore:
        context = self._context
        until = context.clock.monotonic() + STORE_LOCKED_S_MAX
        while True:
            try:
                return context.stores(
                    context.identity(self._partition), age_s_max=context.state_age_s_max
                )
            except StoreLocked:
                if context.clock.monotonic() > until:
                    raise
                self._cancelled.wait(STORE_LOCKED_PAUSE_S)
                self.require()

    def _note(self, keys: int, offsets_left: int) -> None:
        """Show how far the restore is; a step holds thousands of keys."""
        context = self._context
        self._keys += keys
        elapsed_s = max(context.clock.monotonic() - self._started_at, ELAPSED_S_MIN)
        per_s = self._keys / elapsed_s
        eta_s = offsets_left / per_s if self._keys else 0.0
        context.observer.restored(self._partition, keys=keys, per_s=per_s, eta_s=eta_s)
        context.readiness.restoring(
            self._partition, f"{self._keys} keys, {per_s:.0f}/s, {eta_s:.0f} s left"
        )

    def require(self) -> None:
        """Raise RestoreCancelled once the partition is no longer ours."""
        if self._cancelled.is_set():
            raise RestoreCancelled

    def cancel(self) -> None:
        """The partition is revoked: end the take-over where it stands."""
        self._cancelled.set()

    def size_bytes(self) -> int:
        """Live bytes of state; 0 until the store is open. Any thread may ask."""
        store = self._store
        return 0 if store is None else store.size_bytes()

    def release(self, *, abort: bool) -> None:
        """Abort what is still open, then let the next owner in. Blocks."""
        if self._store is not None:
            self._store.close()
        if self._producer is not None:
            if abort:
                self._producer.abort_quietly()
            self._producer.close()
