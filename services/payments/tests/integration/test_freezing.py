"""What may still come between planned money and the bytes of a file: holds and revisions."""

import threading
from dataclasses import replace

import pytest

from services.payments.domain.money import Payout
from services.payments.handlers.propose_batches import Proposed
from services.payments.tests.house import House, OneTransaction
from services.payments.tests.installation import wait_until
from services.payments.tests.town import decision, hold

pytestmark = pytest.mark.integration


def test_a_hold_keeps_a_payment_out_of_the_file(house: House) -> None:
    house.plan("a", "b")
    house.hold(hold("a"))
    proposed = house.propose()
    assert (proposed.batches[0].records, proposed.held_records) == (1, 1)
    assert house.yen() == {"frozen": 100_000, "held": 100_000}


def test_a_hold_that_arrives_while_freezing_waits_is_seen(house: House) -> None:
    house.plan("a", "b")
    house.holds.before_answer = lambda: house.hold(hold("a"))
    assert house.propose().batches[0].records == 1


def test_nothing_is_frozen_when_holds_cannot_be_read(house: House) -> None:
    house.plan("a")
    house.holds.reached = False
    with pytest.raises(AssertionError, match="holds_not_read"):
        house.propose()
    assert house.yen() == {"planned": 100_000}


def test_holds_and_freezing_at_the_same_moment_never_let_a_held_payment_into_a_file(
    house: House,
) -> None:
    names = [f"n{number}" for number in range(40)]
    house.plan(*names)
    holder = threading.Thread(target=lambda: [house.hold(hold(name)) for name in names])
    holder.start()
    batches = house.propose().batches
    holder.join()
    assert house.rows("SELECT count(*) FROM hold WHERE active") == [(len(names),)]
    for batch in batches:
        house.approve(batch)
    sent = house.rows(
        "SELECT count(*) FROM checker_payment p JOIN hold h USING (claim_unit_id)"
        " WHERE p.state IN ('releasing', 'sent')"
    )
    assert sent == [(0,)]
    house.assert_books_agree()


def test_a_revision_to_cash_while_freezing_waits_for_its_claim_stands_in_no_file(
    house: House,
) -> None:
    house.plan("a")
    cash = replace(decision("a", revision=2, account_sealed=b""), payout=Payout.CASH)
    proposed: list[Proposed] = []
    proposal = threading.Thread(target=lambda: proposed.append(house.propose()))
    with house.pool.connection() as connection:
        connection.execute("SELECT 1 FROM claim FOR UPDATE")
        proposal.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        wait_until(lambda: house.rows(waiting) == [(1,)], "freezing waits for the claim")
        house.ledger = OneTransaction(connection)
        house.take(cash)
    proposal.join()
    assert [each.batches for each in proposed] == [[]]
    assert house.states() == {"planned": 1, "replaced": 1}
    assert house.rows("SELECT count(*) FROM task") == [(0,)]
    house.assert_books_agree()
