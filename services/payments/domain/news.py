"""What the ledger tells others: one piece of news for each version of a payment."""

from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from services.payments.domain.money import BankResult, Cause, ClaimKey, Refusal, Yen
from services.payments.domain.payment import Payment, PaymentChange


class NewsKind(IntEnum):
    """Numbers are those of `events.v1.PaymentEventKind`."""

    PLANNED = 1
    HELD = 2
    HOLD_CLEARED = 3
    FROZEN = 4
    APPROVED = 5
    SENT = 6
    SETTLED = 7
    RETURNED = 8
    FILE_REJECTED = 9
    CANCELLED = 10
    REPLACED = 11
    DECISION_REFUSED = 12
    AWAITING_BUDGET = 13
    UNKNOWN = 14


NEWS_OF_CHANGE: Final = MappingProxyType(
    {
        PaymentChange.HOLD: NewsKind.HELD,
        PaymentChange.CLEAR_HOLD: NewsKind.HOLD_CLEARED,
        PaymentChange.AWAIT_BUDGET: NewsKind.AWAITING_BUDGET,
        PaymentChange.GRANT_BUDGET: NewsKind.PLANNED,
        PaymentChange.FREEZE: NewsKind.FROZEN,
        PaymentChange.REFREEZE: NewsKind.FROZEN,
        PaymentChange.UNFREEZE: NewsKind.PLANNED,
        PaymentChange.RELEASE: NewsKind.APPROVED,
        PaymentChange.SEND: NewsKind.SENT,
        PaymentChange.LOSE_TRACK: NewsKind.UNKNOWN,
        PaymentChange.PROVE_SENT: NewsKind.SENT,
        PaymentChange.REJECT_FILE: NewsKind.FILE_REJECTED,
        PaymentChange.SETTLE: NewsKind.SETTLED,
        PaymentChange.RETURN: NewsKind.RETURNED,
        PaymentChange.REPLACE: NewsKind.REPLACED,
        PaymentChange.CANCEL: NewsKind.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class News:
    """One event to be published. Also used where no payment exists: then version is 1 and
    `payment_id` is the id that the payment would have had.
    """

    kind: NewsKind
    cause: Cause
    payment_id: bytes
    application_id: bytes
    claim: ClaimKey
    party_kind: int
    protected: bool
    revision: int
    amount_yen: Yen
    municipality_code: str
    version: int
    batch_id: str = ""
    line_number: int = 0
    bank_result: BankResult | None = None
    refusal: Refusal | None = None
    hold_cause: int = 0


def news_of(payment: Payment, kind: NewsKind, cause: Cause, *, hold_cause: int = 0) -> News:
    """The news that `payment` has just come to where it stands."""
    return News(
        kind=kind,
        cause=cause,
        payment_id=payment.payment_id,
        application_id=payment.application_id,
        claim=payment.claim,
        party_kind=payment.party_kind,
        protected=payment.protected,
        revision=payment.revision,
        amount_yen=payment.amount_yen,
        municipality_code=payment.municipality_code,
        version=payment.version,
        batch_id=payment.batch_id or "",
        line_number=payment.line_number or 0,
        bank_result=payment.bank_result,
        hold_cause=hold_cause,
    )
