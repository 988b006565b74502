"""What an application's status is, from what is known of its decision and its payment.

The words are neutral towards other persons: no status and no reason tells anything of anybody else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """What the applicant is told."""

    RECEIVED = "received"
    UNDER_REVIEW = "under_review"
    APPROVED = "approved"
    PAID = "paid"
    RETURNED = "returned"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class Decision(StrEnum):
    """The latest outcome in `applications.decided`."""

    APPROVED = "approved"
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    WAITING = "waiting"
    DEAD_LETTERED = "dead_lettered"


class PaymentState(StrEnum):
    """How far the money is, as far as the applicant is told."""

    UNDER_WAY = "under_way"
    SETTLED = "settled"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """One application's row of the projection."""

    decision: Decision | None
    payment: PaymentState | None
    reasons: Sequence[str]
    amount_yen: int | None
    updated_at_ms: int


# A dead letter opens a task for a person, so for the applicant it is under review.
_STATUS_OF_DECISION = {
    Decision.REFUSED: Status.REFUSED,
    Decision.SUPERSEDED: Status.SUPERSEDED,
    Decision.WITHDRAWN: Status.WITHDRAWN,
    Decision.WAITING: Status.UNDER_REVIEW,
    Decision.DEAD_LETTERED: Status.UNDER_REVIEW,
}
_STATUS_OF_PAYMENT = {
    PaymentState.UNDER_WAY: Status.APPROVED,
    PaymentState.SETTLED: Status.PAID,
    PaymentState.RETURNED: Status.RETURNED,
}
WITH_AMOUNT = frozenset({Status.APPROVED, Status.PAID, Status.RETURNED})


def status_of(facts: StatusFacts | None) -> Status:
    """The status; an application not projected yet is `received`, for its id was checked."""
    if facts is None or facts.decision is None:
        return Status.RECEIVED
    if facts.decision is Decision.APPROVED:
        return _STATUS_OF_PAYMENT[facts.payment or PaymentState.UNDER_WAY]
    return _STATUS_OF_DECISION[facts.decision]


def replaces(*, new_knows_claim_unit: bool, old_knows_claim_unit: bool) -> bool:
    """Whether a later decision takes an earlier one's place: always, except that one written where
    no claim unit was known is overruled by one that knows it, whichever arrives first.
    """
    return new_knows_claim_unit or not old_knows_claim_unit
