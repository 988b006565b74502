"""What payments checks of a decision although eligibility has checked it: money is not believed.

Limits come from `parameters/programmes.toml`, dated and with their source.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.payments.domain.money import Item, Refusal, Yen


@dataclass(frozen=True, slots=True)
class Programme:
    """One programme's limits. Applications must have come in [opens_at, closes_at)."""

    programme: str
    opens_at: datetime
    closes_at: datetime
    item_yen_max: Yen
    payment_yen_max: Yen
    # What one municipality may commit unless its budget says otherwise.
    budget_yen_default: Yen
    # Records of one bank file, by contract with the bank.
    file_records_max: int


def sum_of(items: Sequence[Item]) -> Yen:
    """The yen of all items."""
    return Yen(sum(item.amount_yen for item in items))


def refusal_of(
    programme: Programme | None, items: Sequence[Item], submitted_at: datetime
) -> Refusal | None:
    """Why money may not be planned, or None."""
    if programme is None or not programme.opens_at <= submitted_at < programme.closes_at:
        return Refusal.WINDOW_CLOSED
    if not items:
        return Refusal.NOTHING_CLAIMED
    if any(item.amount_yen > programme.item_yen_max for item in items):
        return Refusal.CAP_EXCEEDED
    if sum_of(items) > programme.payment_yen_max:
        return Refusal.CAP_EXCEEDED
    return None
