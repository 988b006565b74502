"""What the handlers need of the outside. All ledger ports act inside one transaction.

Lock order, the same everywhere, so that nothing deadlocks: request or batch, then claims (ordered),
then budgets (ordered), then balances (ordered). A payment is changed only under its claim's lock.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol, TypeVar

from services.payments.domain.batch import Batch, BatchLine, BatchState
from services.payments.domain.book import Book, PayerKey
from services.payments.domain.claims import ActiveHold, ClaimState, ItemKey
from services.payments.domain.facts import ArrivedFile, BankAnswer, RequestState, Station
from services.payments.domain.holds import HoldNotice
from services.payments.domain.money import Cause, ClaimKey, PaymentId
from services.payments.domain.news import News
from services.payments.domain.payers import Payer
from services.payments.domain.payment import Payment, PaymentState

T = TypeVar("T")
UnitKey = tuple[str, bytes]  # programme, claim unit
Positions = Mapping[tuple[str, int], int]


class ClaimRows(Protocol):
    """Claims, their payments and holds."""

    def accept(self, event_ids: Sequence[bytes]) -> frozenset[bytes]:
        """Note the events in the inbox; the answer holds those not seen before."""
        ...

    def lock(self, keys: Sequence[ClaimKey]) -> dict[ClaimKey, ClaimState]:
        """Lock the claims in order; those that are missing come into being."""
        ...

    def lock_of_units(self, units: Sequence[UnitKey]) -> dict[ClaimKey, ClaimState]:
        """Lock every claim of the units in order."""
        ...

    def save(self, claims: Mapping[ClaimKey, ClaimState]) -> None:
        """Write locked claims back."""
        ...

    def payments(self, ids: Sequence[tuple[bytes, PaymentId]]) -> list[Payment]:
        """Payments by (claim unit, id)."""
        ...

    def waiting(
        self, programme: str, municipality_code: str, state: PaymentState, limit: int
    ) -> list[ClaimKey]:
        """Claims with a payment by account that waits in `state`, not locked."""
        ...

    def live_items(self, keys: Sequence[ItemKey]) -> dict[ItemKey, PaymentId]:
        """Who holds these items now."""
        ...

    def live_items_of(self, payment_ids: Sequence[PaymentId]) -> dict[ItemKey, PaymentId]:
        """The items that these payments hold."""
        ...

    def save_holds(self, notices: Sequence[HoldNotice]) -> None:
        """Keep each notice that is newer than what is known of its hold."""
        ...

    def active_holds(self, units: Sequence[UnitKey]) -> dict[UnitKey, list[ActiveHold]]:
        """What stops these claim units, read after their claims were locked."""
        ...


class MoneyRows(Protocol):
    """Payments, items, transfers, balances, budgets, events: everything that yen depend on."""

    def lock_budgets(self, limits_yen: Mapping[PayerKey, int]) -> dict[PayerKey, int]:
        """Lock budgets in order and say what is left; a missing one gets the given limit."""
        ...

    def save(self, book: Book, at: datetime, *, dead_items: Sequence[PaymentId] = ()) -> None:
        """Write what changed in the book, its transfers and its news."""
        ...

    def note(self, cause: Cause, action: str, subject: str, payments: int, yen: int) -> None:
        """Add one audit row."""
        ...

    def open_task(self, kind: str, subject: str, reason: str, at: datetime) -> None:
        """Leave something for a person; the same (kind, subject) stands open once, and anew when it
        comes after a person closed it.
        """
        ...

    def notify_of_payments(self, told: Sequence[tuple[News, Payment]]) -> None:
        """Queue a notice to each citizen of what the bank did, named after its news."""
        ...


class BatchRows(Protocol):
    """Requests, batches, their lines, bytes and approvals."""

    def lock_request(
        self, request_id: str, programme: str, municipality_code: str, maker: str, at: datetime
    ) -> RequestState:
        """Lock the request; a new one comes into being."""
        ...

    def complete_request(self, request_id: str, held_records: int, at: datetime) -> None:
        """No further batch will be made for this request."""
        ...

    def of_request(self, request_id: str) -> list[Batch]:
        """The batches that a request made and that were not voided."""
        ...

    def payers_with(self, programme: str, state: PaymentState) -> list[str]:
        """Municipalities with payments by account in this state."""
        ...

    def count_waiting(self, programme: str, municipality_code: str, state: PaymentState) -> int:
        """Payments of a payer in this state."""
        ...

    def lock_payer(self, programme: str, municipality_code: str) -> None:
        """One batch of a payer is made at a time."""
        ...

    def next_number(self, programme: str, municipality_code: str, value_date: date) -> int:
        """The next number of the payer's files of that day."""
        ...

    def references(self, count: int) -> list[int]:
        """References that were never used and never will be again."""
        ...

    def insert(
        self, batch: Batch, lines: Sequence[BatchLine], sealed_file: bytes, at: datetime
    ) -> None:
        """Keep a frozen batch with its lines and its bytes."""
        ...

    def lock(self, batch_id: str) -> Batch | None:
        """Lock one batch."""
        ...

    def save(self, batch: Batch, at: datetime) -> None:
        """Write a locked batch back: state, attempt, checker and what was returned."""
        ...

    def lines(self, batch_id: str) -> list[BatchLine]:
        """The lines of a file in order."""
        ...

    def sealed_file(self, batch_id: str) -> bytes:
        """The bytes that were hashed, sealed."""
        ...

    def approve(self, batch: Batch, checker: str, at: datetime) -> None:
        """Add the approval row; the database refuses the maker and another hash."""
        ...

    def in_state(self, state: BatchState, limit: int) -> list[Batch]:
        """Batches in this state, not locked."""
        ...


