"""Requests, batches, lines, sealed bytes, approvals and bank answers in PostgreSQL."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, LiteralString

from psycopg import Connection

from services.payments.domain.batch import Batch, BatchLine, BatchState
from services.payments.domain.facts import BankAnswer, RequestState
from services.payments.domain.money import Yen
from services.payments.domain.payment import PaymentState

BATCH_COLUMNS = (
    "batch_id, programme, municipality_code, value_date, number, state, records, amount_yen,"
    " sha256, maker, request_id, attempt, checker, returned_records, returned_yen"
)


class PostgresBatchRows:
    """`ports.BatchRows` on one connection inside a transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def lock_request(
        self, request_id: str, programme: str, municipality_code: str, maker: str, at: datetime
    ) -> RequestState:
        self._connection.execute(
            "INSERT INTO batch_request (request_id, programme, municipality_code, maker,"
            " requested_at) VALUES (%b, %b, %b, %b, %b) ON CONFLICT DO NOTHING",
            (request_id, programme, municipality_code, maker, at),
        )
        row = self._connection.execute(
            "SELECT programme, municipality_code, maker, completed_at IS NOT NULL, held_records"
            " FROM batch_request WHERE request_id = %b FOR UPDATE",
            (request_id,),
        ).fetchone()
        assert row is not None
        same = (row[0], row[1], row[2]) == (programme, municipality_code, maker)
        return RequestState(same, row[3], row[4])

    def complete_request(self, request_id: str, held_records: int, at: datetime) -> None:
        self._connection.execute(
            "UPDATE batch_request SET completed_at = %b, held_records = %b WHERE request_id = %b",
            (at, held_records, request_id),
        )

    def of_request(self, request_id: str) -> list[Batch]:
        return self._select(
            "WHERE request_id = %b AND state <> 'voided' ORDER BY batch_id", (request_id,)
        )

    def payers_with(self, programme: str, state: PaymentState) -> list[str]:
        rows = self._connection.execute(
            "SELECT DISTINCT municipality_code FROM payment WHERE programme = %b AND state = %b"
            " AND state IN ('planned', 'held', 'awaiting_budget') AND payout = 'account'"
            " ORDER BY 1",
            (programme, state.value),
        ).fetchall()
        return [row[0] for row in rows]

    def count_waiting(self, programme: str, municipality_code: str, state: PaymentState) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM payment WHERE programme = %b AND municipality_code = %b"
            " AND state = %b AND state IN ('planned', 'held', 'awaiting_budget')"
            " AND payout = 'account'",
            (programme, municipality_code, state.value),
        ).fetchone()
        return 0 if row is None else int(row[0])

    def lock_payer(self, programme: str, municipality_code: str) -> None:
        self._connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(%b, 0))",
            (f"payments payer {programme} {municipality_code}",),
        )

    def next_number(self, programme: str, municipality_code: str, value_date: date) -> int:
        row = self._connection.execute(
            "SELECT coalesce(max(number), 0) + 1 FROM batch"
            " WHERE programme = %b AND municipality_code = %b AND value_date = %b",
            (programme, municipality_code, value_date),
        ).fetchone()
        assert row is not None
        return int(row[0])

    def references(self, count: int) -> list[int]:
        rows = self._connection.execute(
            "SELECT nextval('payment_reference') FROM generate_series(1, %b::int)", (count,)
        ).fetchall()
        return sorted(row[0] for row in rows)

    def insert(
        self, batch: Batch, lines: Sequence[BatchLine], sealed_file: bytes, at: datetime
    ) -> None:
        self._connection.execute(
            "INSERT INTO batch (batch_id, programme, municipality_code, value_date, number, state,"
            " records, amount_yen, sha256, maker, request_id, frozen_at, changed_at)"
            " VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)",
            (
                batch.batch_id,
                batch.programme,
                batch.municipality_code,
                batch.value_date,
                batch.number,
                batch.state.value,
                batch.records,
                batch.amount_yen,
                batch.sha256,
                batch.maker,
                batch.request_id,
                at,
                at,
            ),
        )
        self._connection.execute(
            "INSERT INTO batch_file (batch_id, bytes_sealed) VALUES (%b, %b)",
            (batch.batch_id, sealed_file),
        )
        self._connection.execute(
            "INSERT INTO batch_line (reference, batch_id, line_number, payment_id, claim_unit_id,"
            " amount_yen) SELECT r, %b, l, p, u, y FROM unnest(%b::bigint[], %b::int[],"
            " %b::bytea[], %b::bytea[], %b::bigint[]) AS k (r, l, p, u, y)",
            (
                batch.batch_id,
                [line.reference for line in lines],
                [line.line_number for line in lines],
                [line.payment_id for line in lines],
                [line.claim_unit_id for line in lines],
                [line.amount_yen for line in lines],
            ),
        )

    def lock(self, batch_id: str) -> Batch | None:
        found = self._select("WHERE batch_id = %b FOR UPDATE", (batch_id,))
        return found[0] if found else None

    def save(self, batch: Batch, at: datetime) -> None:
        self._connection.execute(
            "UPDATE batch SET state = %b, attempt = %b, checker = %b, returned_records = %b,"
            " returned_yen = %b, changed_at = %b WHERE batch_id = %b",
            (
                batch.state.value,
                batch.attempt,
                batch.checker,
                batch.returned_records,
                batch.returned_yen,
                at,
                batch.batch_id,
            ),
        )

    def lines(self, batch_id: str) -> list[BatchLine]:
        rows = self._connection.execute(
            "SELECT line_number, reference, payment_id, claim_unit_id, amount_yen FROM batch_line"
            " WHERE batch_id = %b ORDER BY line_number",
            (batch_id,),
        ).fetchall()
        return [
            BatchLine(row[0], row[1], bytes(row[2]), bytes(row[3]), Yen(row[4])) for row in rows
        ]

    def sealed_file(self, batch_id: str) -> bytes:
        row = self._connection.execute(
            "SELECT bytes_sealed FROM batch_file WHERE batch_id = %b", (batch_id,)
        ).fetchone()
        if row is None:
            raise LookupError("a batch without its bytes")
        return bytes(row[0])

    def approve(self, batch: Batch, checker: str, at: datetime) -> None:
        self._connection.execute(
            "INSERT INTO approval (batch_id, sha256, maker, checker, approved_at)"
            " VALUES (%b, %b, %b, %b, %b)",
            (batch.batch_id, batch.sha256, batch.maker, checker, at),
        )

    def in_state(self, state: BatchState, limit: int) -> list[Batch]:
        return self._select("WHERE state = %b ORDER BY batch_id LIMIT %b", (state.value, limit))

    def _select(self, condition: LiteralString, parameters: tuple[object, ...]) -> list[Batch]:
        rows = self._connection.execute(
            f"SELECT {BATCH_COLUMNS} FROM batch {condition}",  # noqa: S608 - constant texts
            parameters,
        ).fetchall()
        return [read_batch(row) for row in rows]


