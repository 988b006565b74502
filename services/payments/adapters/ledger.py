"""One transaction of the ledger, repeated when another came first.

A unique index that refuses a second live item or a second live payment means that another
transaction won since the rows were read: the work is repeated and then sees the winner.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from psycopg import Connection, IsolationLevel
from psycopg.errors import SerializationFailure, UniqueViolation
from psycopg_pool import ConnectionPool

from chassis.kafka.offsets import PostgresOffsets
from chassis.postgres import run_in_transaction
from services.payments.adapters.batch_rows import (
    BATCH_COLUMNS,
    PostgresAnswerRows,
    PostgresBatchRows,
    read_batch,
)
from services.payments.adapters.claim_rows import PostgresClaimRows
from services.payments.adapters.money_rows import PostgresMoneyRows
from services.payments.domain.batch import Batch, BatchState
from services.payments.domain.book import STATIONS
from services.payments.domain.facts import Station
from services.payments.ports import LedgerTransaction, Positions

T = TypeVar("T")

ATTEMPTS_MAX: Final = 8
# PostgreSQL names the index of the partition after its columns, so the table tells.
_RACED_TABLES: Final = ("item", "payment")


class PostgresTransaction:
    """`ports.LedgerTransaction`."""

    def __init__(self, connection: Connection[Any], offsets: Mapping[str, PostgresOffsets]) -> None:
        self._connection = connection
        self._offsets = offsets
        self.claims = PostgresClaimRows(connection)
        self.money = PostgresMoneyRows(connection)
        self.batches = PostgresBatchRows(connection)
        self.answers = PostgresAnswerRows(connection)

    def keep_positions(self, group: str, positions: Positions) -> None:
        self._offsets[group].write(self._connection, positions)


class PostgresLedger:
    """`ports.Ledger` on a pool whose search path is the payments schema."""

    def __init__(
        self, pool: ConnectionPool, offsets: Mapping[str, PostgresOffsets] | None = None
    ) -> None:
        self._pool = pool
        self._offsets = offsets or {}

    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        def attempt(connection: Connection[Any]) -> T:
            try:
                return work(PostgresTransaction(connection, self._offsets))
            except UniqueViolation as error:
                if (error.diag.table_name or "").rstrip("0123456789_") not in _RACED_TABLES:
                    raise
                raise SerializationFailure("another transaction came first") from error

        return run_in_transaction(self._pool, attempt, attempts=ATTEMPTS_MAX)


class PostgresSnapshots:
    """`ports.Snapshots`: read only, REPEATABLE READ, so that all figures are of one moment."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def stations(self, programme: str) -> list[Station]:
        def read(connection: Connection[Any]) -> list[Station]:
            rows = connection.execute(
                "SELECT a.programme, a.municipality_code, a.kind, b.payments, b.amount_yen"
                " FROM balance b JOIN account a USING (account_id)"
                " WHERE a.kind = ANY(%b::text[]) AND (%b::text = '' OR a.programme = %b::text)"
                " ORDER BY 1, 2, 3",
                (list(STATIONS), programme, programme),
            ).fetchall()
            return [Station(*row) for row in rows]

        return self._read(read)

    def batches(
        self, programme: str, state: BatchState | None, after: str, limit: int
    ) -> list[Batch]:
        def read(connection: Connection[Any]) -> list[Batch]:
            rows = connection.execute(
                f"SELECT {BATCH_COLUMNS} FROM batch"  # noqa: S608 - constant columns
                " WHERE (%b::text = '' OR programme = %b::text)"
                " AND (%b::text = '' OR state = %b::text) AND batch_id > %b"
                " ORDER BY batch_id LIMIT %b",
                (
                    programme,
                    programme,
                    "" if state is None else state.value,
                    "" if state is None else state.value,
                    after,
                    limit,
                ),
            ).fetchall()
            return [read_batch(row) for row in rows]

        return self._read(read)

    def difference_yen(self) -> int:
        """Sum over all accounts. Transfers balance by construction, so it is 0."""

        def read(connection: Connection[Any]) -> int:
            row = connection.execute("SELECT coalesce(sum(amount_yen), 0) FROM balance").fetchone()
            return 0 if row is None else int(row[0])

        return self._read(read)

    def batch_counts(self) -> dict[str, int]:
        """Batches by state."""

        def read(connection: Connection[Any]) -> dict[str, int]:
            rows = connection.execute("SELECT state, count(*) FROM batch GROUP BY 1").fetchall()
            return {row[0]: row[1] for row in rows}

        return self._read(read)

    def open_tasks(self) -> dict[str, int]:
        """Open tasks by kind; each is a difference that a person must look at."""

        def read(connection: Connection[Any]) -> dict[str, int]:
            rows = connection.execute(
                "SELECT kind, count(*) FROM task WHERE closed_at IS NULL GROUP BY 1"
            ).fetchall()
            return {row[0]: row[1] for row in rows}

        return self._read(read)

    def _read(self, work: Callable[[Connection[Any]], T]) -> T:
        return run_in_transaction(self._pool, work, isolation=IsolationLevel.REPEATABLE_READ)
