"""Claims, payments to read, items and holds in PostgreSQL, always in sets and locked in order.

Rows are locked by a statement without a join. When a row that FOR UPDATE waited for has changed
meanwhile, PostgreSQL evaluates the statement again for that row alone, and joined with `unnest` it
can come out as no row at all: the lock would silently not be there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import Connection

from services.payments.domain.claims import ActiveHold, ClaimState, ItemKey
from services.payments.domain.holds import HoldNotice
from services.payments.domain.money import BankResult, ClaimKey, PaymentId, Payout, Yen
from services.payments.domain.payment import Payment, PaymentState
from services.payments.ports import UnitKey

_LOCKED_COLUMNS = (
    "c.claim_unit_id, c.programme, c.party_id, c.highest_revision, c.withdrawn_revision,"
    " c.current_payment_id, c.protected"
)
_PAYMENT_COLUMNS = (
    "p.payment_id, p.programme, p.claim_unit_id, p.party_id, p.party_kind, p.protected,"
    " p.revision, p.application_id, p.municipality_code, p.amount_yen, p.payout, p.state,"
    " p.version, p.batch_id, p.line_number, p.bank_result, p.account_sealed, p.contact_sealed,"
    " p.language, p.account_fingerprint"
)


class PostgresClaimRows:
    """`ports.ClaimRows` on one connection inside a transaction."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def accept(self, event_ids: Sequence[bytes]) -> frozenset[bytes]:
        rows = self._connection.execute(
            "INSERT INTO inbox (event_id) SELECT DISTINCT e FROM unnest(%b::bytea[]) AS e"
            " ORDER BY e ON CONFLICT DO NOTHING RETURNING event_id",
            (list(event_ids),),
        ).fetchall()
        return frozenset(bytes(row[0]) for row in rows)

    def lock(self, keys: Sequence[ClaimKey]) -> dict[ClaimKey, ClaimState]:
        columns = _claim_columns(keys)
        self._connection.execute(
            "INSERT INTO claim (claim_unit_id, programme, party_id)"
            " SELECT * FROM unnest(%b::bytea[], %b::text[], %b::bytea[]) AS k (u, g, y)"
            " ORDER BY u, g, y ON CONFLICT DO NOTHING",
            columns,
        )
        units = [(key.programme, key.claim_unit_id) for key in keys]
        wanted = set(keys)
        locked = self.lock_of_units(units)
        return {key: state for key, state in locked.items() if key in wanted}

    def lock_of_units(self, units: Sequence[UnitKey]) -> dict[ClaimKey, ClaimState]:
        rows = self._connection.execute(
            f"SELECT {_LOCKED_COLUMNS} FROM claim c"  # noqa: S608 - constant columns
            " WHERE c.claim_unit_id = ANY(%b::bytea[]) AND c.programme = ANY(%b::text[])"
            " ORDER BY c.claim_unit_id, c.programme, c.party_id FOR UPDATE",
            _unit_columns(units),
        ).fetchall()
        wanted = set(units)
        claims = dict(_claim(row) for row in rows)
        return {
            key: state
            for key, state in claims.items()
            if (key.programme, key.claim_unit_id) in wanted
        }

    def save(self, claims: Mapping[ClaimKey, ClaimState]) -> None:
        keys, states = list(claims), list(claims.values())
        self._connection.execute(
            "UPDATE claim c SET highest_revision = k.h, withdrawn_revision = k.w,"
            " current_payment_id = k.p, protected = k.s"
            " FROM unnest(%b::bytea[], %b::text[], %b::bytea[], %b::int[], %b::int[],"
            " %b::bytea[], %b::bool[]) AS k (u, g, y, h, w, p, s)"
            " WHERE c.claim_unit_id = k.u AND c.programme = k.g AND c.party_id = k.y",
            (
                *_claim_columns(keys),
                [state.highest_revision for state in states],
                [state.withdrawn_revision for state in states],
                [state.current for state in states],
                [state.protected for state in states],
            ),
        )

    def payments(self, ids: Sequence[tuple[bytes, PaymentId]]) -> list[Payment]:
        if not ids:
            return []
        rows = self._connection.execute(
            f"SELECT {_PAYMENT_COLUMNS} FROM payment p"  # noqa: S608 - constant columns
            " JOIN unnest(%b::bytea[], %b::bytea[]) AS k (u, i)"
            " ON p.claim_unit_id = k.u AND p.payment_id = k.i",
            ([unit for unit, _ in ids], [payment_id for _, payment_id in ids]),
        ).fetchall()
        return [_payment(row) for row in rows]

    def waiting(
        self, programme: str, municipality_code: str, state: PaymentState, limit: int
    ) -> list[ClaimKey]:
        rows = self._connection.execute(
            "SELECT programme, claim_unit_id, party_id FROM payment"
            " WHERE programme = %b AND municipality_code = %b AND state = %b"
            " AND state IN ('planned', 'held', 'awaiting_budget') AND payout = 'account'"
            " ORDER BY claim_unit_id, party_id LIMIT %b",
            (programme, municipality_code, state.value, limit),
        ).fetchall()
        return [ClaimKey(row[0], bytes(row[1]), bytes(row[2])) for row in rows]

    def live_items(self, keys: Sequence[ItemKey]) -> dict[ItemKey, PaymentId]:
        if not keys:
            return {}
        rows = self._connection.execute(
            "SELECT i.programme, i.beneficiary_id, i.occurrence, i.payment_id FROM item i"
            " JOIN unnest(%b::text[], %b::bytea[], %b::text[]) AS k (g, b, o)"
            " ON i.beneficiary_id = k.b AND i.programme = k.g AND i.occurrence = k.o"
            " WHERE i.live",
            ([key[0] for key in keys], [key[1] for key in keys], [key[2] for key in keys]),
        ).fetchall()
        return {_item_key(row): PaymentId(bytes(row[3])) for row in rows}

    def live_items_of(self, payment_ids: Sequence[PaymentId]) -> dict[ItemKey, PaymentId]:
        if not payment_ids:
            return {}
        rows = self._connection.execute(
            "SELECT programme, beneficiary_id, occurrence, payment_id FROM item"
            " WHERE payment_id = ANY(%b::bytea[]) AND live",
            (list(payment_ids),),
        ).fetchall()
        return {_item_key(row): PaymentId(bytes(row[3])) for row in rows}

    def save_holds(self, notices: Sequence[HoldNotice]) -> None:
        if not notices:
            return
        self._connection.execute(
            "INSERT INTO hold (claim_unit_id, programme, hold_id, party_id, cause, version,"
            " active, changed_at)"
            " SELECT * FROM unnest(%b::bytea[], %b::text[], %b::bytea[], %b::bytea[],"
            " %b::smallint[], %b::int[], %b::bool[], %b::timestamptz[])"
            " ON CONFLICT (claim_unit_id, programme, hold_id) DO UPDATE SET"
            " version = excluded.version, active = excluded.active, cause = excluded.cause,"
            " party_id = excluded.party_id, changed_at = excluded.changed_at"
            " WHERE hold.version < excluded.version",
            (
                [notice.claim_unit_id for notice in notices],
                [notice.programme for notice in notices],
                [notice.hold_id for notice in notices],
                [notice.party_id for notice in notices],
                [notice.hold_cause for notice in notices],
                [notice.version for notice in notices],
                [notice.active for notice in notices],
                [notice.cause.at for notice in notices],
            ),
        )

    def active_holds(self, units: Sequence[UnitKey]) -> dict[UnitKey, list[ActiveHold]]:
        rows = self._connection.execute(
            "SELECT h.programme, h.claim_unit_id, h.hold_id, h.party_id, h.cause FROM hold h"
            " JOIN unnest(%b::bytea[], %b::text[]) AS k (u, g)"
            " ON h.claim_unit_id = k.u AND h.programme = k.g"
            " WHERE h.active ORDER BY h.hold_id",
            _unit_columns(units),
        ).fetchall()
        found: dict[UnitKey, list[ActiveHold]] = {}
        for programme, unit, hold_id, party_id, cause in rows:
            hold = ActiveHold(bytes(hold_id), bytes(party_id), cause)
            found.setdefault((programme, bytes(unit)), []).append(hold)
        return found