class PostgresAnswerRows:
    """`ports.AnswerRows` on one connection inside a transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def known(self) -> dict[str, bytes]:
        rows = self._connection.execute("SELECT file_name, sha256 FROM bank_answer").fetchall()
        return {row[0]: bytes(row[1]) for row in rows}

    def keep(self, answer: BankAnswer, at: datetime) -> bool:
        inserted = self._connection.execute(
            "INSERT INTO bank_answer (file_name, sha256, batch_id, kind, outcome, reason, read_at)"
            " VALUES (%b, %b, %b, %b, %b, %b, %b) ON CONFLICT DO NOTHING",
            (
                answer.file_name,
                answer.sha256,
                answer.batch_id,
                answer.kind,
                "taken" if answer.taken else "refused",
                answer.reason,
                at,
            ),
        ).rowcount
        return inserted == 1


def read_batch(row: tuple[Any, ...]) -> Batch:
    """A batch from a row of `BATCH_COLUMNS`."""
    return Batch(
        batch_id=row[0],
        programme=row[1],
        municipality_code=row[2],
        value_date=row[3],
        number=row[4],
        state=BatchState(row[5]),
        records=row[6],
        amount_yen=Yen(row[7]),
        sha256=bytes(row[8]),
        maker=row[9],
        request_id=row[10],
        attempt=row[11],
        checker=row[12],
        returned_records=row[13],
        returned_yen=Yen(row[14]),
    )
