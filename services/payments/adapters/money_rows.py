"""Writes a book: payments by compare-and-set, items, transfers, balances, budgets, events.

All in sets of one statement each; rows of one table are touched in one order. A book that was read
from rows which another transaction has changed since is not written: the work is repeated.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.errors import SerializationFailure

from chassis import outbox
from services.payments.adapters.events import notice_of, outbox_rows
from services.payments.domain.book import Book, PayerKey, Transfer
from services.payments.domain.money import Cause, PaymentId
from services.payments.domain.news import News
from services.payments.domain.payment import DEAD_STATES, Payment

SCHEMA = "payments"
_AccountKey = tuple[str, str, str]  # programme, municipality, kind


class PostgresMoneyRows:
    """`ports.MoneyRows` on one connection inside a transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def lock_budgets(self, limits_yen: Mapping[PayerKey, int]) -> dict[PayerKey, int]:
        payers = sorted(limits_yen)
        programmes = [payer[0] for payer in payers]
        municipalities = [payer[1] for payer in payers]
        self._connection.execute(
            "INSERT INTO budget (programme, municipality_code, limit_yen, committed_yen)"
            " SELECT g, m, l, 0 FROM unnest(%b::text[], %b::text[], %b::bigint[]) AS k (g, m, l)"
            " ORDER BY g, m ON CONFLICT DO NOTHING",
            (programmes, municipalities, [limits_yen[payer] for payer in payers]),
        )
        rows = self._lock_budgets(payers)
        return {(row[0], row[1]): row[2] for row in rows if (row[0], row[1]) in limits_yen}

    def save(self, book: Book, at: datetime, *, dead_items: Sequence[PaymentId] = ()) -> None:
        if dead_items:
            self._connection.execute(
                "UPDATE item SET live = false WHERE payment_id = ANY(%b::bytea[]) AND live",
                (list(dead_items),),
            )
        self._alter(book.altered(), at)
        created = book.created()
        if created:
            self._insert_payments(created, at)
            self._insert_items(created)
        if book.transfers:
            self._post(book.transfers)
        self._commit_budgets(book.committed_yen)
        outbox.append(self._connection, SCHEMA, outbox_rows(book.news))

    def note(self, cause: Cause, action: str, subject: str, payments: int, yen: int) -> None:
        self._connection.execute(
            "INSERT INTO audit (at, actor, action, subject, cause, payments, amount_yen)"
            " VALUES (%b, %b, %b, %b, %b, %b, %b)",
            (cause.at, cause.actor, action, subject, cause.event_id, payments, yen),
        )

    def open_task(self, kind: str, subject: str, reason: str, at: datetime) -> None:
        self._connection.execute(
            "INSERT INTO task (kind, subject, reason, opened_at) VALUES (%b, %b, %b, %b)"
            " ON CONFLICT (kind, subject) DO UPDATE SET reason = excluded.reason,"
            " opened_at = excluded.opened_at, closed_at = NULL WHERE task.closed_at IS NOT NULL",
            (kind, subject, reason, at),
        )

    def notify_of_payments(self, told: Sequence[tuple[News, Payment]]) -> None:
        possible = (notice_of(news, payment) for news, payment in told)
        notices = [notice for notice in possible if notice is not None]
        if notices:
            self._connection.execute(
                "INSERT INTO notice_outbox (event_id, payload)"
                " SELECT e, p FROM unnest(%b::bytea[], %b::bytea[]) AS k (e, p)"
                " ON CONFLICT (event_id) DO NOTHING",
                ([event_id for event_id, _ in notices], [payload for _, payload in notices]),
            )

    def _alter(self, altered: Sequence[tuple[Payment, Payment]], at: datetime) -> None:
        if not altered:
            return
        before = [pair[0] for pair in altered]
        after = [pair[1] for pair in altered]
        changed = self._connection.execute(
            "UPDATE payment p SET state = k.s, version = k.v, batch_id = k.b, line_number = k.l,"
            " bank_result = k.r, changed_at = %b"
            " FROM unnest(%b::bytea[], %b::bytea[], %b::text[], %b::int[], %b::text[], %b::int[],"
            " %b::text[], %b::int[], %b::smallint[]) AS k (u, i, was, wasv, s, v, b, l, r)"
            " WHERE p.claim_unit_id = k.u AND p.payment_id = k.i"
            " AND p.state = k.was AND p.version = k.wasv",
            (
                at,
                [payment.claim.claim_unit_id for payment in before],
                [payment.payment_id for payment in before],
                [payment.state.value for payment in before],
                [payment.version for payment in before],
                [payment.state.value for payment in after],
                [payment.version for payment in after],
                [payment.batch_id for payment in after],
                [payment.line_number for payment in after],
                [payment.bank_result for payment in after],
            ),
        ).rowcount
        if changed != len(altered):
            raise SerializationFailure("a payment changed since it was read")

    def _insert_payments(self, created: Sequence[Payment], at: datetime) -> None:
        self._connection.execute(
            "INSERT INTO payment (claim_unit_id, payment_id, programme, party_id, party_kind,"
            " protected, revision, application_id, municipality_code, amount_yen, payout, state,"
            " version, account_sealed, contact_sealed, language, account_fingerprint,"
            " planned_at, changed_at)"
            " SELECT k.*, %b, %b FROM unnest(%b::bytea[], %b::bytea[], %b::text[], %b::bytea[],"
            " %b::smallint[], %b::bool[], %b::int[], %b::bytea[], %b::text[], %b::bigint[],"
            " %b::text[], %b::text[], %b::int[], %b::bytea[], %b::bytea[], %b::text[],"
            " %b::bytea[]) AS k",
            (
                at,
                at,
                [payment.claim.claim_unit_id for payment in created],
                [payment.payment_id for payment in created],
                [payment.claim.programme for payment in created],
                [payment.claim.party_id for payment in created],
                [payment.party_kind for payment in created],
                [payment.protected for payment in created],
                [payment.revision for payment in created],
                [payment.application_id for payment in created],
                [payment.municipality_code for payment in created],
                [payment.amount_yen for payment in created],
                [payment.payout.value for payment in created],
                [payment.state.value for payment in created],
                [payment.version for payment in created],
                [payment.account_sealed for payment in created],
                [payment.contact_sealed for payment in created],
                [payment.language for payment in created],
                [payment.account_fingerprint for payment in created],
            ),
        )

    def _insert_items(self, created: Sequence[Payment]) -> None:
        pairs = [(payment, item) for payment in created for item in payment.items]
        self._connection.execute(
            "INSERT INTO item (beneficiary_id, programme, occurrence, payment_id, claim_unit_id,"
            " amount_yen, live) SELECT * FROM unnest(%b::bytea[], %b::text[], %b::text[],"
            " %b::bytea[], %b::bytea[], %b::bigint[], %b::bool[]) AS k (b, g, o, p, u, y, l)"
            " ORDER BY b, g, o",
            (
                [item.beneficiary_id for _, item in pairs],
                [payment.claim.programme for payment, _ in pairs],
                [item.occurrence for _, item in pairs],
                [payment.payment_id for payment, _ in pairs],
                [payment.claim.claim_unit_id for payment, _ in pairs],
                [item.amount_yen for _, item in pairs],
                [payment.state not in DEAD_STATES for payment, _ in pairs],
            ),
        )

    def _post(self, transfers: Sequence[Transfer]) -> None:
        accounts = self._accounts(
            {
                (transfer.programme, transfer.municipality_code, kind)
                for transfer in transfers
                for kind in (transfer.debit, transfer.credit)
            }
        )
        debits = [accounts[t.programme, t.municipality_code, t.debit] for t in transfers]
        credits = [accounts[t.programme, t.municipality_code, t.credit] for t in transfers]
        self._connection.execute(
            "INSERT INTO transfer (payment_id, payment_version, debit_account, credit_account,"
            " amount_yen, cause, actor, at) SELECT * FROM unnest(%b::bytea[], %b::int[],"
            " %b::int[], %b::int[], %b::bigint[], %b::bytea[], %b::text[], %b::timestamptz[])",
            (
                [transfer.payment_id for transfer in transfers],
                [transfer.payment_version for transfer in transfers],
                debits,
                credits,
                [transfer.amount_yen for transfer in transfers],
                [transfer.cause.event_id for transfer in transfers],
                [transfer.cause.actor for transfer in transfers],
                [transfer.cause.at for transfer in transfers],
            ),
        )
        yen: defaultdict[int, int] = defaultdict(int)
        count: defaultdict[int, int] = defaultdict(int)
        for debit, credit, transfer in zip(debits, credits, transfers, strict=True):
            yen[debit] -= transfer.amount_yen
            yen[credit] += transfer.amount_yen
            count[debit] -= 1
            count[credit] += 1
        touched = sorted(yen)
        # Locked first and without a join (see claim_rows); then nobody can change them under us.
        self._connection.execute(
            "SELECT 1 FROM balance WHERE account_id = ANY(%b::int[])"
            " ORDER BY account_id FOR UPDATE",
            (touched,),
        )
        updated = self._connection.execute(
            "UPDATE balance b SET amount_yen = b.amount_yen + k.y, payments = b.payments + k.n"
            " FROM unnest(%b::int[], %b::bigint[], %b::bigint[]) AS k (a, y, n)"
            " WHERE b.account_id = k.a",
            (touched, [yen[account] for account in touched], [count[a] for a in touched]),
        )
        assert updated.rowcount == len(touched), "every transfer moves two balances"

    def _accounts(self, keys: set[_AccountKey]) -> dict[_AccountKey, int]:
        found = self._find_accounts(keys)
        missing = sorted(keys - found.keys())
        if missing:
            columns = tuple([key[part] for key in missing] for part in range(3))
            self._connection.execute(
                "INSERT INTO account (programme, municipality_code, kind)"
                " SELECT * FROM unnest(%b::text[], %b::text[], %b::text[]) AS k (g, m, n)"
                " ORDER BY g, m, n ON CONFLICT DO NOTHING",
                columns,
            )
            found |= self._find_accounts(set(missing))
            self._connection.execute(
                "INSERT INTO balance (account_id, amount_yen, payments)"
                " SELECT a, 0, 0 FROM unnest(%b::int[]) AS a ORDER BY a ON CONFLICT DO NOTHING",
                ([found[key] for key in missing],),
            )
        return found

    def _find_accounts(self, keys: set[_AccountKey]) -> dict[_AccountKey, int]:
        ordered = sorted(keys)
        rows = self._connection.execute(
            "SELECT a.programme, a.municipality_code, a.kind, a.account_id FROM account a"
            " JOIN unnest(%b::text[], %b::text[], %b::text[]) AS k (g, m, n)"
            " ON a.programme = k.g AND a.municipality_code = k.m AND a.kind = k.n",
            tuple([key[part] for key in ordered] for part in range(3)),
        ).fetchall()
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    def _commit_budgets(self, committed_yen: Mapping[PayerKey, int]) -> None:
        changes = sorted((payer, yen) for payer, yen in committed_yen.items() if yen)
        if not changes:
            return
        self._lock_budgets([payer for payer, _ in changes])
        updated = self._connection.execute(
            "UPDATE budget b SET committed_yen = b.committed_yen + k.y"
            " FROM unnest(%b::text[], %b::text[], %b::bigint[]) AS k (g, m, y)"
            " WHERE b.programme = k.g AND b.municipality_code = k.m",
            (
                [payer[0] for payer, _ in changes],
                [payer[1] for payer, _ in changes],
                [yen for _, yen in changes],
            ),
        )
        assert updated.rowcount == len(changes), "a payment's payer has a budget"

    def _lock_budgets(self, payers: Sequence[PayerKey]) -> list[tuple[Any, ...]]:
        """(programme, municipality, yen left) of these payers and, it may be, of others."""
        return self._connection.execute(
            # No join: see claim_rows.
            "SELECT programme, municipality_code, limit_yen - committed_yen FROM budget"
            " WHERE programme = ANY(%b::text[]) AND municipality_code = ANY(%b::text[])"
            " ORDER BY programme, municipality_code FOR UPDATE",
            ([payer[0] for payer in payers], [payer[1] for payer in payers]),
        ).fetchall()
