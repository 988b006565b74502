"""The working copy of the ledger during one transaction.

Rules move payments here; an adapter then writes what changed. Invariants: each version of a payment
posts at most one transfer, from the station it left to the station it came to, so yen are neither
made nor lost; a payment is read once and written once, by compare-and-set on the version read.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from services.payments.domain.money import BankResult, Cause, PaymentId, Yen
from services.payments.domain.news import NEWS_OF_CHANGE, News, NewsKind, news_of
from services.payments.domain.payment import (
    DEAD_STATES,
    Payment,
    PaymentChange,
    PaymentState,
    changed,
)

# Gives the yen of a new payment; its balance is what a municipality has committed, negative.
APPROPRIATION: Final = "appropriation"
STATIONS: Final = tuple(state.value for state in PaymentState)
# Stations whose yen are not owed any more; `decided` is the sum over all others.
DEAD_STATIONS: Final = frozenset(state.value for state in DEAD_STATES)

PayerKey = tuple[str, str]  # programme, municipality code


@dataclass(frozen=True, slots=True)
class Transfer:
    """Yen that move between two accounts of one payer because a payment changed."""

    payment_id: PaymentId
    payment_version: int
    programme: str
    municipality_code: str
    debit: str
    credit: str
    amount_yen: Yen
    cause: Cause


def transfer_of(origin: PaymentState | None, payment: Payment, cause: Cause) -> Transfer | None:
    """The transfer that a change posts; None where the payment stays at its station."""
    if origin is payment.state:
        return None
    return Transfer(
        payment_id=payment.payment_id,
        payment_version=payment.version,
        programme=payment.claim.programme,
        municipality_code=payment.municipality_code,
        debit=APPROPRIATION if origin is None else origin.value,
        credit=payment.state.value,
        amount_yen=payment.amount_yen,
        cause=cause,
    )


class Book:
    """Payments by id, and what was done to them."""

    def __init__(self, payments: Iterable[Payment] = ()) -> None:
        self._loaded = {payment.payment_id: payment for payment in payments}
        self._now = dict(self._loaded)
        self.transfers: list[Transfer] = []
        self.news: list[News] = []
        self.committed_yen: defaultdict[PayerKey, int] = defaultdict(int)

    def get(self, payment_id: PaymentId) -> Payment:
        """The payment as it stands now; KeyError when it was not loaded."""
        return self._now[payment_id]

    def plan(self, payment: Payment, cause: Cause) -> Payment:
        """Take in a new payment at version 1."""
        if payment.payment_id in self._now:
            raise ValueError("a payment is planned twice")
        self._now[payment.payment_id] = payment
        self._post(None, payment, cause, NewsKind.PLANNED)
        return payment

    def move(
        self,
        payment_id: PaymentId,
        change: PaymentChange,
        cause: Cause,
        *,
        batch_id: str | None = None,
        line_number: int | None = None,
        bank_result: BankResult | None = None,
        hold_cause: int = 0,
    ) -> Payment:
        """Change a payment; raises ForbiddenChange. A batch is named when a payment enters one."""
        before = self._now[payment_id]
        after = changed(before, change)
        if change in {PaymentChange.FREEZE, PaymentChange.REFREEZE}:
            after = replace(after, batch_id=batch_id, line_number=line_number)
        elif after.state is PaymentState.PLANNED:
            after = replace(after, batch_id=None, line_number=None)
        if bank_result is not None:
            after = replace(after, bank_result=bank_result)
        self._now[payment_id] = after
        self._post(before.state, after, cause, NEWS_OF_CHANGE[change], hold_cause=hold_cause)
        return after

    def tell(self, news: News) -> None:
        """News that no payment's change brings about."""
        self.news.append(news)

    def created(self) -> list[Payment]:
        """New payments, as they stand now."""
        return [p for key, p in self._now.items() if key not in self._loaded]

    def altered(self) -> list[tuple[Payment, Payment]]:
        """Loaded payments that changed: (as read, as they stand now)."""
        return [
            (before, self._now[key])
            for key, before in self._loaded.items()
            if self._now[key] is not before
        ]

    def _post(
        self,
        origin: PaymentState | None,
        payment: Payment,
        cause: Cause,
        kind: NewsKind,
        *,
        hold_cause: int = 0,
    ) -> None:
        transfer = transfer_of(origin, payment, cause)
        if transfer is not None:
            self.transfers.append(transfer)
        change_yen = _carries(payment.state) - (0 if origin is None else _carries(origin))
        if change_yen:
            payer = (payment.claim.programme, payment.municipality_code)
            self.committed_yen[payer] += change_yen * payment.amount_yen
        self.news.append(news_of(payment, kind, cause, hold_cause=hold_cause))


def _carries(state: PaymentState) -> int:
    """1 where the payer's budget carries the payment."""
    return 0 if state in DEAD_STATES or state is PaymentState.AWAITING_BUDGET else 1
