"""Notices in PostgreSQL: accepted in batches, claimed under row locks, settled with their events.

A claim is one open transaction that locks its rows: a killed worker's rows are free at once, and a
stopped one's stay locked, so that no other sends the same notice meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg_pool import ConnectionPool

from chassis.kafka.offsets import PostgresOffsets
from chassis.kafka.records import Positions
from chassis.outbox import append
from chassis.postgres import run_in_transaction
from services.notify.adapters.notice_records import notice_recorded
from services.notify.domain.notices import (
    Accepted,
    Deferred,
    Notice,
    Silent,
    Slot,
    State,
    Template,
    Yen,
)
from services.notify.domain.notices import Delivered as DeliveredAttempt
from services.notify.ports import Claim, Due, Settled, Totals

SCHEMA: Final = "notify"
# Longer than any batch can take with every provider silent; the pool's own limit is for short work.
CLAIM_TIMEOUT: Final = "600s"

_INSERT = """
INSERT INTO notify.notice (event_id, slot, application_id, template, language, programme,
    receipt_number, amount_yen, reasons, sealed_contact, content_digest, traceparent, state,
    due_at, accepted_at, ended_at)
SELECT event_id, slot, application_id, template, language, programme, receipt_number, amount_yen,
    string_to_array(reasons, ','), sealed_contact, content_digest, traceparent, state,
    %(at)s, %(at)s, CASE WHEN state = 0 THEN NULL ELSE %(at)s END
FROM unnest(%(event_id)s::bytea[], %(slot)s::smallint[], %(application_id)s::bytea[],
    %(template)s::text[], %(language)s::text[], %(programme)s::text[], %(receipt_number)s::text[],
    %(amount_yen)s::bigint[], %(reasons)s::text[], %(sealed_contact)s::bytea[],
    %(content_digest)s::bytea[], %(traceparent)s::text[], %(state)s::smallint[])
    AS given (event_id, slot, application_id, template, language, programme, receipt_number,
    amount_yen, reasons, sealed_contact, content_digest, traceparent, state)
ORDER BY event_id
ON CONFLICT ON CONSTRAINT notice_once DO NOTHING
RETURNING event_id
"""
_DIGESTS = (
    "SELECT event_id, content_digest FROM notify.notice WHERE event_id = ANY(%s) AND slot = %s"
)
_DUE = """
SELECT id, event_id, application_id, template, language, programme, receipt_number, amount_yen,
    reasons, sealed_contact, traceparent, attempts, unanswered_asks
FROM notify.notice WHERE state = 0 AND due_at <= %s
ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED
"""
_TOLD = "SELECT notice_id, provider FROM notify.told WHERE notice_id = ANY(%s)"
_TELL = """
INSERT INTO notify.told (notice_id, provider) SELECT unnest(%s::bigint[]), %s
ON CONFLICT DO NOTHING
"""
_FORGET = "DELETE FROM notify.told WHERE notice_id = ANY(%s)"
_SETTLE = """
UPDATE notify.notice AS stored SET
    state = given.state, attempts = stored.attempts + 1, channel = given.channel,
    result = given.result, unanswered_asks = stored.unanswered_asks + given.unanswered,
    due_at = COALESCE(given.retry_at, stored.due_at),
    ended_at = CASE WHEN given.state = 0 THEN NULL ELSE %(at)s END,
    sealed_contact = CASE WHEN given.state = 0 THEN stored.sealed_contact ELSE ''::bytea END
FROM unnest(%(id)s::bigint[], %(state)s::smallint[], %(channel)s::text[], %(result)s::text[],
    %(unanswered)s::int[], %(retry_at)s::timestamptz[])
    AS given (id, state, channel, result, unanswered, retry_at)
WHERE stored.id = given.id
"""
_TOTALS = "SELECT state, count(*) FROM notify.notice GROUP BY state"
_PENDING = "SELECT count(*) FROM notify.notice WHERE state = 0"


class NoticeTable:
    """The store of accepted notices, and the log of SMS providers told."""

    def __init__(self, pool: ConnectionPool, offsets: PostgresOffsets) -> None:
        self._pool = pool
        self._offsets = offsets

    def accept(
        self, notices: Sequence[Notice], at: datetime, positions: Positions | None = None
    ) -> list[Accepted]:
        """Store all in one transaction, together with the consumer's positions if it is one."""

        def work(connection: Connection[Any]) -> list[Accepted]:
            results = _insert(connection, notices, at) if notices else []
            if positions is not None:
                self._offsets.write(connection, positions)
            return results

        return run_in_transaction(self._pool, work)

    def claim(self, now: datetime, limit: int) -> Claim:
        """Due notices under lock; see RowClaim."""
        return RowClaim(self._pool, now, limit)

    def record(self, notice_ids: Sequence[int], provider: str) -> None:
        """Durable when this returns, also while a claim of the same notices is open: the marks are
        rows of another table.
        """
        with self._pool.connection() as connection:
            connection.execute(_TELL, (list(notice_ids), provider))

    def totals(self) -> Totals:
        """Counts by state."""
        with self._pool.connection() as connection:
            rows = connection.execute(_TOTALS).fetchall()
        counts = {State(state): count for state, count in rows}
        return Totals(
            pending=counts.get(State.PENDING, 0),
            delivered=counts.get(State.DELIVERED, 0),
            failed=counts.get(State.FAILED, 0),
            no_contact=counts.get(State.NO_CONTACT, 0),
        )

    def pending(self) -> int:
        """From the index of due notices alone."""
        with self._pool.connection() as connection:
            row = connection.execute(_PENDING).fetchone()
        return int(row[0]) if row is not None else 0


