"""A lock that was waited for is there: rows that changed meanwhile do not fall out of the answer.

Found by killing dedup in a long run: with `unnest` joined, PostgreSQL dropped a row that another
transaction had just changed, so that a hold's clearing passed by its payment.
"""

import threading
from typing import Any

import pytest
from psycopg import Connection

from services.payments.adapters.claim_rows import PostgresClaimRows
from services.payments.adapters.money_rows import PostgresMoneyRows
from services.payments.domain.money import ClaimKey
from services.payments.tests.house import House
from services.payments.tests.town import PROGRAMME

pytestmark = pytest.mark.integration

WAITING_DEADLINE_S = 30.0
ROUNDS = 12


def claims_of(number: int) -> list[ClaimKey]:
    return [ClaimKey(PROGRAMME, bytes([n]) * 16, bytes([n]) * 16) for n in range(1, number + 1)]


def wait_until_blocked(connection: Connection[Any], pid: int) -> None:
    """Until the backend `pid` waits for a lock."""
    pause = threading.Event()
    for _ in range(int(WAITING_DEADLINE_S / 0.01)):
        row = connection.execute("SELECT cardinality(pg_blocking_pids(%s))", (pid,)).fetchone()
        if row is not None and row[0]:
            return
        pause.wait(0.01)
    raise AssertionError("nobody waited for the lock")


@pytest.mark.parametrize("number", [1, 2, 3, 5, 8, 40])
def test_a_claim_changed_while_its_lock_was_waited_for_is_locked_all_the_same(
    house: House, number: int
) -> None:
    claims = claims_of(number)
    units = [(claim.programme, claim.claim_unit_id) for claim in claims]
    with house.pool.connection() as first:
        PostgresClaimRows(first).lock(claims)
    for turn in range(ROUNDS):
        changed = claims[turn % number]
        with house.pool.connection() as second, house.pool.connection() as watching:
            seen: dict[ClaimKey, object] = {}
            with house.pool.connection() as first:
                first.execute(
                    "UPDATE claim SET highest_revision = %s WHERE claim_unit_id = %s",
                    (turn + 1, changed.claim_unit_id),
                )

                def lock(connection: Connection[Any] = second) -> None:
                    seen.update(PostgresClaimRows(connection).lock_of_units(units))  # noqa: B023

                thread = threading.Thread(target=lock)
                thread.start()
                wait_until_blocked(watching, second.info.backend_pid)
            thread.join()
            assert set(seen) == set(claims), f"round {turn}"


def test_a_budget_changed_while_its_lock_was_waited_for_is_locked_all_the_same(
    house: House,
) -> None:
    limits = {(PROGRAMME, f"{number:06d}"): 1000 for number in range(1, 6)}
    with house.pool.connection() as first:
        PostgresMoneyRows(first).lock_budgets(limits)
    for turn in range(ROUNDS):
        with house.pool.connection() as second, house.pool.connection() as watching:
            left: dict[tuple[str, str], int] = {}
            with house.pool.connection() as first:
                first.execute(
                    "UPDATE budget SET committed_yen = %s WHERE municipality_code = '000003'",
                    (turn + 1,),
                )

                def lock(connection: Connection[Any] = second) -> None:
                    left.update(PostgresMoneyRows(connection).lock_budgets(limits))  # noqa: B023

                thread = threading.Thread(target=lock)
                thread.start()
                wait_until_blocked(watching, second.info.backend_pid)
            thread.join()
            assert left[PROGRAMME, "000003"] == 1000 - (turn + 1), f"round {turn}"
            assert set(left) == set(limits)
