"""The trace projection: set-based inserts, idempotent on the event id."""

from collections.abc import Sequence
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from services.console.domain.trace import TraceEvent

_INSERT: Final = """
INSERT INTO console.trace_event (event_id, application_id, stage, event, at_ms, programme,
    receipt_number, municipality_code, outcome, reasons, amount_yen, revision, file_name,
    line_number, detail, ordinal, protected)
SELECT event_id, application_id, stage, event, at_ms, programme, receipt_number,
    municipality_code, outcome, string_to_array(reasons, ','), amount_yen, revision, file_name,
    line_number, detail, ordinal, protected
FROM unnest(%s::bytea[], %s::bytea[], %s::smallint[], %s::text[], %s::bigint[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::int[], %s::text[], %s::int[],
    %s::text[], %s::int[], %s::boolean[])
    AS given (event_id, application_id, stage, event, at_ms, programme, receipt_number,
    municipality_code, outcome, reasons, amount_yen, revision, file_name, line_number, detail,
    ordinal, protected)
ON CONFLICT (event_id) DO NOTHING
"""
_SELECT: Final = """
SELECT event_id, application_id, stage, event, at_ms, programme, receipt_number, municipality_code,
    outcome, reasons, amount_yen, revision, file_name, line_number, detail, ordinal, protected
FROM console.trace_event WHERE application_id = %s ORDER BY at_ms, stage LIMIT %s
"""
# Corrections, reviews and returns of one application stay far below; the rest would not be read.
STATIONS_MAX: Final = 2_000


class TraceTable:
    """Reads the stations of one application."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def events_of(self, application_id: bytes) -> Sequence[TraceEvent]:
        """All its events, at most STATIONS_MAX."""
        with self._pool.connection() as connection:
            rows = connection.execute(_SELECT, (application_id, STATIONS_MAX)).fetchall()
        return [
            TraceEvent(
                event_id=row[0],
                application_id=row[1],
                stage=row[2],
                event=row[3],
                at_ms=row[4],
                programme=row[5],
                receipt_number=row[6],
                municipality_code=row[7],
                outcome=row[8],
                reasons=tuple(row[9]),
                amount_yen=row[10],
                revision=row[11],
                file_name=row[12],
                line_number=row[13],
                detail=row[14],
                ordinal=row[15],
                protected=row[16],
            )
            for row in rows
        ]


def insert_events(connection: Connection[Any], events: Sequence[TraceEvent]) -> None:
    """Add events in the caller's transaction; known ones are left as they are."""
    if not events:
        return
    connection.execute(
        _INSERT,
        (
            [event.event_id for event in events],
            [event.application_id for event in events],
            [event.stage for event in events],
            [event.event for event in events],
            [event.at_ms for event in events],
            [event.programme for event in events],
            [event.receipt_number for event in events],
            [event.municipality_code for event in events],
            [event.outcome for event in events],
            [",".join(event.reasons) for event in events],
            [event.amount_yen for event in events],
            [event.revision for event in events],
            [event.file_name for event in events],
            [event.line_number for event in events],
            [event.detail for event in events],
            [event.ordinal for event in events],
            [event.protected for event in events],
        ),
    )
