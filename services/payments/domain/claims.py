"""Which revision of a claim is paid. Called with the claim's row locked.

Invariants: the highest revision wins, whatever order revisions arrive in; a payment in a bank file
is never replaced; one live item per (programme, beneficiary, occurrence); every approved decision
is answered once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.payments.domain.book import Book, PayerKey
from services.payments.domain.money import Cause, ClaimKey, Item, PaymentId, Payout, Refusal, Yen
from services.payments.domain.news import News, NewsKind
from services.payments.domain.payment import DEAD_STATES, Payment, PaymentChange, can
from services.payments.domain.programmes import Programme, refusal_of

ItemKey = tuple[str, bytes, str]  # programme, beneficiary, occurrence


class DecidedOutcome(StrEnum):
    """The outcomes that move money."""

    APPROVED = "approved"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision of eligibility that moves money. Sealed values are opaque here."""

    payment_id: PaymentId
    application_id: bytes
    claim: ClaimKey
    party_kind: int
    protected: bool
    revision: int
    # withdrawn: the revision whose payment is to be cancelled
    replaces_revision: int
    outcome: DecidedOutcome
    items: tuple[Item, ...]
    amount_yen: Yen
    payout: Payout
    municipality_code: str
    submitted_at: datetime
    cause: Cause
    account_sealed: bytes = b""
    account_fingerprint: bytes = b""
    contact_sealed: bytes = b""
    language: str = ""


@dataclass(frozen=True, slots=True)
class ActiveHold:
    """Something that stops a claim's money. An empty party means every party."""

    hold_id: bytes
    party_id: bytes
    cause: int

    def stops(self, claim: ClaimKey) -> bool:
        """Whether this hold, known to be of the claim's unit, stops this party."""
        return self.party_id in (b"", claim.party_id)


@dataclass(slots=True)
class ClaimState:
    """A claim's locked row."""

    highest_revision: int = 0
    withdrawn_revision: int = 0
    current: PaymentId | None = None
    protected: bool = False


@dataclass(slots=True)
class World:
    """All that decisions of one transaction may look at, loaded under lock."""

    book: Book
    claims: dict[ClaimKey, ClaimState]
    live_items: dict[ItemKey, PaymentId]
    holds: dict[tuple[str, bytes], list[ActiveHold]]
    budget_left_yen: Mapping[PayerKey, int]
    programmes: Mapping[str, Programme]
    dead_items: list[PaymentId] = field(default_factory=list)
    # holds that stopped one payment only and end with it
    ended_holds: list[tuple[ClaimKey, ActiveHold]] = field(default_factory=list)


_TAKEN: Final = "taken"


def take(decision: Decision, world: World) -> str:
    """Let one decision take effect. Returns a word for the metric: what became of it."""
    state = world.claims[decision.claim]
    state.protected = state.protected or decision.protected
    if decision.outcome is DecidedOutcome.WITHDRAWN:
        return _withdraw(decision, state, world)
    return _approve(decision, state, world)


def _approve(decision: Decision, state: ClaimState, world: World) -> str:
    if decision.revision <= max(state.highest_revision, state.withdrawn_revision):
        known = world.book.get(state.current) if state.current is not None else None
        if known is not None and known.revision == decision.revision:
            return "repeated"
        world.book.tell(_answer(decision, NewsKind.REPLACED))
        return "outrun"
    refusal = _refusal(decision, state, world)
    if refusal is not None:
        world.book.tell(_answer(decision, NewsKind.DECISION_REFUSED, refusal))
        return "refused"
    current = _alive(state, world)
    if current is not None:
        _end(current.payment_id, PaymentChange.REPLACE, decision, world)
    _plan(decision, state, world)
    return _TAKEN


def _refusal(decision: Decision, state: ClaimState, world: World) -> Refusal | None:
    refusal = refusal_of(
        world.programmes.get(decision.claim.programme), decision.items, decision.submitted_at
    )
    if refusal is not None:
        return refusal
    current = _alive(state, world)
    if current is not None and not can(current.state, PaymentChange.REPLACE):
        return Refusal.TOO_LATE_TO_CHANGE
    for key in item_keys(decision.claim.programme, decision.items):
        holder = world.live_items.get(key)
        if holder is not None and holder != state.current:
            return Refusal.ALREADY_CLAIMED
    return None


