"""Decisions become money: one transaction for a whole batch of decisions.

Inbox, claims, payments, items, transfers, balances, budgets, events and the consumer's positions
are written together or not at all. Every statement works on a set, because the ledger must take
more decisions than one statement a decision allows.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from services.payments.domain.book import Book
from services.payments.domain.claims import Decision, World, item_keys, take
from services.payments.domain.holds import HoldNotice
from services.payments.domain.money import Cause
from services.payments.domain.programmes import Programme
from services.payments.ports import Ledger, LedgerTransaction, Positions

# A hold of our own on one payment is set at version 1 and cleared once.
_ENDED_VERSION: Final = 2


def take_decisions(
    decisions: Sequence[Decision],
    positions: Positions,
    *,
    group: str,
    ledger: Ledger,
    programmes: Mapping[str, Programme],
) -> Counter[str]:
    """Let the decisions take effect in their order; returns how many ended how."""

    def work(tx: LedgerTransaction) -> Counter[str]:
        outcomes = _take(decisions, tx, programmes) if decisions else Counter[str]()
        tx.keep_positions(group, positions)
        return outcomes

    return ledger.run(work)


def _take(
    decisions: Sequence[Decision], tx: LedgerTransaction, programmes: Mapping[str, Programme]
) -> Counter[str]:
    unseen = set(tx.claims.accept([decision.cause.event_id for decision in decisions]))
    fresh: list[Decision] = []
    for decision in decisions:
        if decision.cause.event_id in unseen:
            unseen.discard(decision.cause.event_id)
            fresh.append(decision)
    outcomes = Counter({"seen_before": len(decisions) - len(fresh)})
    if not fresh:
        return outcomes
    world = _load(fresh, tx, programmes)
    for decision in fresh:
        outcomes[take(decision, world)] += 1
    tx.claims.save(world.claims)
    tx.claims.save_holds(_ended(world, fresh[-1].cause))
    at = fresh[-1].cause.at
    tx.money.save(world.book, at, dead_items=world.dead_items)
    created = world.book.created()
    cause = Cause(event_id=fresh[-1].cause.event_id, actor=fresh[-1].cause.actor, at=at)
    tx.money.note(
        cause,
        "take_decisions",
        f"{len(fresh)} decisions",
        len(created),
        sum(payment.amount_yen for payment in created),
    )
    return outcomes


def _ended(world: World, cause: Cause) -> list[HoldNotice]:
    return [
        HoldNotice(
            hold_id=hold.hold_id,
            programme=claim.programme,
            claim_unit_id=claim.claim_unit_id,
            party_id=hold.party_id,
            hold_cause=hold.cause,
            version=_ENDED_VERSION,
            active=False,
            cause=cause,
        )
        for claim, hold in world.ended_holds
    ]


def _load(
    decisions: Sequence[Decision], tx: LedgerTransaction, programmes: Mapping[str, Programme]
) -> World:
    keys = sorted({decision.claim for decision in decisions})
    claims = tx.claims.lock(keys)
    current = [
        (claim.claim_unit_id, state.current)
        for claim, state in claims.items()
        if state.current is not None
    ]
    wanted = {
        key for decision in decisions for key in item_keys(decision.claim.programme, decision.items)
    }
    live_items = tx.claims.live_items(sorted(wanted))
    live_items |= tx.claims.live_items_of([payment_id for _, payment_id in current])
    payments = tx.claims.payments(current)
    # Also the payers of payments that may give way: their budgets get yen back.
    payers = {(decision.claim.programme, decision.municipality_code) for decision in decisions}
    payers |= {(payment.claim.programme, payment.municipality_code) for payment in payments}
    limits = {
        payer: programmes[payer[0]].budget_yen_default for payer in payers if payer[0] in programmes
    }
    return World(
        book=Book(payments),
        claims=claims,
        live_items=live_items,
        holds=tx.claims.active_holds([(key.programme, key.claim_unit_id) for key in keys]),
        budget_left_yen=tx.money.lock_budgets(limits),
        programmes=programmes,
    )
