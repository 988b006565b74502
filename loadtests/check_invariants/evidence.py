"""What the checker has to go on, as plain values."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from kyufu.events.v1.applications_pb2 import ApplicationDecided, ApplicationSubmitted
from kyufu.events.v1.operations_pb2 import NoticeRecorded
from kyufu.events.v1.payments_pb2 import PaymentEvent
from kyufu.events.v1.reviews_pb2 import ReviewOpened

APPLICATION_ID_BYTES = 20
Row = dict[str, Any]
M = TypeVar("M")


@dataclass(frozen=True, slots=True)
class Keyed(Generic[M]):
    """A message with the key and position it stood under."""

    key: bytes
    topic: str
    partition: int
    offset: int
    message: M


@dataclass(frozen=True, slots=True)
class BankFile:
    """A payment file as it lies in the bank's folder; `orders` are (line, reference, yen)."""

    name: str
    sha256: str
    orders: list[tuple[int, str, int]]
    trailer_records: int
    trailer_yen: int


@dataclass(slots=True)
class Evidence:
    """Everything one run left behind. Lists are in the order in which they were read."""

    run_dir: Path
    history: list[Row] = field(default_factory=list)
    submitted: list[Keyed[ApplicationSubmitted]] = field(default_factory=list)
    decided: list[Keyed[ApplicationDecided]] = field(default_factory=list)
    payment_events: list[Keyed[PaymentEvent]] = field(default_factory=list)
    reviews: list[Keyed[ReviewOpened]] = field(default_factory=list)
    notices: list[Keyed[NoticeRecorded]] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)
    batches: list[Row] = field(default_factory=list)
    lines: list[Row] = field(default_factory=list)
    approvals: list[Row] = field(default_factory=list)
    transfers: list[Row] = field(default_factory=list)
    balances: list[Row] = field(default_factory=list)
    files: list[BankFile] = field(default_factory=list)
    books: list[Row] = field(default_factory=list)
    mailboxes: list[Row] = field(default_factory=list)
    # (where, text) of each place in which personal data was found
    canaries: list[tuple[str, str]] = field(default_factory=list)
    canary_bytes_scanned: int = 0

    def last_decided(self) -> dict[bytes, ApplicationDecided]:
        """What became of each application.

        The last event in its partition; one keyed by claim unit overrules one keyed by application.
        """
        last: dict[bytes, Keyed[ApplicationDecided]] = {}
        for event in self.decided:
            known = last.get(event.message.application_id)
            if known is None or overrules(event, known):
                last[event.message.application_id] = event
        return {application_id: event.message for application_id, event in last.items()}


def overrules(event: Keyed[ApplicationDecided], known: Keyed[ApplicationDecided]) -> bool:
    return len(event.key) != APPLICATION_ID_BYTES or len(known.key) == APPLICATION_ID_BYTES
