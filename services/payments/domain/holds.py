"""What a hold does to a claim's payment. Called with the claim's row locked.

A hold stops only money that is not yet in a bank file; a file is checked again for holds before it
leaves. A hold that comes first waits for its payment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.payments.domain.book import Book
from services.payments.domain.claims import ActiveHold, stopping
from services.payments.domain.money import Cause, ClaimKey, PaymentId
from services.payments.domain.payment import PaymentChange, PaymentState


@dataclass(frozen=True, slots=True)
class HoldNotice:
    """A hold was set or cleared. The same id is set and cleared; a higher version is newer."""

    hold_id: bytes
    programme: str
    claim_unit_id: bytes
    party_id: bytes
    hold_cause: int
    version: int
    active: bool
    cause: Cause


def newest(notices: Sequence[HoldNotice]) -> list[HoldNotice]:
    """The last word on each hold, in the order of the claims that they stop."""
    last: dict[tuple[str, bytes, bytes], HoldNotice] = {}
    for notice in notices:
        key = (notice.programme, notice.claim_unit_id, notice.hold_id)
        known = last.get(key)
        if known is None or notice.version > known.version:
            last[key] = notice
    return [last[key] for key in sorted(last)]


def settle_holds(
    claims: Mapping[ClaimKey, PaymentId],
    holds: Mapping[tuple[str, bytes], Sequence[ActiveHold]],
    causes: Mapping[tuple[str, bytes], Cause],
    book: Book,
) -> int:
    """Make each claim's payment agree with the holds that are active now; returns how many moved.

    `causes` gives, by claim unit, the event that each change is put down to.
    """
    moved = 0
    for claim in sorted(claims):
        payment = book.get(claims[claim])
        hold = stopping(claim, holds)
        cause = causes[claim.programme, claim.claim_unit_id]
        if hold is not None and payment.state is PaymentState.PLANNED:
            book.move(payment.payment_id, PaymentChange.HOLD, cause, hold_cause=hold.cause)
            moved += 1
        elif hold is None and payment.state is PaymentState.HELD:
            book.move(payment.payment_id, PaymentChange.CLEAR_HOLD, cause)
            moved += 1
    return moved
