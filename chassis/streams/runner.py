"""Runs one stage in one process: a Faust app that owns group membership, and a worker a partition.

Any exception ends the process with a reason and a non-zero status; the supervisor starts it again.
A restarted agent inside an open transaction would loop for ever, and Faust acknowledges what
failed, so nothing here tries to go on.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import signal
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from faust.types import TP

from chassis.clock import Clock
from chassis.logging import error_text, get_logger
from chassis.metrics import Metrics
from chassis.streams.bounds import STOP_CLOSE_S, STOP_FAILED_S, Bounds
from chassis.streams.context import StageContext
from chassis.streams.ending import NotGivenUp, Watchdog
from chassis.streams.membership import MembershipWatch, member_app
from chassis.streams.observer import StageObserver, StageReadiness
from chassis.streams.partition import PartitionWorker
from chassis.streams.positions import open_group
from chassis.streams.preflight import delete_retention_s, partition_counts, require_topics
from chassis.streams.settings import StreamSettings
from chassis.streams.stage import StageLogic, Topics
from chassis.streams.state import StoreFactory, memory_store
from chassis.streams.transport import BatchApp, Envelope

LAG_INTERVAL_S = 1.0
GARBAGE_THRESHOLDS = (100_000, 20, 50)
STATE_INTERVAL_S = 5.0
CHATTY_LOGGERS = ("faust", "mode", "aiokafka", "chassis.streams.transport")


class NotTogether(Exception):
    """The group's assignor gave the topics of one partition to different workers."""


def run_stage(
    logic: StageLogic,
    settings: StreamSettings,
    topics: Topics,
    *,
    metrics: Metrics,
    clock: Clock,
    readiness: StageReadiness,
    stores: StoreFactory = memory_store,
) -> int:
    """Run the stage until SIGTERM, SIGINT or a failure; returns the process's exit status.

    `metrics` must have been built with `STREAM_METRICS`. `readiness.check` is a health check.
    """
    for name in CHATTY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    # A batch makes tens of thousands of objects that die with it, and few that refer to each other
    # in circles: collecting at every 700 costs a tenth of the time and finds nothing.
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    runner = _StageRunner(logic, settings, topics, metrics, clock, readiness, stores)
    try:
        return asyncio.run(runner.run())
    finally:
        runner.watchdog.disarm()


