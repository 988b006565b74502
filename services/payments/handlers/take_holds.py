"""Holds stop money that is not yet in a bank file, and let it go again.

The claim rows are locked before the hold is written. Freezing locks the same rows before it looks
for holds, so one of the two always sees the other.
"""

from collections.abc import Sequence

from services.payments.domain.book import Book
from services.payments.domain.holds import HoldNotice, newest, settle_holds
from services.payments.ports import Ledger, LedgerTransaction, Positions


def take_holds(
    notices: Sequence[HoldNotice], positions: Positions, *, group: str, ledger: Ledger
) -> int:
    """Keep the notices and move the payments they stop or free; returns how many moved."""

    def work(tx: LedgerTransaction) -> int:
        moved = _take(notices, tx) if notices else 0
        tx.keep_positions(group, positions)
        return moved

    return ledger.run(work)


def _take(notices: Sequence[HoldNotice], tx: LedgerTransaction) -> int:
    units = [(notice.programme, notice.claim_unit_id) for notice in notices]
    claims = tx.claims.lock_of_units(units)
    tx.claims.save_holds(newest(notices))
    current = {claim: state.current for claim, state in claims.items() if state.current}
    book = Book(tx.claims.payments([(claim.claim_unit_id, key) for claim, key in current.items()]))
    causes = {(notice.programme, notice.claim_unit_id): notice.cause for notice in notices}
    moved = settle_holds(current, tx.claims.active_holds(units), causes, book)
    last = notices[-1].cause
    if moved:
        tx.money.save(book, last.at)
    tx.money.note(
        last,
        "take_holds",
        f"{len(notices)} notices",
        moved,
        sum(after.amount_yen for _, after in book.altered()),
    )
    return moved
