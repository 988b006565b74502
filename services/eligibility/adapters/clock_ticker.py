"""Writes the clock into every partition once a second, so that deadlines replay like any event."""

import threading
from typing import Final

from kyufu.events.v1 import operations_pb2

from chassis.clock import Clock, to_ms
from chassis.kafka.errors import BrokerUnavailable, ProducerBroken
from chassis.kafka.producer import DurableProducer
from chassis.kafka.records import OutgoingRecord
from chassis.logging import get_logger
from chassis.metrics import Metrics
from services.eligibility.adapters.partition_keys import key_on
from services.eligibility.metric_defs import CLOCK_TICKS

TOPIC: Final = "clock.ticks"
INTERVAL_S: Final = 1.0
LATE_S: Final = 15.0
JOIN_S: Final = 12.0


class ClockTicker:
    """A thread that ticks until stopped. A broker that is away is tried again at the next tick."""

    def __init__(
        self, producer: DurableProducer, clock: Clock, partitions: int, metrics: Metrics
    ) -> None:
        self._producer = producer
        self._clock = clock
        self._partitions = partitions
        self._ticks = metrics.counter(CLOCK_TICKS)
        self._stopping = threading.Event()
        self._last_s = clock.monotonic()
        self._broken: str | None = None
        self._thread = threading.Thread(target=self._run, name="clock-ticker", daemon=True)

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self) -> None:
        """End after the tick that is under way."""
        self._stopping.set()
        self._thread.join(JOIN_S)

    def check(self) -> str | None:
        """A readiness check."""
        late = self._clock.monotonic() - self._last_s > LATE_S
        return self._broken or ("the clock does not tick" if late else None)

    def broken(self) -> str | None:
        """Why the process must end, if it must."""
        return self._broken

    def tick(self) -> None:
        """One round: the same instant into every partition."""
        at_ms = to_ms(self._clock.now())
        message = operations_pb2.ClockTick(at_ms=at_ms, sequence=at_ms // 1000)
        self._producer.produce_batch(
            [
                OutgoingRecord(
                    TOPIC, key_on(each, self._partitions, "tick"), message, partition=each
                )
                for each in range(self._partitions)
            ]
        )
        self._last_s = self._clock.monotonic()
        self._ticks.inc()

    def _run(self) -> None:
        while not self._stopping.wait(INTERVAL_S):
            try:
                self.tick()
            except BrokerUnavailable:
                get_logger().warning("clock tick not written", reason="broker unavailable")
            except ProducerBroken as error:
                self._broken = str(error)
                return
