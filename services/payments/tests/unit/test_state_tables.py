"""Both state machines, every pair of state and change, on both sides of the table."""

import pytest

from services.payments.domain import batch as batches
from services.payments.domain import payment as payments
from services.payments.domain.batch import BatchChange, BatchState
from services.payments.domain.book import Book, transfer_of
from services.payments.domain.money import Payout, Yen
from services.payments.domain.news import NEWS_OF_CHANGE
from services.payments.domain.payment import (
    DEAD_STATES,
    ForbiddenChange,
    Payment,
    PaymentChange,
    PaymentState,
)
from services.payments.tests.town import TOWN, claim_of, decision

P, C = PaymentState, PaymentChange
CAUSE = decision("a").cause

# Readable by a treasurer: where money may go from each station.
WAYS_OF_A_PAYMENT = {
    P.PLANNED: {P.HELD, P.AWAITING_BUDGET, P.FROZEN, P.REPLACED, P.CANCELLED},
    P.HELD: {P.PLANNED, P.REPLACED, P.CANCELLED},
    P.AWAITING_BUDGET: {P.PLANNED, P.REPLACED, P.CANCELLED},
    P.FROZEN: {P.FROZEN, P.PLANNED, P.RELEASING},
    P.RELEASING: {P.SENT, P.UNKNOWN},
    P.SENT: {P.SETTLED, P.RETURNED, P.PLANNED},
    P.UNKNOWN: {P.SENT},
    P.SETTLED: {P.RETURNED},
    P.RETURNED: {P.REPLACED, P.CANCELLED},
    P.CANCELLED: set(),
    P.REPLACED: set(),
}
B = BatchState
WAYS_OF_A_BATCH = {
    B.PROPOSED: {B.FROZEN, B.VOIDED},
    B.FROZEN: {B.APPROVED, B.VOIDED},
    B.APPROVED: {B.RELEASING, B.VOIDED},
    B.RELEASING: {B.SENT, B.UNKNOWN},
    B.SENT: {B.RECEIPTED, B.FILE_REJECTED},
    B.UNKNOWN: {B.SENT},
    B.RECEIPTED: {B.RECONCILED},
    B.FILE_REJECTED: set(),
    B.RECONCILED: set(),
    B.VOIDED: set(),
}


def payment(state: PaymentState) -> Payment:
    return Payment(
        payment_id=decision("a").payment_id,
        claim=claim_of("a"),
        party_kind=1,
        protected=False,
        revision=1,
        application_id=b"a" * 20,
        municipality_code=TOWN,
        amount_yen=Yen(100_000),
        payout=Payout.ACCOUNT,
        state=state,
        version=4,
        batch_id="batch",
        line_number=1,
    )


@pytest.mark.parametrize("state", PaymentState)
def test_a_payment_goes_where_the_table_says(state: PaymentState) -> None:
    reached = {payments.after(state, change) for change in PaymentChange} - {None}
    assert reached == WAYS_OF_A_PAYMENT[state]


@pytest.mark.parametrize("state", BatchState)
def test_a_batch_goes_where_the_table_says(state: BatchState) -> None:
    reached = {batches.after(state, change) for change in BatchChange} - {None}
    assert reached == WAYS_OF_A_BATCH[state]


@pytest.mark.parametrize("change", PaymentChange)
@pytest.mark.parametrize("state", PaymentState)
def test_a_change_is_posted_or_refused(state: PaymentState, change: PaymentChange) -> None:
    book = Book([payment(state)])
    key = payment(state).payment_id
    following = payments.TRANSITIONS.get((state, change))
    if following is None:
        with pytest.raises(ForbiddenChange):
            book.move(key, change, CAUSE)
        assert book.transfers == []
        assert book.news == []
        return
    moved = book.move(key, change, CAUSE)
    assert (moved.state, moved.version) == (following, 5)
    assert book.news[0].kind is NEWS_OF_CHANGE[change]
    if following is state:
        assert book.transfers == []
    else:
        (transfer,) = book.transfers
        assert (transfer.debit, transfer.credit) == (state.value, following.value)
        assert (transfer.amount_yen, transfer.payment_version) == (100_000, 5)


@pytest.mark.parametrize("state", BatchState)
@pytest.mark.parametrize("change", BatchChange)
def test_a_forbidden_change_of_a_batch_raises(state: BatchState, change: BatchChange) -> None:
    if batches.after(state, change) is None:
        with pytest.raises(ForbiddenChange):
            batches.advanced(state, change)
    else:
        assert batches.advanced(state, change) is batches.TRANSITIONS[state, change]


def test_no_way_leads_from_unknown_to_a_second_sending() -> None:
    assert WAYS_OF_A_PAYMENT[P.UNKNOWN] == {P.SENT}
    assert BatchState.RELEASING not in WAYS_OF_A_BATCH[B.UNKNOWN]


def test_settled_is_not_the_end_and_only_the_dead_are() -> None:
    ends = {state for state, ways in WAYS_OF_A_PAYMENT.items() if not ways}
    assert ends == DEAD_STATES


def test_planning_takes_yen_from_the_appropriation() -> None:
    transfer = transfer_of(None, payment(P.PLANNED), CAUSE)
    assert transfer is not None
    assert (transfer.debit, transfer.credit) == ("appropriation", "planned")


def test_a_payment_leaves_its_file_when_it_is_planned_again() -> None:
    book = Book([payment(P.FROZEN)])
    moved = book.move(payment(P.FROZEN).payment_id, C.UNFREEZE, CAUSE)
    assert (moved.batch_id, moved.line_number) == (None, None)


def test_a_payment_is_planned_once() -> None:
    book = Book([payment(P.PLANNED)])
    with pytest.raises(ValueError, match="twice"):
        book.plan(payment(P.PLANNED), CAUSE)
