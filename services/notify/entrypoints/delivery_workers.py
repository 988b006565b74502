"""The loops that send what is due, and the one that shows how much is pending."""

import asyncio
from typing import Final

import psycopg
from psycopg_pool import PoolTimeout

from chassis.clock import Clock
from chassis.logging import get_logger
from services.notify.handlers import Delivery
from services.notify.ports import Counters, NoticeStore

WORKERS: Final = 2
IDLE_PAUSE_S: Final = 0.2
FAILED_PAUSE_S: Final = 1.0
# A database that is away this long is somebody's task; the supervisor starts the process anew.
FAILED_ROUNDS_MAX: Final = 60
PENDING_EVERY_S: Final = 2.0


class DeliveryWorkers:
    """Runs `WORKERS` loops until stopped; a failure that no retry helps ends `run`."""

    def __init__(
        self,
        *,
        delivery: Delivery,
        store: NoticeStore,
        counters: Counters,
        clock: Clock,
        batch_max: int,
        workers: int = WORKERS,
    ) -> None:
        self._delivery = delivery
        self._store = store
        self._counters = counters
        self._clock = clock
        self._batch_max = batch_max
        self._workers = workers
        self._stopping = asyncio.Event()
        self._failed_rounds = 0

    async def run(self) -> None:
        """Deliver until `stop`."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._deliver())
            group.create_task(self._show_pending())

    def stop(self) -> None:
        """End after the batches in hand."""
        self._stopping.set()

    def ready(self) -> str | None:
        """A readiness check."""
        return "notices cannot be claimed" if self._failed_rounds else None

    async def _deliver(self) -> None:
        while not self._stopping.is_set():
            try:
                sent = await self._delivery.deliver_due(self._clock.now(), self._batch_max)
            except (psycopg.OperationalError, PoolTimeout) as error:
                self._failed_rounds += 1
                get_logger().warning("delivery round failed", exc_info=error)
                if self._failed_rounds >= FAILED_ROUNDS_MAX:
                    raise
                await self._pause(FAILED_PAUSE_S)
                continue
            self._failed_rounds = 0
            if sent < self._batch_max:
                await self._pause(IDLE_PAUSE_S)

    async def _show_pending(self) -> None:
        while not self._stopping.is_set():
            try:
                self._counters.pending(await asyncio.to_thread(self._store.pending))
            except (psycopg.OperationalError, PoolTimeout) as error:
                get_logger().warning("pending notices cannot be counted", exc_info=error)
            await self._pause(PENDING_EVERY_S)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return
