"""The handlers on real PostgreSQL and a real folder, with the bank played by the test."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from kyufu.events.v1 import payments_pb2
from psycopg import Connection
from psycopg_pool import ConnectionPool

from jpbank.calendar import next_bank_day
from jpbank.zengin import (
    ResultCode,
    ResultFile,
    ResultRecord,
    read_transfer_file,
    write_result_file,
)
from services.payments import handlers
from services.payments.adapters.bank_folder import FROM_BANK, TO_BANK, BankFolder
from services.payments.adapters.ledger import (
    PostgresLedger,
    PostgresSnapshots,
    PostgresTransaction,
)
from services.payments.adapters.parameters import PayerTable, load_programmes
from services.payments.domain.batch import Batch
from services.payments.domain.claims import Decision
from services.payments.domain.holds import HoldNotice
from services.payments.entrypoints.bank_watcher import read_receipt
from services.payments.handlers.approve_batch import Approval, ApprovalRefusal
from services.payments.handlers.freezing import Bank
from services.payments.handlers.propose_batches import Proposal, Proposed
from services.payments.ports import BankChannel, Ledger, LedgerTransaction, T
from services.payments.tests.fakes import ReadHolds
from services.payments.tests.town import NOW, PROGRAMME, TODAY, Keys, decision, token


class House:
    """The handlers on real PostgreSQL and a real folder, with the bank played by the test."""

    def __init__(self, pool: ConnectionPool, folder: Path) -> None:
        self.pool = pool
        self.keys = Keys()
        self.vault = self.keys.vault()
        self.ledger: Ledger = PostgresLedger(pool, {"test": NoOffsets()})  # type: ignore[dict-item]
        self.snapshots = PostgresSnapshots(pool)
        self.folder = folder
        self.channel: BankChannel = BankFolder(folder)
        self.bank = Bank(self.vault, PayerTable(), next_bank_day)
        self.holds = ReadHolds()
        self.programmes = load_programmes()

    def take(self, *decisions: Decision) -> Counter[str]:
        return handlers.take_decisions(
            decisions, {}, group="test", ledger=self.ledger, programmes=self.programmes
        )

    def plan(self, *names: str, persons: int = 1) -> None:
        """One planned payment for each name."""
        self.take(
            *(
                decision(
                    name,
                    account_sealed=self.keys.account(number),
                    persons=tuple(f"{name}-{each}" for each in range(persons)),
                )
                for number, name in enumerate(names, start=1)
            )
        )

    def hold(self, *notices: HoldNotice) -> int:
        return handlers.take_holds(notices, {}, group="test", ledger=self.ledger)

    def propose(self, request_id: str = "r1", maker: str = "maker", town: str = "") -> Proposed:
        outcome = handlers.propose_batches(
            Proposal(request_id, PROGRAMME, town, maker, token("propose", request_id), NOW, TODAY),
            ledger=self.ledger,
            holds=self.holds,
            bank=self.bank,
            programmes=self.programmes,
        )
        assert isinstance(outcome, Proposed), outcome
        return outcome

    def approve(
        self,
        batch: Batch,
        *,
        checker: str = "checker",
        sha256: bytes | None = None,
        today: date = TODAY,
    ) -> Batch | ApprovalRefusal:
        return handlers.approve_batch(
            Approval(
                batch_id=batch.batch_id,
                sha256=batch.sha256 if sha256 is None else sha256,
                checker=checker,
                municipality_code="",
                event_id=token("approve", batch.batch_id),
                at=NOW,
                today=today,
            ),
            ledger=self.ledger,
            holds=self.holds,
            bank=self.bank,
            channel=self.channel,
            now=lambda: NOW,
        )

    def sent_batch(self, *names: str) -> Batch:
        """A file with one line for each name, at the bank."""
        self.plan(*names)
        (batch,) = self.propose().batches
        sent = self.approve(batch)
        assert isinstance(sent, Batch), sent
        return sent

    def read_bank(self) -> list[str]:
        return handlers.read_bank_answers(
            ledger=self.ledger,
            vault=self.vault,
            channel=self.channel,
            read_receipt=read_receipt,
            now=lambda: NOW,
        )

    def resume(self) -> int:
        return handlers.resume_releases(
            ledger=self.ledger, vault=self.vault, channel=self.channel, now=lambda: NOW
        )

    def sent_bytes(self, batch: Batch) -> bytes:
        return (self.folder / TO_BANK / f"{batch.file_name}.dat").read_bytes()

    def answer(self, name: str, content: bytes) -> None:
        """Put a file into the folder that the bank answers in."""
        (self.folder / FROM_BANK / name).write_bytes(content)

    def receipt(
        self, batch: Batch, *, accepted: bool = True, yen: int | None = None, rule: str = ""
    ) -> None:
        amount = batch.amount_yen if yen is None else yen
        text = (
            f'{{"file":"{batch.file_name}.dat","sha256":"{batch.sha256.hex()}",'
            f'"accepted":{str(accepted).lower()},"rule":"{rule}","records":{batch.records},'
            f'"yen":{amount}}}'
        )
        self.answer(f"{batch.file_name}.receipt.json", text.encode())

    def result(
        self,
        batch: Batch,
        code_of: Callable[[int], ResultCode] = lambda line: ResultCode.PAID,
        change: Callable[[list[ResultRecord]], list[ResultRecord]] = lambda records: records,
    ) -> None:
        """The bank's result of every line, by line number from 1; `change` may spoil it."""
        file = read_transfer_file(self.sent_bytes(batch))
        records = [
            ResultRecord(record, code_of(line)) for line, record in enumerate(file.records, start=1)
        ]
        content = write_result_file(ResultFile(file.header, tuple(change(records))))
        self.answer(f"{batch.file_name}.result.dat", content)

    def states(self) -> dict[str, int]:
        return dict(
            self.rows("SELECT state, count(*)::int FROM checker_payment GROUP BY 1 ORDER BY 1")
        )

    def yen(self) -> dict[str, int]:
        """Yen by station as the balances have it."""
        stations = self.snapshots.stations(PROGRAMME)
        found: Counter[str] = Counter()
        for station in stations:
            found[station.station] += station.amount_yen
        return {name: amount for name, amount in found.items() if amount}

    def events(self) -> list[tuple[int, int]]:
        """(kind, version) of every event in the outbox, in order."""
        rows = self.rows("SELECT payload FROM outbox ORDER BY id")
        events = [payments_pb2.PaymentEvent.FromString(bytes(row[0])) for row in rows]
        return [(event.kind, event.version) for event in events]

    def rows(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple]:  # type: ignore[type-arg]
        with self.pool.connection() as connection:
            return connection.execute(query, parameters).fetchall()

    def assert_books_agree(self) -> None:
        """Balances are the sums of transfers, payments stand where their yen stand, and live items
        are those of payments that are alive.
        """
        by_transfer = self.rows(
            "SELECT station, sum(y)::bigint FROM (SELECT credit AS station, amount_yen AS y FROM"
            " checker_transfer UNION ALL SELECT debit, -amount_yen FROM checker_transfer) t"
            " GROUP BY 1 HAVING sum(y) <> 0 ORDER BY 1"
        )
        by_balance = self.rows(
            "SELECT station, sum(amount_yen)::bigint FROM checker_balance GROUP BY 1"
            " HAVING sum(amount_yen) <> 0 ORDER BY 1"
        )
        by_payment = self.rows(
            "SELECT state, sum(amount_yen)::bigint FROM checker_payment GROUP BY 1 ORDER BY 1"
        )
        assert by_transfer == by_balance
        assert [row for row in by_balance if row[0] != "appropriation"] == by_payment
        alive = self.rows(
            "SELECT coalesce(sum(amount_yen), 0)::bigint FROM checker_payment"
            " WHERE state NOT IN ('cancelled', 'replaced')"
        )
        assert alive == self.rows(
            "SELECT coalesce(sum(amount_yen), 0)::bigint FROM checker_item WHERE live"
        )
        committed = self.rows("SELECT coalesce(sum(committed_yen), 0)::bigint FROM budget")
        carried = self.rows(
            "SELECT coalesce(sum(amount_yen), 0)::bigint FROM checker_payment"
            " WHERE state NOT IN ('cancelled', 'replaced', 'awaiting_budget')"
        )
        assert committed == carried


class OneTransaction:
    """A ledger whose work joins a transaction that the test has open."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        return work(PostgresTransaction(self._connection, {"test": NoOffsets()}))  # type: ignore[dict-item]


class NoOffsets:
    """Stands where a consumer's offsets are not part of the test."""

    def write(self, connection: object, positions: object) -> None:
        """Nothing to keep."""
