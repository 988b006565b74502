"""The life of one payment, as a table. What is not in the table cannot happen.

Invariants: every change raises the version by one; nothing leaves `unknown` towards a second
sending; `settled` is not an end, because a bank can return money days later.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.payments.domain.money import (
    BankResult,
    ClaimKey,
    Item,
    PaymentId,
    Payout,
    Yen,
)


class PaymentState(StrEnum):
    """Where the money of a payment stands; also the name of its station in the accounts."""

    PLANNED = "planned"
    HELD = "held"
    AWAITING_BUDGET = "awaiting_budget"
    # In the bytes of a bank file: from here on nothing of the claim can be changed.
    FROZEN = "frozen"
    RELEASING = "releasing"
    SENT = "sent"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    # Gave way to a later revision of the same claim.
    REPLACED = "replaced"


class PaymentChange(StrEnum):
    """What may happen to a payment."""

    HOLD = "hold"
    CLEAR_HOLD = "clear_hold"
    AWAIT_BUDGET = "await_budget"
    GRANT_BUDGET = "grant_budget"
    FREEZE = "freeze"
    # The same line in the bytes of another file, because the first file was voided.
    REFREEZE = "refreeze"
    UNFREEZE = "unfreeze"
    RELEASE = "release"
    SEND = "send"
    LOSE_TRACK = "lose_track"
    PROVE_SENT = "prove_sent"
    REJECT_FILE = "reject_file"
    SETTLE = "settle"
    RETURN = "return"
    REPLACE = "replace"
    CANCEL = "cancel"


_S = PaymentState
_C = PaymentChange

TRANSITIONS: Final = MappingProxyType(
    {
        (_S.PLANNED, _C.HOLD): _S.HELD,
        (_S.PLANNED, _C.AWAIT_BUDGET): _S.AWAITING_BUDGET,
        (_S.PLANNED, _C.FREEZE): _S.FROZEN,
        (_S.PLANNED, _C.REPLACE): _S.REPLACED,
        (_S.PLANNED, _C.CANCEL): _S.CANCELLED,
        (_S.HELD, _C.CLEAR_HOLD): _S.PLANNED,
        (_S.HELD, _C.REPLACE): _S.REPLACED,
        (_S.HELD, _C.CANCEL): _S.CANCELLED,
        (_S.AWAITING_BUDGET, _C.GRANT_BUDGET): _S.PLANNED,
        (_S.AWAITING_BUDGET, _C.REPLACE): _S.REPLACED,
        (_S.AWAITING_BUDGET, _C.CANCEL): _S.CANCELLED,
        (_S.FROZEN, _C.REFREEZE): _S.FROZEN,
        (_S.FROZEN, _C.UNFREEZE): _S.PLANNED,
        (_S.FROZEN, _C.RELEASE): _S.RELEASING,
        (_S.RELEASING, _C.SEND): _S.SENT,
        (_S.RELEASING, _C.LOSE_TRACK): _S.UNKNOWN,
        (_S.UNKNOWN, _C.PROVE_SENT): _S.SENT,
        (_S.SENT, _C.REJECT_FILE): _S.PLANNED,
        (_S.SENT, _C.SETTLE): _S.SETTLED,
        (_S.SENT, _C.RETURN): _S.RETURNED,
        (_S.SETTLED, _C.RETURN): _S.RETURNED,
        (_S.RETURNED, _C.REPLACE): _S.REPLACED,
        (_S.RETURNED, _C.CANCEL): _S.CANCELLED,
    }
)

# Money that a budget no longer has to carry, and items that another payment may claim.
DEAD_STATES: Final = frozenset({_S.CANCELLED, _S.REPLACED})


class ForbiddenChange(Exception):
    """A change that the table does not know: a defect of the caller, so the process must end."""


def after(state: PaymentState, change: PaymentChange) -> PaymentState | None:
    """The state that `change` leads to, or None where it is not allowed."""
    return TRANSITIONS.get((state, change))


def can(state: PaymentState, change: PaymentChange) -> bool:
    """Whether the table allows the change."""
    return (state, change) in TRANSITIONS


@dataclass(frozen=True, slots=True)
class Payment:
    """One bank line for one or more items of one claim. `amount_yen` = sum of its items."""

    payment_id: PaymentId
    claim: ClaimKey
    party_kind: int
    protected: bool
    revision: int
    application_id: bytes
    municipality_code: str
    amount_yen: Yen
    payout: Payout
    state: PaymentState = PaymentState.PLANNED
    version: int = 1
    batch_id: str | None = None
    line_number: int | None = None
    bank_result: BankResult | None = None
    # Opaque sealed bytes; only the adapter that holds the key can open them.
    account_sealed: bytes = b""
    contact_sealed: bytes = b""
    language: str = ""
    account_fingerprint: bytes = b""
    items: tuple[Item, ...] = ()


def changed(payment: Payment, change: PaymentChange) -> Payment:
    """The payment after `change`; raises ForbiddenChange where the table has no such way."""
    state = after(payment.state, change)
    if state is None:
        raise ForbiddenChange(f"{change.value} of a payment that is {payment.state.value}")
    return replace(payment, state=state, version=payment.version + 1)
