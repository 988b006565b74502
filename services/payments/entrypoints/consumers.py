"""The two Kafka doors: decisions and holds, each with a group and a thread of its own.

They are apart so that a file can be frozen as soon as the holds are read, however many decisions
still wait.
"""

from collections.abc import Mapping
from typing import Final

from chassis.clock import Clock
from chassis.kafka.records import Positions, Record
from chassis.metrics import Metrics
from services.payments import handlers
from services.payments.domain.programmes import Programme
from services.payments.entrypoints.decoding import (
    DECISIONS_TOPIC,
    HOLDS_TOPIC,
    PROTECTED_DECISIONS_TOPIC,
    decision_of,
    hold_of,
)
from services.payments.metric_defs import DECISIONS_TAKEN, HOLDS_MOVED
from services.payments.ports import Ledger

DECISION_TOPICS: Final = (DECISIONS_TOPIC, PROTECTED_DECISIONS_TOPIC)
HOLD_TOPICS: Final = (HOLDS_TOPIC,)


class DecisionsDoor:
    """The handler of the decisions' consumer."""

    def __init__(
        self,
        group: str,
        ledger: Ledger,
        programmes: Mapping[str, Programme],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._group = group
        self._ledger = ledger
        self._programmes = programmes
        self._clock = clock
        self._counter = metrics.counter(DECISIONS_TAKEN)

    def handle(self, records: list[Record], positions: Positions) -> None:
        """Take one batch in one transaction."""
        at = self._clock.now()
        decisions = [
            decision
            for decision in (decision_of(record, at) for record in records)
            if decision is not None
        ]
        outcomes = handlers.take_decisions(
            decisions,
            positions,
            group=self._group,
            ledger=self._ledger,
            programmes=self._programmes,
        )
        for outcome, count in outcomes.items():
            self._counter.labels(outcome=outcome).inc(count)


class HoldsDoor:
    """The handler of the holds' consumer."""

    def __init__(self, group: str, ledger: Ledger, clock: Clock, metrics: Metrics) -> None:
        self._group = group
        self._ledger = ledger
        self._clock = clock
        self._counter = metrics.counter(HOLDS_MOVED)

    def handle(self, records: list[Record], positions: Positions) -> None:
        """Take one batch in one transaction."""
        at = self._clock.now()
        notices = [hold_of(record, at) for record in records]
        moved = handlers.take_holds(notices, positions, group=self._group, ledger=self._ledger)
        self._counter.inc(moved)
