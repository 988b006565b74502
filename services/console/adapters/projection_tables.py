"""What the consumers write: each batch and its positions in one transaction."""

from collections.abc import Sequence
from typing import Any

from kyufu.events.v1 import operations_pb2
from psycopg import Connection
from psycopg_pool import ConnectionPool

from chassis.kafka.offsets import PostgresOffsets
from chassis.kafka.records import Positions
from chassis.postgres import run_in_transaction
from services.console.adapters.dead_letter_table import insert_letter
from services.console.adapters.review_table import insert_review
from services.console.adapters.trace_table import insert_events
from services.console.domain.trace import TraceEvent
from services.console.ports import OpenedReview


class Projection:
    """One consumer's tables and its positions beside them."""

    def __init__(self, pool: ConnectionPool, offsets: PostgresOffsets) -> None:
        self._pool = pool
        self._offsets = offsets

    def store(
        self,
        *,
        events: Sequence[TraceEvent] = (),
        reviews: Sequence[OpenedReview] = (),
        letters: Sequence[operations_pb2.DeadLetter] = (),
        positions: Positions,
    ) -> None:
        """Set-based for the many events of the trace, row by row for the few tasks of people."""

        def work(connection: Connection[Any]) -> None:
            insert_events(connection, events)
            for opened, traceparent in reviews:
                insert_review(connection, opened, traceparent)
            for letter in letters:
                insert_letter(connection, letter)
            self._offsets.write(connection, positions)

        run_in_transaction(self._pool, work)
