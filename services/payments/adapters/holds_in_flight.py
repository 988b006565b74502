"""Waits until the consumer of holds has read to the end that the topic had when asked.

Freezing or releasing without this would miss a hold that is written but not yet read.
"""

import threading
from collections.abc import Callable, Mapping
from typing import Final

from confluent_kafka import KafkaException

from chassis.kafka.errors import OffsetLost
from chassis.logging import get_logger

CATCH_UP_TIMEOUT_S: Final = 20.0
_STEP_S: Final = 0.02

Offsets = Mapping[tuple[str, int], int]


class HoldsTail:
    """`ports.HoldsInFlight` over the consumer's own account of how far its effects are durable."""

    def __init__(
        self,
        ends: Callable[[], Offsets],
        reached: Callable[[], Offsets],
        *,
        monotonic: Callable[[], float],
        timeout_s: float = CATCH_UP_TIMEOUT_S,
    ) -> None:
        self._ends = ends
        self._reached = reached
        self._monotonic = monotonic
        self._timeout_s = timeout_s

    def catch_up(self) -> bool:
        try:
            ends = self._ends()
        except (KafkaException, OffsetLost) as error:
            # Without the broker nobody knows which holds are still to come.
            get_logger().warning("the end of the holds is not known", exc_info=error)
            return False
        deadline_s = self._monotonic() + self._timeout_s
        pause = threading.Event()
        while True:
            reached = self._reached()
            if all(reached.get(partition, 0) >= end for partition, end in ends.items()):
                return True
            if self._monotonic() >= deadline_s:
                return False
            pause.wait(_STEP_S)
