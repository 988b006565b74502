"""The life of one batch, that is one bank file, as a table; another machine than the payment's.

Invariants: `releasing` is committed before the first byte leaves; from `unknown` only evidence that
the bank has the file leads on; a voided batch never comes back.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.payments.domain.money import Yen
from services.payments.domain.payment import ForbiddenChange


class BatchState(StrEnum):
    """Where a bank file stands."""

    PROPOSED = "proposed"
    # The bytes are fixed and hashed.
    FROZEN = "frozen"
    APPROVED = "approved"
    RELEASING = "releasing"
    SENT = "sent"
    RECEIPTED = "receipted"
    FILE_REJECTED = "file_rejected"
    UNKNOWN = "unknown"
    RECONCILED = "reconciled"
    VOIDED = "voided"


class BatchChange(StrEnum):
    """What may happen to a bank file."""

    FREEZE = "freeze"
    APPROVE = "approve"
    RELEASE = "release"
    SEND = "send"
    LOSE_TRACK = "lose_track"
    PROVE_SENT = "prove_sent"
    TAKE_RECEIPT = "take_receipt"
    REJECT = "reject"
    RECONCILE = "reconcile"
    VOID = "void"


_S = BatchState
_C = BatchChange

TRANSITIONS: Final = MappingProxyType(
    {
        (_S.PROPOSED, _C.FREEZE): _S.FROZEN,
        (_S.PROPOSED, _C.VOID): _S.VOIDED,
        (_S.FROZEN, _C.APPROVE): _S.APPROVED,
        (_S.FROZEN, _C.VOID): _S.VOIDED,
        (_S.APPROVED, _C.RELEASE): _S.RELEASING,
        (_S.APPROVED, _C.VOID): _S.VOIDED,
        (_S.RELEASING, _C.SEND): _S.SENT,
        (_S.RELEASING, _C.LOSE_TRACK): _S.UNKNOWN,
        (_S.UNKNOWN, _C.PROVE_SENT): _S.SENT,
        (_S.SENT, _C.TAKE_RECEIPT): _S.RECEIPTED,
        (_S.SENT, _C.REJECT): _S.FILE_REJECTED,
        (_S.RECEIPTED, _C.RECONCILE): _S.RECONCILED,
    }
)


def after(state: BatchState, change: BatchChange) -> BatchState | None:
    """The state that `change` leads to, or None where it is not allowed."""
    return TRANSITIONS.get((state, change))


def advanced(state: BatchState, *changes: BatchChange) -> BatchState:
    """The state after all `changes`; raises ForbiddenChange where the table has no such way."""
    for change in changes:
        following = after(state, change)
        if following is None:
            raise ForbiddenChange(f"{change.value} of a batch that is {state.value}")
        state = following
    return state


_NO_YEN: Final = Yen(0)


@dataclass(frozen=True, slots=True)
class Batch:
    """One bank file of one payer and value date. `batch_id` is also the file's name."""

    batch_id: str
    programme: str
    municipality_code: str
    value_date: date
    number: int
    state: BatchState
    records: int
    amount_yen: Yen
    sha256: bytes
    maker: str
    request_id: str
    attempt: int = 0
    checker: str | None = None
    returned_records: int = 0
    returned_yen: Yen = _NO_YEN

    @property
    def file_name(self) -> str:
        """The name under which the bank gets it, without ending."""
        return self.batch_id


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One data record of a file, from line 1. `reference` is never used again."""

    line_number: int
    reference: int
    payment_id: bytes
    claim_unit_id: bytes
    amount_yen: Yen


def batch_id(programme: str, municipality_code: str, value_date: date, number: int) -> str:
    """The name that says whose file it is: programme, payer, value date, number of that day."""
    return f"{programme}-{municipality_code}-{value_date:%Y%m%d}-{number:03d}"
