"""applications.decided(.protected): a refusal becomes a notice, its offset stored beside it."""

from typing import Final

from kyufu.events.v1 import applications_pb2, common_pb2

from chassis.clock import Clock
from chassis.kafka.errors import InvalidMessage
from chassis.kafka.records import Positions, Record
from services.notify import handlers
from services.notify.domain.notices import Notice
from services.notify.entrypoints.decoding import FieldError, NoticeReader
from services.notify.ports import Counters, NoticeStore

TOPICS: Final = ("applications.decided", "applications.decided.protected")
SOURCE: Final = "decided"


class DecidedConsumer:
    """The batch handler and the check of single records."""

    def __init__(
        self,
        *,
        store: NoticeStore,
        reader: NoticeReader,
        counters: Counters,
        clock: Clock,
    ) -> None:
        self._store = store
        self._reader = reader
        self._counters = counters
        self._clock = clock

    def check(self, record: Record) -> None:
        """Raises InvalidMessage for a decision that cannot be told."""
        decided = record.message
        assert isinstance(decided, applications_pb2.ApplicationDecided)
        if decided.outcome not in common_pb2.Outcome.values() or not decided.outcome:
            raise InvalidMessage("unknown_enum")
        if decided.outcome == common_pb2.OUTCOME_REFUSED:
            try:
                self._reader.from_refusal(decided, None)
            except FieldError as error:
                raise InvalidMessage(f"field_{error.field}") from error

    def handle(self, records: list[Record], positions: Positions) -> None:
        """Store the notices of the refusals among these records, and the positions."""
        notices: list[Notice] = []
        for record in records:
            decided = record.message
            assert isinstance(decided, applications_pb2.ApplicationDecided)
            if decided.outcome == common_pb2.OUTCOME_REFUSED:
                notices.append(self._reader.from_refusal(decided, record.traceparent))
        handlers.accept(
            notices,
            source=SOURCE,
            at=self._clock.now(),
            store=self._store,
            counters=self._counters,
            positions=positions,
        )
