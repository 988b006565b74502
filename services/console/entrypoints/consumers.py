"""The consumers: one fills the trace, one the tasks of people (reviews, dead letters)."""

from typing import Final

from kyufu.events.v1 import operations_pb2, reviews_pb2

from chassis.kafka.errors import InvalidMessage
from chassis.kafka.records import Positions, Record
from services.console.entrypoints.stations import PROTECTED_SUFFIX, has_station, station
from services.console.ports import ProjectionStore

TRACE_TOPICS: Final = (
    "applications.submitted",
    "applications.identified",
    "applications.deduplicated",
    "applications.deduplicated.protected",
    "applications.decided",
    "applications.decided.protected",
    "payments.events",
    "payments.events.protected",
    "notices.recorded",
)
TASK_TOPICS: Final = ("reviews.opened", "reviews.opened.protected", "deadletters")
TRACE_GROUP_SUFFIX: Final = ".trace"
TASKS_GROUP_SUFFIX: Final = ".tasks"


class TraceConsumer:
    """Many events: one statement a batch."""

    def __init__(self, store: ProjectionStore) -> None:
        self._store = store

    def check(self, record: Record) -> None:
        """Raises InvalidMessage."""
        if has_station(record):
            station(record)

    def handle(self, records: list[Record], positions: Positions) -> None:
        """Store the stations of the batch with its positions."""
        events = [station(record) for record in records if has_station(record)]
        self._store.store(events=events, positions=positions)


class TaskConsumer:
    """Few events, each a task for somebody; a review is a station of its application as well."""

    def __init__(self, store: ProjectionStore) -> None:
        self._store = store

    def check(self, record: Record) -> None:
        """Raises InvalidMessage."""
        message = record.message
        if isinstance(message, reviews_pb2.ReviewOpened):
            station(record)
        elif isinstance(message, operations_pb2.DeadLetter) and not (
            message.source_topic and message.consumer
        ):
            raise InvalidMessage("pointer")

    def handle(self, records: list[Record], positions: Positions) -> None:
        """Store the tasks of the batch with its positions."""
        reviews: list[tuple[reviews_pb2.ReviewOpened, str | None]] = []
        letters: list[operations_pb2.DeadLetter] = []
        events = []
        for record in records:
            message = record.message
            if isinstance(message, reviews_pb2.ReviewOpened):
                # The topic decides too: a review from the protected topic is protected.
                message.protected = message.protected or record.topic.endswith(PROTECTED_SUFFIX)
                reviews.append((message, record.traceparent))
                events.append(station(record))
            elif isinstance(message, operations_pb2.DeadLetter):
                letters.append(message)
        self._store.store(events=events, reviews=reviews, letters=letters, positions=positions)
