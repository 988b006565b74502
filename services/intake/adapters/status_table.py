"""The status projection in PostgreSQL: one row an application, written by the feed, read by owners.

Rows are folded from topics that have no order among one another, so each topic has columns of its
own and what the status is called is worked out when it is read. Invariant: folding a batch again,
or an older payment event after a newer one, changes nothing.
"""

from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from services.intake.domain.applications import ApplicationId, Subject
from services.intake.domain.statuses import Decision, PaymentState, StatusFacts, replaces
from services.intake.ports import (
    DecisionSeen,
    Identities,
    OwnedStatus,
    PaymentSeen,
    StatusChange,
    StatusStoreAway,
    SubmissionSeen,
)

READ_TIMEOUT_S: Final = 1.0
READ_CONNECTIONS_MAX: Final = 4

_SELECT: Final = """
    SELECT client_id, subject, decision, payment, reasons, amount_yen,
           greatest(submitted_at_ms, decided_at_ms, paid_at_ms)
    FROM intake.application_status WHERE application_id = %s
"""
_SUBMISSIONS: Final = """
    INSERT INTO intake.application_status AS row
        (application_id, client_id, subject, submitted_at_ms)
    SELECT * FROM unnest(%s::bytea[], %s::text[], %s::bytea[], %s::bigint[])
    ON CONFLICT (application_id) DO UPDATE SET
        client_id = excluded.client_id, subject = excluded.subject,
        submitted_at_ms = least(row.submitted_at_ms, excluded.submitted_at_ms)
"""
# The condition is `domain.statuses.replaces`.
_DECISIONS: Final = """
    INSERT INTO intake.application_status AS row
        (application_id, decision, reasons, amount_yen, decision_knows_claim_unit, decided_at_ms)
    SELECT id, decision, string_to_array(reasons, ','), amount_yen, knows, decided_at_ms
    FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::bigint[], %s::boolean[], %s::bigint[])
        AS given (id, decision, reasons, amount_yen, knows, decided_at_ms)
    ON CONFLICT (application_id) DO UPDATE SET
        decision = excluded.decision, reasons = excluded.reasons,
        amount_yen = excluded.amount_yen, decided_at_ms = excluded.decided_at_ms,
        decision_knows_claim_unit = excluded.decision_knows_claim_unit
    WHERE excluded.decision_knows_claim_unit OR row.decision_knows_claim_unit IS NOT TRUE
"""
_PAYMENTS: Final = """
    INSERT INTO intake.application_status AS row
        (application_id, payment_id, payment, payment_version, paid_at_ms)
    SELECT * FROM unnest(%s::bytea[], %s::bytea[], %s::text[], %s::int[], %s::bigint[])
    ON CONFLICT (application_id) DO UPDATE SET
        payment_id = excluded.payment_id, payment = excluded.payment,
        payment_version = excluded.payment_version, paid_at_ms = excluded.paid_at_ms
    WHERE row.payment_id IS NULL
        OR CASE WHEN row.payment_id = excluded.payment_id
           THEN excluded.payment_version > row.payment_version
           ELSE excluded.paid_at_ms >= row.paid_at_ms END
"""


def reading_pool(database_url: str) -> AsyncConnectionPool:
    """One round trip a read: no transaction around it, and no check before it, since a read that
    meets a broken connection is answered 503 and asked again.
    """
    return AsyncConnectionPool(
        database_url,
        min_size=1,
        max_size=READ_CONNECTIONS_MAX,
        timeout=READ_TIMEOUT_S,
        kwargs={
            "autocommit": True,
            "options": f"-c statement_timeout={int(READ_TIMEOUT_S * 1000)}",
        },
        open=False,
    )


class StatusTable:
    """The `StatusReader` port."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool

    async def find(self, application_id: ApplicationId) -> OwnedStatus | None:
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_SELECT, (application_id,), binary=True)
                row = await cursor.fetchone()
        except (PoolTimeout, psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
            raise StatusStoreAway from error
        if row is None:
            return None
        client_id, subject, decision, payment, reasons, amount_yen, updated_at_ms = row
        return OwnedStatus(
            client_id=client_id,
            subject=Subject(bytes(subject)) if subject is not None else None,
            facts=StatusFacts(
                decision=Decision(decision) if decision is not None else None,
                payment=PaymentState(payment) if payment is not None else None,
                reasons=reasons,
                amount_yen=amount_yen,
                updated_at_ms=updated_at_ms,
            ),
        )


def fold(
    connection: psycopg.Connection[Any], changes: Sequence[StatusChange], identities: Identities
) -> None:
    """Fold a batch into the rows, in the caller's transaction. Rows are written in the order of
    their ids, so that two feeds cannot lock one another out.
    """
    submissions = {c.application_id: c for c in changes if isinstance(c, SubmissionSeen)}
    decisions: dict[ApplicationId, DecisionSeen] = {}
    payments: dict[ApplicationId, PaymentSeen] = {}
    for change in changes:
        if isinstance(change, DecisionSeen):
            _keep_decision(decisions, change)
        elif isinstance(change, PaymentSeen):
            _keep_payment(payments, change)
    if submissions:
        _fold_submissions(connection, [submissions[key] for key in sorted(submissions)], identities)
    if decisions:
        _fold_decisions(connection, [decisions[key] for key in sorted(decisions)])
    if payments:
        _fold_payments(connection, [payments[key] for key in sorted(payments)])


def _keep_decision(kept: dict[ApplicationId, DecisionSeen], seen: DecisionSeen) -> None:
    earlier = kept.get(seen.application_id)
    if earlier is None or replaces(
        new_knows_claim_unit=seen.knows_claim_unit, old_knows_claim_unit=earlier.knows_claim_unit
    ):
        kept[seen.application_id] = seen


def _keep_payment(kept: dict[ApplicationId, PaymentSeen], seen: PaymentSeen) -> None:
    earlier = kept.get(seen.application_id)
    if earlier is None or (
        seen.version > earlier.version
        if seen.payment_id == earlier.payment_id
        else seen.occurred_at_ms >= earlier.occurred_at_ms
    ):
        kept[seen.application_id] = seen


def _fold_submissions(
    connection: psycopg.Connection[Any], seen: Sequence[SubmissionSeen], identities: Identities
) -> None:
    connection.execute(
        _SUBMISSIONS,
        (
            [s.application_id for s in seen],
            [s.client_id for s in seen],
            [identities.subject(s.client_id, s.credential_fingerprint) for s in seen],
            [s.submitted_at_ms for s in seen],
        ),
    )


def _fold_decisions(connection: psycopg.Connection[Any], seen: Sequence[DecisionSeen]) -> None:
    connection.execute(
        _DECISIONS,
        (
            [s.application_id for s in seen],
            [s.decision.value for s in seen],
            [",".join(s.reasons) for s in seen],
            [s.amount_yen for s in seen],
            [s.knows_claim_unit for s in seen],
            [s.decided_at_ms for s in seen],
        ),
    )


def _fold_payments(connection: psycopg.Connection[Any], seen: Sequence[PaymentSeen]) -> None:
    connection.execute(
        _PAYMENTS,
        (
            [s.application_id for s in seen],
            [s.payment_id for s in seen],
            [s.state.value for s in seen],
            [s.version for s in seen],
            [s.occurred_at_ms for s in seen],
        ),
    )
