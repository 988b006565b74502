"""The review queue; an answer, its event, its station and its audit entry are one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from kyufu.events.v1 import common_pb2, reviews_pb2
from psycopg import Connection
from psycopg_pool import ConnectionPool

from chassis.outbox import append, outbox_row
from services.console.adapters.audit_table import insert_entry
from services.console.adapters.trace_table import insert_events
from services.console.domain.reviews import RESOLVED_TOPICS, Position, Resolution, Review
from services.console.domain.trace import REVIEW_RESOLVED, TraceEvent
from services.console.ports import AuditEntry, ReviewFilter

SCHEMA: Final = "console"
_REASON_PREFIX: Final = "REASON_"
_RESOLUTIONS: Final = {
    Resolution.ACCEPT: reviews_pb2.RESOLUTION_ACCEPT,
    Resolution.REFUSE: reviews_pb2.RESOLUTION_REFUSE,
}
_INSERT: Final = """
INSERT INTO console.review (review_id, stage, stage_key, stage_event_type, stage_event,
    application_id, programme, municipality_code, reason_numbers, opened_at_ms, protected,
    traceparent)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (review_id) DO NOTHING
"""
_COLUMNS: Final = """
SELECT review_id, stage, application_id, programme, municipality_code, reason_numbers,
    opened_at_ms, protected, resolution, COALESCE(actor, '')
"""
_SEEN: Final = """
(%(municipality)s = '' OR municipality_code IN ('', %(municipality)s))
    AND (%(protected)s OR NOT protected)
"""
_PAGE: Final = f"""
{_COLUMNS} FROM console.review WHERE {_SEEN}
    AND (%(resolved)s OR resolution IS NULL)
    AND (opened_at_ms, review_id) > (%(after_ms)s, %(after_id)s)
ORDER BY opened_at_ms, review_id LIMIT %(limit)s
"""
_OPEN: Final = "SELECT count(*) FROM console.review WHERE resolution IS NULL"
_OPEN_SEEN: Final = f"{_OPEN} AND {_SEEN}"
_HOLD: Final = f"""
{_COLUMNS}, stage_key, stage_event_type, stage_event, traceparent
FROM console.review WHERE review_id = %s FOR UPDATE
"""
_RESOLVE: Final = """
UPDATE console.review SET resolution = %s, actor = %s, resolved_at_ms = %s, stage_event = ''
WHERE review_id = %s AND resolution IS NULL
"""


class ReviewTable:
    """The queue behind its port."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def page(self, which: ReviewFilter, after: Position | None, limit: int) -> Sequence[Review]:
        """The next reviews in the order of their opening."""
        values = {
            **_filter_values(which),
            "resolved": which.include_resolved,
            "after_ms": after.opened_at_ms if after else -1,
            "after_id": after.review_id if after else b"",
            "limit": limit,
        }
        with self._pool.connection() as connection:
            return [_review(row) for row in connection.execute(_PAGE, values)]

    def open_total(self, which: ReviewFilter | None) -> int:
        """Open reviews that may be seen; None: all."""
        with self._pool.connection() as connection:
            if which is None:
                row = connection.execute(_OPEN).fetchone()
            else:
                row = connection.execute(_OPEN_SEEN, _filter_values(which)).fetchone()
        return int(row[0]) if row is not None else 0

    @contextmanager
    def held(self, review_id: bytes) -> Iterator["LockedReview"]:
        """The review under its row's lock until the block ends."""
        with self._pool.connection() as connection:
            row = connection.execute(_HOLD, (review_id,)).fetchone()
            yield LockedReview(connection, row)


class LockedReview:
    """See HeldReview."""

    def __init__(self, connection: Connection[Any], row: tuple[Any, ...] | None) -> None:
        self._connection = connection
        self._row = row
        self.review = _review(row) if row is not None else None

    def resolve(
        self, resolution: Resolution, actor: str, at_ms: int, event_id: bytes, audit: AuditEntry
    ) -> Review:
        """Commits with the block that holds the review."""
        assert self._row is not None
        review = self.review
        assert review is not None
        stage_key, event_type, stage_event, traceparent = self._row[-4:]
        connection = self._connection
        connection.execute(_RESOLVE, (resolution.value, actor, at_ms, review.review_id))
        message = reviews_pb2.ReviewResolved(
            event_id=event_id,
            review_id=review.review_id,
            stage=common_pb2.Stage.ValueType(review.stage),
            stage_key=stage_key,
            stage_event_type=event_type,
            stage_event=stage_event,
            resolution=_RESOLUTIONS[resolution],
            reasons=[common_pb2.Reason.Value(_REASON_PREFIX + name) for name in review.reasons],
            actor=actor,
            resolved_at_ms=at_ms,
        )
        topic = RESOLVED_TOPICS[review.stage]
        append(connection, SCHEMA, [outbox_row(topic, stage_key, message, traceparent)])
        insert_events(connection, [_station(review, resolution, at_ms, event_id)])
        insert_entry(connection, audit)
        return Review(
            review.review_id, review.stage, review.application_id, review.programme,
            review.municipality_code, review.reasons, review.opened_at_ms, review.protected,
            resolution, actor,
        )  # fmt: skip


def insert_review(
    connection: Connection[Any], opened: reviews_pb2.ReviewOpened, traceparent: str | None
) -> None:
    """Add a review in the caller's transaction; a known one is left as it is."""
    connection.execute(
        _INSERT,
        (
            opened.review_id, int(opened.stage), opened.stage_key, opened.stage_event_type,
            opened.stage_event, opened.application_id, opened.programme,
            opened.municipality_code, [int(reason) for reason in opened.reasons],
            opened.opened_at_ms, opened.protected, traceparent,
        ),
    )  # fmt: skip


def _station(review: Review, resolution: Resolution, at_ms: int, event_id: bytes) -> TraceEvent:
    return TraceEvent(
        event_id=event_id,
        application_id=review.application_id,
        stage=review.stage,
        event=REVIEW_RESOLVED,
        at_ms=at_ms,
        programme=review.programme,
        municipality_code=review.municipality_code,
        outcome=resolution.value,
        reasons=review.reasons,
        detail=f"review {review.review_id.hex()}",
        protected=review.protected,
    )


def _filter_values(which: ReviewFilter) -> dict[str, Any]:
    return {"municipality": which.municipality_code, "protected": which.protected}


def _review(row: tuple[Any, ...]) -> Review:
    return Review(
        review_id=row[0],
        stage=row[1],
        application_id=row[2],
        programme=row[3],
        municipality_code=row[4],
        reasons=tuple(
            common_pb2.Reason.Name(number).removeprefix(_REASON_PREFIX) for number in row[5]
        ),
        opened_at_ms=row[6],
        protected=row[7],
        resolution=Resolution(row[8]) if row[8] is not None else None,
        actor=row[9],
    )