class RowClaim:
    """Rows locked by one open transaction until `settle` or `release`."""

    def __init__(self, pool: ConnectionPool, now: datetime, limit: int) -> None:
        self._pool = pool
        self._connection: Connection[Any] | None = pool.getconn()
        try:
            self.due: Sequence[Due] = _due(self._connection, now, limit)
        except BaseException:
            self.release()
            raise

    def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        """Results, marks and events in the claim's transaction, committed here."""
        connection = self._connection
        assert connection is not None
        connection.execute(_SETTLE, _settle_columns(settled, at))
        connection.execute(_FORGET, ([item.due.notice_id for item in settled],))
        for item in settled:
            if isinstance(item.attempt, Deferred) and item.retry_at is not None:
                for provider in item.attempt.may_hold:
                    connection.execute(_TELL, ([item.due.notice_id], provider))
        append(connection, SCHEMA, [row for item in settled for row in notice_recorded(item, at)])
        connection.commit()

    def release(self) -> None:
        """Roll back what was not committed and give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.rollback()
            finally:
                self._pool.putconn(connection)


def end_state(settled: Settled) -> State:
    """The state to store after an attempt."""
    if settled.retry_at is not None:
        return State.PENDING
    if isinstance(settled.attempt, DeliveredAttempt):
        return State.DELIVERED
    return State.NO_CONTACT if isinstance(settled.attempt, Silent) else State.FAILED


def _result(settled: Settled) -> str | None:
    attempt = settled.attempt
    if isinstance(attempt, DeliveredAttempt):
        return attempt.by
    return None if isinstance(attempt, Silent) else attempt.reason


def _settle_columns(settled: Sequence[Settled], at: datetime) -> dict[str, Any]:
    return {
        "at": at,
        "id": [item.due.notice_id for item in settled],
        "state": [int(end_state(item)) for item in settled],
        "channel": [item.channel.value if item.channel else None for item in settled],
        "result": [_result(item) for item in settled],
        "unanswered": [
            int(isinstance(item.attempt, Deferred) and item.attempt.unanswered) for item in settled
        ],
        "retry_at": [item.retry_at for item in settled],
    }


def _due(connection: Connection[Any], now: datetime, limit: int) -> list[Due]:
    connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{CLAIM_TIMEOUT}'")
    rows = connection.execute(_DUE, (now, limit)).fetchall()
    told: dict[int, set[str]] = {}
    if rows:
        for notice_id, provider in connection.execute(_TOLD, ([row[0] for row in rows],)):
            told.setdefault(notice_id, set()).add(provider)
    return [
        Due(
            notice_id=row[0],
            notice=Notice(
                event_id=row[1],
                application_id=row[2],
                template=Template(row[3]),
                language=row[4],
                programme=row[5],
                receipt_number=row[6],
                amount_yen=Yen(row[7]),
                reasons=tuple(row[8]),
                sealed_contact=row[9],
                traceparent=row[10],
            ),
            attempts=row[11],
            may_hold=frozenset(told.get(row[0], ())),
            unanswered_asks=row[12],
        )
        for row in rows
    ]


def _insert(connection: Connection[Any], notices: Sequence[Notice], at: datetime) -> list[Accepted]:
    created = {row[0] for row in connection.execute(_INSERT, _insert_columns(notices, at))}
    event_ids = [notice.event_id for notice in notices]
    digests = dict(connection.execute(_DIGESTS, (event_ids, int(Slot.CONTACT))).fetchall())
    results: list[Accepted] = []
    for notice in notices:
        if digests[notice.event_id] != notice.content_digest():
            results.append(Accepted.EXISTS_WITH_DIFFERENT)
        elif notice.event_id in created:
            # A second request of the same batch finds the first one there.
            created.remove(notice.event_id)
            results.append(Accepted.CREATED)
        else:
            results.append(Accepted.EXISTS)
    return results


def _insert_columns(notices: Sequence[Notice], at: datetime) -> dict[str, Any]:
    return {
        "at": at,
        "event_id": [n.event_id for n in notices],
        "slot": [int(Slot.CONTACT)] * len(notices),
        "application_id": [n.application_id for n in notices],
        "template": [n.template.value for n in notices],
        "language": [n.language for n in notices],
        "programme": [n.programme for n in notices],
        "receipt_number": [n.receipt_number for n in notices],
        "amount_yen": [n.amount_yen for n in notices],
        "reasons": [",".join(n.reasons) for n in notices],
        "sealed_contact": [n.sealed_contact for n in notices],
        "content_digest": [n.content_digest() for n in notices],
        "traceparent": [n.traceparent for n in notices],
        "state": [int(n.initial_state) for n in notices],
    }
