"""What the handlers need from outside. Each has a real adapter and a fake in tests/fakes.py."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from kyufu.events.v1 import operations_pb2, reviews_pb2
from kyufu.payments.v1 import payments_pb2
from kyufu.staff.v1 import staff_pb2

from chassis.kafka.records import Positions
from services.console.domain.reviews import Position, Resolution, Review
from services.console.domain.trace import TraceEvent


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Who did or tried what, to what, when, and what came of it."""

    at_ms: int
    actor: str
    roles: tuple[str, ...]
    action: str
    subject: str
    result: str


class AuditLog(Protocol):
    """Append-only."""

    def record(self, entry: AuditEntry) -> None:
        """Durable when this returns."""
        ...


class TraceStore(Protocol):
    """The projection of all events of applications."""

    def events_of(self, application_id: bytes) -> Sequence[TraceEvent]: ...


class HeldReview(Protocol):
    """A review under lock."""

    @property
    def review(self) -> Review | None: ...

    def resolve(
        self, resolution: Resolution, actor: str, at_ms: int, event_id: bytes, audit: AuditEntry
    ) -> Review:
        """Store the answer, its event, its station and its audit entry in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class ReviewFilter:
    """Which reviews a person may see, and which part of them is asked for."""

    municipality_code: str
    protected: bool
    include_resolved: bool


class ReviewStore(Protocol):
    """The review queue."""

    def page(self, which: ReviewFilter, after: Position | None, limit: int) -> Sequence[Review]: ...

    def open_total(self, which: ReviewFilter | None) -> int:
        """Open reviews of the filter; None: all."""
        ...

    def held(self, review_id: bytes) -> AbstractContextManager[HeldReview]: ...


@dataclass(frozen=True, slots=True)
class DeadLetterEntry:
    """One record that a consumer could not take, by its pointer."""

    dead_letter_id: bytes
    source_topic: str
    source_partition: int
    source_offset: int
    key_digest: bytes
    value_digest: bytes
    consumer: str
    reason: str
    at_ms: int
    replayed: bool


class HeldDeadLetter(Protocol):
    """A dead letter under lock."""

    @property
    def entry(self) -> DeadLetterEntry | None: ...

    def mark_replayed(self, at_ms: int, actor: str) -> None: ...


class DeadLetterStore(Protocol):
    """Known dead letters, newest first."""

    def page(self, after: tuple[int, bytes] | None, limit: int) -> Sequence[DeadLetterEntry]: ...

    def waiting_total(self) -> int:
        """Dead letters that were not replayed."""
        ...

    def held(self, dead_letter_id: bytes) -> AbstractContextManager[HeldDeadLetter]: ...


class SourceRecords(Protocol):
    """The topics that dead letters point into."""

    def put_back(self, entry: DeadLetterEntry) -> bool:
        """Write the very bytes again at the end of the topic; False when the record that the letter
        points to is gone or is not the one that was set aside.
        """
        ...


OpenedReview = tuple[reviews_pb2.ReviewOpened, str | None]


class ProjectionStore(Protocol):
    """What the consumers write."""

    def store(
        self,
        *,
        events: Sequence[TraceEvent] = (),
        reviews: Sequence[OpenedReview] = (),
        letters: Sequence[operations_pb2.DeadLetter] = (),
        positions: Positions,
    ) -> None:
        """One batch and its positions in one transaction; known ids are left as they are."""
        ...


@dataclass(frozen=True, slots=True)
class PeersSeen:
    """One look at the other processes."""

    services: Sequence[staff_pb2.ServiceHealth] = ()
    lags: Sequence[staff_pb2.ConsumerLag] = ()
    stages: Sequence[staff_pb2.StageStatus] = ()


class Peers(Protocol):
    """The other processes as seen over HTTP."""

    async def look(self) -> PeersSeen: ...


class GroupLags(Protocol):
    """Lags of groups that keep their positions in Kafka."""

    def look(self) -> list[staff_pb2.ConsumerLag]: ...


class Payments(Protocol):
    """PaymentsService. `token` is the caller's own; raises RpcFailure."""

    async def propose(
        self, request: payments_pb2.ProposeBatchesRequest, token: str
    ) -> payments_pb2.ProposeBatchesResponse: ...

    async def batches(
        self, request: payments_pb2.ListBatchesRequest, token: str
    ) -> payments_pb2.ListBatchesResponse: ...

    async def approve(
        self, request: payments_pb2.ApproveBatchRequest, token: str
    ) -> payments_pb2.ApproveBatchResponse: ...

    async def stations(self, programme: str) -> Sequence[payments_pb2.YenByStation]:
        """Under the console's own token."""
        ...


class Registers(Protocol):
    """RegistersService; raises RpcFailure."""

    async def load(
        self, requests: AsyncIterator[staff_pb2.ImportRegisterRequest], token: str
    ) -> staff_pb2.ImportRegisterResponse: ...
