"""Decisions into the ledger on real PostgreSQL."""

import threading

import psycopg
import pytest

from services.payments.tests.house import House
from services.payments.tests.town import NOW, decision, hold, withdrawal

pytestmark = pytest.mark.integration

PLANNED, HELD, CLEARED, CANCELLED, REPLACED, REFUSED, AWAITING = 1, 2, 3, 10, 11, 12, 13


def test_the_same_decision_thrice_is_one_payment(house: House) -> None:
    first = house.take(decision("a"), decision("a"))
    again = house.take(decision("a"))
    assert (first["taken"], first["seen_before"], again["seen_before"]) == (1, 1, 1)
    assert house.yen() == {"planned": 100_000}
    assert house.events() == [(PLANNED, 1)]
    house.assert_books_agree()


def test_a_repeated_revision_under_another_event_is_not_paid_again(house: House) -> None:
    house.take(decision("a"))
    assert house.take(decision("a", event="again"))["repeated"] == 1
    assert house.yen() == {"planned": 100_000}


def test_a_later_revision_replaces_a_planned_payment(house: House) -> None:
    house.take(decision("a", persons=("x",)))
    house.take(decision("a", revision=2, persons=("x", "y")))
    assert house.yen() == {"planned": 200_000, "replaced": 100_000}
    assert house.events() == [(PLANNED, 1), (REPLACED, 2), (PLANNED, 1)]
    house.assert_books_agree()


def test_an_earlier_revision_that_comes_later_gives_way(house: House) -> None:
    house.take(decision("a", revision=2))
    assert house.take(decision("a", revision=1))["outrun"] == 1
    assert house.events() == [(PLANNED, 1), (REPLACED, 1)]
    assert house.yen() == {"planned": 100_000}


def test_both_revisions_in_one_batch_end_as_if_they_came_apart(house: House) -> None:
    house.take(decision("a"), decision("a", revision=2))
    assert house.yen() == {"planned": 100_000, "replaced": 100_000}
    house.assert_books_agree()


def test_a_person_of_another_claim_is_not_paid_twice(house: House) -> None:
    house.take(decision("a", persons=("x",)))
    assert house.take(decision("b", persons=("x", "y")))["refused"] == 1
    assert house.events()[-1] == (REFUSED, 1)
    assert house.yen() == {"planned": 100_000}
    house.assert_books_agree()


def test_two_workers_with_the_same_person_pay_one_of_them(house: House) -> None:
    workers = [
        threading.Thread(target=house.take, args=[decision(name, persons=("x",))])
        for name in ("a", "b", "c", "d")
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert house.yen() == {"planned": 100_000}
    assert sorted(kind for kind, _ in house.events()) == [PLANNED, REFUSED, REFUSED, REFUSED]
    house.assert_books_agree()


def test_a_second_live_item_is_refused_by_the_database_itself(house: House) -> None:
    house.take(decision("a", persons=("x",)))
    with pytest.raises(psycopg.errors.UniqueViolation):
        house.rows(
            "INSERT INTO item SELECT beneficiary_id, programme, occurrence, %b, claim_unit_id,"
            " amount_yen, true FROM item RETURNING 1",
            (b"p" * 16,),
        )


def test_a_withdrawal_cancels_the_planned_payment(house: House) -> None:
    house.take(decision("a"))
    assert house.take(withdrawal("a", 1))["withdrawn"] == 1
    assert house.yen() == {"cancelled": 100_000}
    assert house.events() == [(PLANNED, 1), (CANCELLED, 2)]
    house.assert_books_agree()


def test_a_withdrawn_revision_that_arrives_later_is_not_paid(house: House) -> None:
    house.take(withdrawal("a", 1))
    house.take(decision("a"))
    assert house.yen() == {}
    assert [kind for kind, _ in house.events()] == [CANCELLED, REPLACED]


def test_a_new_application_after_a_withdrawal_is_paid(house: House) -> None:
    house.take(decision("a"), withdrawal("a", 1), decision("a", revision=3))
    assert house.yen() == {"planned": 100_000, "cancelled": 100_000}
    house.assert_books_agree()


def test_a_withdrawal_of_a_frozen_payment_is_too_late(house: House) -> None:
    house.plan("a")
    house.propose()
    assert house.take(withdrawal("a", 1))["refused"] == 1
    assert house.take(decision("a", revision=3))["refused"] == 1
    assert house.states() == {"frozen": 1}


def test_a_hold_before_the_payment_stops_it_at_planning(house: House) -> None:
    house.hold(hold("a"))
    house.take(decision("a"))
    assert house.events() == [(PLANNED, 1), (HELD, 2)]
    assert house.yen() == {"held": 100_000}
    house.assert_books_agree()


def test_a_hold_after_planning_stops_the_payment_until_it_is_cleared(house: House) -> None:
    house.take(decision("a"))
    assert house.hold(hold("a")) == 1
    assert house.hold(hold("a")) == 0
    assert house.yen() == {"held": 100_000}
    assert house.hold(hold("a", version=2, active=False)) == 1
    assert house.events() == [(PLANNED, 1), (HELD, 2), (CLEARED, 3)]
    house.assert_books_agree()


def test_an_older_word_on_a_hold_does_not_bring_it_back(house: House) -> None:
    house.take(decision("a"))
    house.hold(hold("a", version=2, active=False))
    assert house.hold(hold("a", version=1)) == 0
    assert house.yen() == {"planned": 100_000}


def test_what_exceeds_the_budget_waits_and_the_rest_is_planned(house: House) -> None:
    house.take(decision("a"))
    house.rows("UPDATE budget SET limit_yen = 200000 RETURNING 1")
    house.take(decision("b"), decision("c"))
    assert house.yen() == {"planned": 200_000, "awaiting_budget": 100_000}
    assert house.events()[-1] == (AWAITING, 2)
    house.assert_books_agree()


def test_a_revision_in_another_town_gives_the_first_town_its_budget_back(house: House) -> None:
    house.take(decision("a"))
    house.take(decision("a", revision=2, town="271004"))
    committed = house.rows("SELECT municipality_code, committed_yen FROM budget ORDER BY 1")
    assert committed == [("131016", 0), ("271004", 100_000)]
    house.assert_books_agree()


def test_a_decision_above_the_cap_is_refused(house: House) -> None:
    persons = tuple(f"p{number}" for number in range(31))
    assert house.take(decision("a", persons=persons))["refused"] == 1
    assert house.take(decision("b", persons=persons[:30]))["taken"] == 1


def test_a_decision_outside_the_programme_is_refused(house: House) -> None:
    late = NOW.replace(year=2021)
    assert house.take(decision("a", at=late))["refused"] == 1
    assert house.yen() == {}


@pytest.mark.parametrize("table", ["transfer", "transfer_0", "audit"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_books_are_append_only(house: House, table: str, verb: str) -> None:
    house.take(decision("a"))
    with pytest.raises((psycopg.errors.RestrictViolation, psycopg.errors.InsufficientPrivilege)):
        house.rows(verb.format(table))


def test_protected_claims_are_told_on_their_own_topic(house: House) -> None:
    house.take(decision("a"), decision("b", protected=True))
    topics = house.rows("SELECT topic FROM outbox ORDER BY id")
    assert topics == [("payments.events",), ("payments.events.protected",)]
