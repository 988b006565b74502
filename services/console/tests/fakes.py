"""Hand-written fakes of the ports, for handlers and for the door without servers."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from kyufu.payments.v1 import payments_pb2
from kyufu.staff.v1 import staff_pb2

from services.console.domain.reviews import Position, Resolution, Review
from services.console.domain.trace import TraceEvent
from services.console.ports import AuditEntry, DeadLetterEntry, PeersSeen, ReviewFilter


@dataclass
class FakeAudit:
    entries: list[AuditEntry] = field(default_factory=list)

    def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def results(self) -> list[str]:
        return [entry.result for entry in self.entries]


@dataclass
class FakeTraces:
    events: list[TraceEvent] = field(default_factory=list)

    def events_of(self, application_id: bytes) -> Sequence[TraceEvent]:
        return [event for event in self.events if event.application_id == application_id]


class FakeHeldReview:
    def __init__(self, store: "FakeReviews", review: Review | None) -> None:
        self._store = store
        self.review = review

    def resolve(
        self, resolution: Resolution, actor: str, at_ms: int, event_id: bytes, audit: AuditEntry
    ) -> Review:
        assert self.review is not None
        resolved = replace(self.review, resolution=resolution, actor=actor)
        self._store.reviews[resolved.review_id] = resolved
        self._store.published.append((event_id, resolution))
        self._store.audit.record(audit)
        return resolved


@dataclass
class FakeReviews:
    audit: FakeAudit
    reviews: dict[bytes, Review] = field(default_factory=dict)
    published: list[tuple[bytes, Resolution]] = field(default_factory=list)

    def page(self, which: ReviewFilter, after: Position | None, limit: int) -> Sequence[Review]:
        return [review for review in self.reviews.values() if _seen(which, review)][:limit]

    def open_total(self, which: ReviewFilter | None) -> int:
        return sum(
            1
            for review in self.reviews.values()
            if review.resolution is None and (which is None or _seen(which, review))
        )

    @contextmanager
    def held(self, review_id: bytes) -> Iterator[FakeHeldReview]:
        yield FakeHeldReview(self, self.reviews.get(review_id))


def _seen(which: ReviewFilter, review: Review) -> bool:
    town = which.municipality_code in ("", review.municipality_code)
    return town and (which.protected or not review.protected)


class FakeHeldLetter:
    def __init__(self, store: "FakeLetters", entry: DeadLetterEntry | None) -> None:
        self._store = store
        self.entry = entry

    def mark_replayed(self, at_ms: int, actor: str) -> None:
        assert self.entry is not None
        self._store.letters[self.entry.dead_letter_id] = replace(self.entry, replayed=True)


@dataclass
class FakeLetters:
    letters: dict[bytes, DeadLetterEntry] = field(default_factory=dict)

    def page(self, after: tuple[int, bytes] | None, limit: int) -> Sequence[DeadLetterEntry]:
        return list(self.letters.values())[:limit]

    def waiting_total(self) -> int:
        return sum(1 for letter in self.letters.values() if not letter.replayed)

    @contextmanager
    def held(self, dead_letter_id: bytes) -> Iterator[FakeHeldLetter]:
        yield FakeHeldLetter(self, self.letters.get(dead_letter_id))


@dataclass
class FakeSources:
    there: bool = True
    written: list[DeadLetterEntry] = field(default_factory=list)

    def put_back(self, entry: DeadLetterEntry) -> bool:
        if self.there:
            self.written.append(entry)
        return self.there


class FakePayments:
    async def propose(
        self, request: payments_pb2.ProposeBatchesRequest, token: str
    ) -> payments_pb2.ProposeBatchesResponse:
        return payments_pb2.ProposeBatchesResponse()

    async def batches(
        self, request: payments_pb2.ListBatchesRequest, token: str
    ) -> payments_pb2.ListBatchesResponse:
        return payments_pb2.ListBatchesResponse()

    async def approve(
        self, request: payments_pb2.ApproveBatchRequest, token: str
    ) -> payments_pb2.ApproveBatchResponse:
        return payments_pb2.ApproveBatchResponse()

    async def stations(self, programme: str) -> Sequence[payments_pb2.YenByStation]:
        return []


class FakeRegisters:
    async def load(
        self, requests: AsyncIterator[staff_pb2.ImportRegisterRequest], token: str
    ) -> staff_pb2.ImportRegisterResponse:
        return staff_pb2.ImportRegisterResponse(lines=len([entry async for entry in requests]))


class FakePeers:
    async def look(self) -> PeersSeen:
        return PeersSeen()


class FakeLags:
    def look(self) -> list[staff_pb2.ConsumerLag]:
        return []