class _StageRunner:
    def __init__(
        self,
        logic: StageLogic,
        settings: StreamSettings,
        topics: Topics,
        metrics: Metrics,
        clock: Clock,
        readiness: StageReadiness,
        stores: StoreFactory,
    ) -> None:
        self._logic = logic
        self._settings = settings
        self._topics = topics
        self._clock = clock
        self._readiness = readiness
        self._stores = stores
        self._group_id = f"{settings.installation}-{logic.name}"
        self._observer = StageObserver(metrics, logic.name, self._group_id)
        self._log = get_logger().bind(stage=logic.name)
        self._workers: dict[int, PartitionWorker] = {}
        self._sample_at = 0.0
        self._epochs = itertools.count(1)
        self._failure: BaseException | None = None
        self._state_age_s_max = 0.0
        self._stopping = asyncio.Event()
        self._bounds = Bounds(settings.transaction_timeout_s)
        self._hangs = False
        self.watchdog = Watchdog()

    async def run(self) -> int:
        """Start, supervise, stop; the exit status is 0 only if nothing failed."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._stopping.set)
        try:
            partitions = await loop.run_in_executor(None, self._preflight)
        except Exception as error:
            self._fail(error)
            return 1
        executor = ThreadPoolExecutor(partitions + 1, thread_name_prefix="partition")
        app = self._build_app(partitions)
        self._context = self._build_context(app, partitions, executor)
        self._membership = MembershipWatch(app.check_group, self._clock.monotonic)
        try:
            await self._supervise(app)
        except Exception as error:
            self._fail(error)
        await self._stop(app)
        executor.shutdown(wait=False, cancel_futures=True)
        return self._status()

    def _status(self) -> int:
        return 0 if self._failure is None else 1

    def _preflight(self) -> int:
        settings, logic = self._settings, self._logic
        settings.run_dir.mkdir(parents=True, exist_ok=True)
        partitions = require_topics(
            partition_counts(settings.bootstrap),
            together=(
                *logic.inputs,
                settings.changelog,
                *([settings.journal] if settings.journal else []),
            ),
            others=(*logic.outputs, settings.dead_letters),
        )
        self._state_age_s_max = delete_retention_s(settings.bootstrap, settings.changelog)
        return partitions

    def _build_app(self, partitions: int) -> BatchApp:
        app = member_app(self._group_id, self._settings, self._logic.inputs, partitions)
        app.agent(app.envelope_topic(self._logic.inputs), name=self._logic.name)(self._consume)
        app.on_partitions_assigned.connect(cast(Any, self._on_assigned))
        app.on_partitions_revoked.connect(cast(Any, self._on_revoked))
        return app

    def _build_context(
        self, app: BatchApp, partitions: int, executor: ThreadPoolExecutor
    ) -> StageContext:
        return StageContext(
            logic=self._logic,
            settings=self._settings,
            topics=self._topics,
            partitions=partitions,
            app=app,
            group=open_group(self._settings.bootstrap, self._group_id),
            stores=self._stores,
            state_age_s_max=self._state_age_s_max,
            executor=executor,
            clock=self._clock,
            observer=self._observer,
            readiness=self._readiness,
            on_failure=self._fail,
            commit_offsets=self._offsets_committer(app),
        )

    def _offsets_committer(self, app: BatchApp) -> Callable[[int, Mapping[str, int], str], None]:
        loop = asyncio.get_running_loop()

        def commit(partition: int, offsets: Mapping[str, int], note: str) -> None:
            wanted = {TP(topic, partition): offset for topic, offset in offsets.items()}
            done = asyncio.run_coroutine_threadsafe(app.commit_offsets(wanted, note), loop)
            done.result(self._bounds.commit_s)

        return commit

    async def _consume(self, stream: Any) -> None:
        """The stage's only agent: sorts envelopes to their partitions."""
        envelope: Envelope
        async for envelope in stream:
            worker = self._workers.get(envelope.partition)
            if worker is not None:
                await worker.offer(envelope)

    async def _on_assigned(self, app: Any, assigned: set[TP], **_: Any) -> None:
        await self._close_workers(commit=True, limit_s=self._bounds.give_up_s)
        if self._stopping.is_set():
            return  # nobody would close what began now
        self._membership.joined()
        found: defaultdict[int, set[str]] = defaultdict(set)
        for tp in assigned:
            found[tp.partition].add(tp.topic)
        apart = sorted(p for p, topics in found.items() if topics != set(self._logic.inputs))
        if apart:
            self._fail(NotTogether(f"partitions {apart} are assigned in part"))
            return
        self._observer.assigned()
        self._readiness.assigned(set(found))
        self._log.info("partitions assigned", partitions=sorted(found))
        self._workers = {
            partition: PartitionWorker(self._context, partition, next(self._epochs))
            for partition in found
        }
        for worker in self._workers.values():
            worker.start()

    async def _on_revoked(self, app: Any, revoked: set[TP], **_: Any) -> None:
        self._readiness.not_ready("rebalancing")
        self._membership.left()
        await self._close_workers(commit=True, limit_s=self._bounds.give_up_s)

    async def _close_workers(self, *, commit: bool, limit_s: float) -> None:
        """Commit or abort every partition and release it; one that hangs ends the process.

        The others of the group wait for a revocation: without a bound they would wait for ever.
        """
        workers, self._workers = self._workers, {}
        closing = {
            asyncio.create_task(worker.close(commit=commit)): partition
            for partition, worker in workers.items()
        }
        if not closing:
            return
        closed, hanging = await asyncio.wait(closing, timeout=limit_s)
        for task in closed:
            task.result()
        if hanging:
            self._hangs = True
            partitions = sorted(closing[task] for task in hanging)
            self._fail(NotGivenUp(f"partitions {partitions} not given up within {limit_s:g} s"))

    async def _supervise(self, app: BatchApp) -> None:
        """Return when a signal has come or something has failed."""
        starting = self._starting = asyncio.create_task(app.start())
        stopping = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            await asyncio.wait({stopping}, timeout=LAG_INTERVAL_S)
            if starting.done() and starting.exception() is not None:
                self._fail(starting.exception() or RuntimeError("start failed"))
            elif app.crashed:
                self._fail(app.crash_reason or RuntimeError("Faust crashed without a reason"))
            elif (lost := self._membership.look()) is not None:
                self._fail(lost)
            else:
                self._observer.lags({(tp.topic, tp.partition): n for tp, n in app.lags().items()})
                self._sample_state()

    def _sample_state(self) -> None:
        """Show how much state there is, every few seconds."""
        now = self._clock.monotonic()
        if now >= self._sample_at:
            self._sample_at = now + STATE_INTERVAL_S
            self._observer.state(sum(worker.size_bytes() for worker in self._workers.values()))

    def _fail(self, error: BaseException) -> None:
        """Keep the first reason and end the process; what follows from it is only noise."""
        if self._failure is None:
            self._failure = error
            self._readiness.not_ready("failed")
            self._log.error(
                "stage failed",
                reason=type(error).__name__,
                detail=error_text(error),
                fenced=self._observer.failed(error),
            )
        self._stopping.set()

    async def _stop(self, app: BatchApp) -> None:
        """Commit or abort every partition, then stop Faust, each within a bound.

        Faust can hang while stopping (and swallow a cancellation); by then nothing is left that
        could be lost, so the process ends without it.
        """
        self._readiness.not_ready("stopping")
        await self._close_workers(commit=self._failure is None, limit_s=STOP_CLOSE_S)
        failed = self._failure is not None
        limit_s = STOP_FAILED_S if failed else self._settings.stop_timeout_s
        self.watchdog.arm(limit_s, self._status(), final=self._hangs)
        self._starting.cancel()
        try:
            await app.stop()
        except Exception as error:
            self._log.warning("faust stopped with an error", reason=type(error).__name__)