class AnswerRows(Protocol):
    """What was read of the bank."""

    def known(self) -> dict[str, bytes]:
        """SHA-256 of every answer file that was read, by name."""
        ...

    def keep(self, answer: BankAnswer, at: datetime) -> bool:
        """Note an answer file; False when its name was noted before."""
        ...


class LedgerTransaction(Protocol):
    """One open transaction."""

    @property
    def claims(self) -> ClaimRows: ...
    @property
    def money(self) -> MoneyRows: ...
    @property
    def batches(self) -> BatchRows: ...
    @property
    def answers(self) -> AnswerRows: ...

    def keep_positions(self, group: str, positions: Positions) -> None:
        """Store how far a consumer has read, beside the effect."""
        ...


class Ledger(Protocol):
    """Runs work in one transaction; repeats it, a bounded number of times, when rows were busy."""

    def run(self, work: Callable[[LedgerTransaction], T]) -> T:
        """The result of `work` after its commit."""
        ...


class Vault(Protocol):
    """Opens and makes sealed values."""

    def open_account(self, payment: Payment) -> bytes | None:
        """15 bytes of the canonical account and the holder's kana, or None when it is broken or
        another application's. Raises when the key that it names is not mounted.
        """
        ...

    def seal_file(self, batch_id: str, content: bytes) -> bytes:
        """The bytes of a bank file, sealed for this service."""
        ...

    def open_file(self, batch_id: str, sealed: bytes) -> bytes:
        """The bytes of a bank file."""
        ...


class BankChannel(Protocol):
    """The way to the bank and back."""

    def deliver(self, file_name: str, content: bytes) -> bool:
        """Put the file where the bank takes it, durably, never over another. True when the bank's
        side now holds exactly these bytes under this name; False when other bytes stand there.
        """
        ...

    def arrived(self, known: Mapping[str, bytes]) -> Sequence[ArrivedFile]:
        """Answer files whose name is not known, or whose content is not what was read."""
        ...


class HoldsInFlight(Protocol):
    """The holds that were written before now but may not have been read yet."""

    def catch_up(self) -> bool:
        """Wait until every hold written before this call is in the ledger; False when that did not
        happen within the bound.
        """
        ...


class Payers(Protocol):
    """Who pays for a municipality."""

    def payer(self, municipality_code: str) -> Payer:
        """Raises ValueError for what is not a municipality's code."""
        ...


class Snapshots(Protocol):
    """Read-only views from one snapshot."""

    def stations(self, programme: str) -> list[Station]:
        """Yen and payments at each station of each payer; empty programme: all."""
        ...

    def batches(
        self, programme: str, state: BatchState | None, after: str, limit: int
    ) -> list[Batch]:
        """Batches by id after `after`."""
        ...

    def difference_yen(self) -> int:
        """Sum over all accounts: 0."""
        ...

    def batch_counts(self) -> dict[str, int]:
        """Batches by state."""
        ...

    def open_tasks(self) -> dict[str, int]:
        """Open tasks by kind."""
        ...