def _plan(decision: Decision, state: ClaimState, world: World) -> None:
    payment = world.book.plan(_payment(decision), decision.cause)
    payer = (decision.claim.programme, decision.municipality_code)
    for key in item_keys(decision.claim.programme, decision.items):
        world.live_items[key] = payment.payment_id
    state.highest_revision = decision.revision
    state.current = payment.payment_id
    if world.book.committed_yen[payer] > world.budget_left_yen.get(payer, 0):
        world.book.move(payment.payment_id, PaymentChange.AWAIT_BUDGET, decision.cause)
        return
    hold = stopping(decision.claim, world.holds)
    if hold is not None:
        world.book.move(
            payment.payment_id, PaymentChange.HOLD, decision.cause, hold_cause=hold.cause
        )


def _withdraw(decision: Decision, state: ClaimState, world: World) -> str:
    if decision.replaces_revision <= 0:
        # News of a withdrawal that this ledger has itself confirmed.
        return "news"
    current = _alive(state, world)
    if current is not None and (
        current.revision > decision.replaces_revision
        or not can(current.state, PaymentChange.CANCEL)
    ):
        world.book.tell(_answer(decision, NewsKind.DECISION_REFUSED, Refusal.TOO_LATE_TO_CHANGE))
        return "refused"
    state.withdrawn_revision = max(state.withdrawn_revision, decision.replaces_revision)
    if current is not None:
        _end(current.payment_id, PaymentChange.CANCEL, decision, world)
    else:
        world.book.tell(_answer(decision, NewsKind.CANCELLED))
    return "withdrawn"


def _alive(state: ClaimState, world: World) -> Payment | None:
    if state.current is None:
        return None
    current = world.book.get(state.current)
    return None if current.state in DEAD_STATES else current


def _end(payment_id: PaymentId, change: PaymentChange, decision: Decision, world: World) -> None:
    world.book.move(payment_id, change, decision.cause)
    for key in [key for key, holder in world.live_items.items() if holder == payment_id]:
        del world.live_items[key]
    world.dead_items.append(payment_id)
    claim = decision.claim
    unit = (claim.programme, claim.claim_unit_id)
    for hold in [hold for hold in world.holds.get(unit, ()) if hold.hold_id == payment_id]:
        world.holds[unit].remove(hold)
        world.ended_holds.append((claim, hold))


def stopping(
    claim: ClaimKey, holds: Mapping[tuple[str, bytes], Sequence[ActiveHold]]
) -> ActiveHold | None:
    """A hold that stops the claim, if any does."""
    for hold in holds.get((claim.programme, claim.claim_unit_id), ()):
        if hold.stops(claim):
            return hold
    return None


def item_keys(programme: str, items: Sequence[Item]) -> list[ItemKey]:
    """What must be unique among live items."""
    return [(programme, item.beneficiary_id, item.occurrence) for item in items]


def _payment(decision: Decision) -> Payment:
    return Payment(
        payment_id=decision.payment_id,
        claim=decision.claim,
        party_kind=decision.party_kind,
        protected=decision.protected,
        revision=decision.revision,
        application_id=decision.application_id,
        municipality_code=decision.municipality_code,
        amount_yen=decision.amount_yen,
        payout=decision.payout,
        account_sealed=decision.account_sealed,
        contact_sealed=decision.contact_sealed,
        language=decision.language,
        account_fingerprint=decision.account_fingerprint,
        items=decision.items,
    )


def _answer(decision: Decision, kind: NewsKind, refusal: Refusal | None = None) -> News:
    revision = decision.revision
    if kind is NewsKind.CANCELLED:
        revision = decision.replaces_revision
    return News(
        kind=kind,
        cause=decision.cause,
        payment_id=decision.payment_id,
        application_id=decision.application_id,
        claim=decision.claim,
        party_kind=decision.party_kind,
        protected=decision.protected,
        revision=revision,
        amount_yen=decision.amount_yen,
        municipality_code=decision.municipality_code,
        version=1,
        refusal=refusal,
    )
