"""Words that all rules of the money share: yen, claims, causes.

Ids are raw bytes: 16 for claim units, parties, payments and events, 20 for applications.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NewType

Yen = NewType("Yen", int)
PaymentId = NewType("PaymentId", bytes)


@dataclass(frozen=True, slots=True, order=True)
class ClaimKey:
    """What may be paid once. Ordered, because rows are always locked in this order."""

    programme: str
    claim_unit_id: bytes
    party_id: bytes


@dataclass(frozen=True, slots=True)
class Cause:
    """Why money moves: the event that asked for it, who acts, and when."""

    event_id: bytes
    actor: str
    at: datetime
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One entitlement; live items are unique by (programme, beneficiary, occurrence)."""

    beneficiary_id: bytes
    occurrence: str
    amount_yen: Yen


class Payout(StrEnum):
    """How money reaches the payee. Cash never stands in a bank file."""

    ACCOUNT = "account"
    CASH = "cash"


class Refusal(IntEnum):
    """Why the ledger does not take a decision; numbers are those of `events.v1.Reason`."""

    WINDOW_CLOSED = 3
    ALREADY_CLAIMED = 4
    TOO_LATE_TO_CHANGE = 5
    NOTHING_CLAIMED = 6
    CAP_EXCEEDED = 26


class BankResult(IntEnum):
    """What the bank did with one line; numbers are those of `events.v1.BankResult`.

    The codes are this project's own: no standard list of reasons exists for 総合振込.
    """

    PAID = 1
    NO_ACCOUNT = 2
    NAME_MISMATCH = 3
    ACCOUNT_CLOSED = 4
    CREDIT_BLOCKED = 5
    OTHER = 6
