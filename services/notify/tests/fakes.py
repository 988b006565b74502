"""Hand-written fakes of the ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chassis.kafka.records import Positions
from services.notify.domain.failover import Answer
from services.notify.domain.notices import (
    Accepted,
    Attempt,
    BadContact,
    Contact,
    NoContact,
    Notice,
    State,
)
from services.notify.ports import Due, Mail, Settled, SmsDelivery, Totals


class FakeClaim:
    def __init__(self, store: "FakeStore", due: Sequence[Due]) -> None:
        self._store = store
        self.due = due
        self.released = False

    def settle(self, settled: Sequence[Settled], at: datetime) -> None:
        self._store.settled.extend(settled)
        ended = {item.due.notice_id for item in settled if item.retry_at is None}
        self._store.due = [due for due in self._store.due if due.notice_id not in ended]

    def release(self) -> None:
        self.released = True


@dataclass
class FakeStore:
    """Accepted notices in memory; `due` is what the next claim gives."""

    notices: dict[bytes, Notice] = field(default_factory=dict)
    due: list[Due] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    claims: list[FakeClaim] = field(default_factory=list)

    def accept(
        self, notices: Sequence[Notice], at: datetime, positions: Positions | None = None
    ) -> list[Accepted]:
        results: list[Accepted] = []
        for notice in notices:
            known = self.notices.setdefault(notice.event_id, notice)
            if known is notice:
                results.append(Accepted.CREATED)
            elif known.content_digest() == notice.content_digest():
                results.append(Accepted.EXISTS)
            else:
                results.append(Accepted.EXISTS_WITH_DIFFERENT)
        return results

    def claim(self, now: datetime, limit: int) -> FakeClaim:
        claim = FakeClaim(self, self.due[:limit])
        self.claims.append(claim)
        return claim

    def totals(self) -> Totals:
        pending = sum(1 for n in self.notices.values() if n.initial_state is State.PENDING)
        return Totals(pending, 0, 0, len(self.notices) - pending)

    def pending(self) -> int:
        return self.totals().pending


@dataclass
class FakeOpener:
    contacts: dict[bytes, Contact | NoContact | BadContact]

    def open(self, notice: Notice) -> Contact | NoContact | BadContact:
        return self.contacts[notice.event_id]


@dataclass
class FakeMails:
    answer: Attempt
    sent: list[Mail] = field(default_factory=list)

    async def send(self, mails: Sequence[Mail]) -> list[Attempt]:
        self.sent.extend(mails)
        return [self.answer] * len(mails)


@dataclass
class FakeMessages:
    answer: Attempt
    sent: list[SmsDelivery] = field(default_factory=list)

    async def send(self, deliveries: Sequence[SmsDelivery]) -> list[Attempt]:
        self.sent.extend(deliveries)
        return [self.answer] * len(deliveries)


@dataclass
class FakeCounters:
    ends: list[tuple[str, str, str]] = field(default_factory=list)
    results: dict[Accepted, int] = field(default_factory=dict)
    attempts: list[tuple[str, str, int]] = field(default_factory=list)

    def accepted(self, source: str, results: Mapping[Accepted, int]) -> None:
        for result, count in results.items():
            self.results[result] = self.results.get(result, 0) + count

    def attempted(self, channel: str, result: str, count: int) -> None:
        self.attempts.append((channel, result, count))

    def ended(self, template: str, channel: str, state: str) -> None:
        self.ends.append((template, channel, state))

    def pending(self, count: int) -> None:
        pass


@dataclass
class Provider:
    """A provider for the failover rules: how it answers, and what it holds after that."""

    told: Answer
    asked: Answer
    keeps: bool
    holds: int = 0

    def tell(self) -> Answer:
        self.holds += int(self.keeps)
        return self.told
