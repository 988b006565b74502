"""What an application's status is called."""

import pytest

from services.intake.domain.status_words import STATUS_WORDS
from services.intake.domain.statuses import (
    Decision,
    PaymentState,
    Status,
    StatusFacts,
    replaces,
    status_of,
)


@pytest.mark.parametrize(
    ("decision", "payment", "expected"),
    [
        (None, None, "received"),
        (None, PaymentState.SETTLED, "received"),
        (Decision.WAITING, None, "under_review"),
        (Decision.DEAD_LETTERED, None, "under_review"),
        (Decision.APPROVED, None, "approved"),
        (Decision.APPROVED, PaymentState.UNDER_WAY, "approved"),
        (Decision.APPROVED, PaymentState.SETTLED, "paid"),
        (Decision.APPROVED, PaymentState.RETURNED, "returned"),
        (Decision.REFUSED, None, "refused"),
        (Decision.SUPERSEDED, PaymentState.UNDER_WAY, "superseded"),
        (Decision.WITHDRAWN, PaymentState.UNDER_WAY, "withdrawn"),
    ],
)
def test_decision_and_payment_give_the_status(
    decision: Decision | None, payment: PaymentState | None, expected: str
) -> None:
    assert status_of(StatusFacts(decision, payment, (), None, 0)) == expected


def test_an_application_that_was_not_projected_yet_is_received() -> None:
    assert status_of(None) is Status.RECEIVED


@pytest.mark.parametrize("status", Status)
def test_every_status_has_words_in_both_languages(status: Status) -> None:
    japanese, english = STATUS_WORDS[status]
    assert japanese
    assert english.isascii()


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [(True, True, True), (True, False, True), (False, False, True), (False, True, False)],
)
def test_a_decision_that_knows_the_claim_unit_is_not_overruled_by_one_that_does_not(
    new: bool, old: bool, expected: bool
) -> None:
    assert replaces(new_knows_claim_unit=new, old_knows_claim_unit=old) is expected
