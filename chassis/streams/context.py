"""What all partitions of a stage share, and what a partition may ask of the process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from confluent_kafka import Consumer

from chassis.clock import Clock
from chassis.streams.observer import StageObserver, StageReadiness
from chassis.streams.settings import StreamSettings
from chassis.streams.stage import StageLogic, Topics
from chassis.streams.state import StoreFactory, StoreIdentity
from chassis.streams.transport import BatchApp


@dataclass(frozen=True, slots=True)
class StageContext:
    """One a process."""

    logic: StageLogic
    settings: StreamSettings
    topics: Topics
    partitions: int
    app: BatchApp
    group: Consumer
    stores: StoreFactory
    state_age_s_max: float
    executor: Executor
    clock: Clock
    observer: StageObserver
    readiness: StageReadiness
    on_failure: Callable[[BaseException], None]
    commit_offsets: Callable[[int, Mapping[str, int], str], None]
    """Commits a partition's next offsets by topic, and the note beside them, as a member of the
    group; blocks its thread."""

    @property
    def consumer_name(self) -> str:
        """How the stage calls itself in dead letters: the changelog's name without its ending."""
        return self.settings.changelog.removesuffix(".changelog")

    def identity(self, partition: int) -> StoreIdentity:
        """Whose the state of a partition is."""
        return StoreIdentity(
            installation=self.settings.installation,
            stage=self.logic.name,
            version=self.logic.version,
            partitions=self.partitions,
            partition=partition,
        )
