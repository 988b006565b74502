"""What the handlers need from outside. Each has a real adapter and a fake in tests/fakes.py."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from chassis.kafka.records import Positions
from services.notify.domain.notices import (
    Accepted,
    Attempt,
    BadContact,
    Channel,
    Contact,
    NoContact,
    Notice,
)


@dataclass(frozen=True, slots=True)
class Totals:
    """Notices by what became of them; the states exclude each other."""

    pending: int
    delivered: int
    failed: int
    no_contact: int

    @property
    def requested(self) -> int:
        """Notices that have, or had, somewhere to go."""
        return self.pending + self.delivered + self.failed


@dataclass(frozen=True, slots=True)
class Due:
    """A notice whose time has come. `may_hold`: SMS providers told of it in earlier attempts."""

    notice_id: int
    notice: Notice
    attempts: int
    may_hold: frozenset[str]
    unanswered_asks: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What one attempt came to. `retry_at` is set for a deferred notice that has attempts left."""

    due: Due
    attempt: Attempt
    channel: Channel | None
    retry_at: datetime | None


class Claim(Protocol):
    """Due notices that no other worker sees until this claim ends. A crash ends it unsettled."""

    @property
    def due(self) -> Sequence[Due]: ...

    def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        """Store results, and the records that tell of them, in one transaction; ends the claim."""
        ...

    def release(self) -> None:
        """End the claim without any change. Harmless after `settle`."""
        ...


class NoticeStore(Protocol):
    """Accepted notices."""

    def accept(
        self, notices: Sequence[Notice], at: datetime, positions: Positions | None = None
    ) -> list[Accepted]:
        """Store all in one transaction, with the positions of the consumer they came by if they
        did; answers in the order of the requests.
        """
        ...

    def claim(self, now: datetime, limit: int) -> Claim: ...

    def totals(self) -> Totals: ...

    def pending(self) -> int:
        """Notices not yet ended; cheap enough to be asked every few seconds."""
        ...


class ToldLog(Protocol):
    """Which SMS providers were told of which notices; durable when `record` returns."""

    def record(self, notice_ids: Sequence[int], provider: str) -> None: ...


class ContactOpener(Protocol):
    """Opens a sealed contact, for one sending."""

    def open(self, notice: Notice) -> Contact | NoContact | BadContact: ...


@dataclass(frozen=True, slots=True)
class Mail:
    """One e-mail ready for the wire."""

    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


class MailSender(Protocol):
    """Hands mails to the SMTP server; answers in their order, never raises for a mail."""

    async def send(self, mails: Sequence[Mail]) -> list[Attempt]: ...


@dataclass(frozen=True, slots=True)
class SmsDelivery:
    """One SMS and what is known of earlier attempts."""

    notice_id: int
    key: str
    may_hold: frozenset[str]
    unanswered_asks: int
    to: str = field(repr=False)
    text: str = field(repr=False)


class SmsSender(Protocol):
    """Hands messages to a provider, or to the next; answers in order, never raises for one."""

    async def send(self, deliveries: Sequence[SmsDelivery]) -> list[Attempt]: ...


class Counters(Protocol):
    """What is counted; never a person."""

    def accepted(self, source: str, results: Mapping[Accepted, int]) -> None: ...

    def attempted(self, channel: str, result: str, count: int) -> None: ...

    def ended(self, template: str, channel: str, state: str) -> None: ...

    def pending(self, count: int) -> None: ...