def _claim_columns(keys: Sequence[ClaimKey]) -> tuple[list[bytes], list[str], list[bytes]]:
    return (
        [key.claim_unit_id for key in keys],
        [key.programme for key in keys],
        [key.party_id for key in keys],
    )


def _unit_columns(units: Sequence[UnitKey]) -> tuple[list[bytes], list[str]]:
    distinct = sorted(set(units))
    return [unit for _, unit in distinct], [programme for programme, _ in distinct]


def _claim(row: tuple[Any, ...]) -> tuple[ClaimKey, ClaimState]:
    unit, programme, party, highest, withdrawn, current, protected = row
    state = ClaimState(
        highest_revision=highest,
        withdrawn_revision=withdrawn,
        current=None if current is None else PaymentId(bytes(current)),
        protected=protected,
    )
    return ClaimKey(programme, bytes(unit), bytes(party)), state


def _item_key(row: tuple[Any, ...]) -> ItemKey:
    return row[0], bytes(row[1]), row[2]


def _payment(row: tuple[Any, ...]) -> Payment:
    return Payment(
        payment_id=PaymentId(bytes(row[0])),
        claim=ClaimKey(row[1], bytes(row[2]), bytes(row[3])),
        party_kind=row[4],
        protected=row[5],
        revision=row[6],
        application_id=bytes(row[7]),
        municipality_code=row[8],
        amount_yen=Yen(row[9]),
        payout=Payout(row[10]),
        state=PaymentState(row[11]),
        version=row[12],
        batch_id=row[13],
        line_number=row[14],
        bank_result=None if row[15] is None else BankResult(row[15]),
        account_sealed=bytes(row[16]),
        contact_sealed=bytes(row[17]),
        language=row[18],
        account_fingerprint=bytes(row[19]),
    )
