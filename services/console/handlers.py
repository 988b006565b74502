"""console: look at a case, answer a review, put a dead letter back.

Invariants: a look at one case is in the audit log before its answer leaves, refused looks included;
a resolution, its event and its audit entry are one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from chassis.ids import application_id_text, event_id
from services.console.domain.access import Actor, Sight, sight
from services.console.domain.reviews import Position, Resolution, Review, Verdict, judge
from services.console.domain.trace import Trace, assemble
from services.console.ports import (
    AuditEntry,
    AuditLog,
    DeadLetterEntry,
    DeadLetterStore,
    ReviewFilter,
    ReviewStore,
    SourceRecords,
    TraceStore,
)

STAGE: Final = "console"
TRACE: Final = "trace"
RESOLVE: Final = "resolve_review"
REPLAY: Final = "replay_dead_letter"
IMPORT: Final = "import_register"


class Why(StrEnum):
    """Why a request is refused."""

    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    PRECONDITION = "precondition"


@dataclass(frozen=True, slots=True)
class Refused:
    """`reason` is a constant that may be shown."""

    why: Why
    reason: str


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Reviews in the order of their opening, and how many are open in all that may be seen."""

    reviews: Sequence[Review]
    open_total: int


def entry(actor: Actor, action: str, subject: str, result: str, at_ms: int) -> AuditEntry:
    """An audit entry of this person."""
    return AuditEntry(at_ms, actor.subject, tuple(sorted(actor.roles)), action, subject, result)


def trace_application(
    actor: Actor, application_id: bytes, *, at_ms: int, traces: TraceStore, audit: AuditLog
) -> Trace | Refused:
    """The way of one application, if this person may see it."""
    trace = assemble(application_id, traces.events_of(application_id))
    answer: Trace | Refused
    if trace is None:
        answer, result = Refused(Why.NOT_FOUND, "application_unknown"), "unknown"
    else:
        seen = sight(actor, municipality_code=trace.municipality_code, protected=trace.protected)
        result = seen.value
        if seen is Sight.VISIBLE:
            answer = trace
        elif seen is Sight.HIDDEN:
            answer = Refused(Why.NOT_FOUND, "application_unknown")
        else:
            answer = Refused(Why.NOT_ALLOWED, "municipality_differs")
    audit.record(entry(actor, TRACE, application_id_text(application_id), result, at_ms))
    return answer


def list_reviews(
    actor: Actor,
    *,
    include_resolved: bool,
    after: Position | None,
    limit: int,
    reviews: ReviewStore,
) -> ReviewPage:
    """A page of what this person may see."""
    which = ReviewFilter(actor.municipality_code, actor.sees_protected, include_resolved)
    return ReviewPage(reviews.page(which, after, limit), reviews.open_total(which))


def resolve_review(
    actor: Actor,
    review_id: bytes,
    resolution: Resolution,
    *,
    at_ms: int,
    reviews: ReviewStore,
    audit: AuditLog,
) -> Review | Refused:
    """Answer a review once; the same answer again gives the same review."""
    with reviews.held(review_id) as held:
        review = held.review
        verdict = judge(actor, review, resolution)
        noted = entry(actor, RESOLVE, review_id.hex(), f"{verdict.value} {resolution.value}", at_ms)
        if verdict is Verdict.RESOLVE and review is not None:
            resolved_id = event_id(review.application_id, 0, STAGE, review_id, 0)
            return held.resolve(resolution, actor.subject, at_ms, resolved_id, noted)
    audit.record(noted)
    if verdict is Verdict.ALREADY_SO and review is not None:
        return review
    if verdict is Verdict.CONFLICT:
        return Refused(Why.PRECONDITION, "review_resolved_otherwise")
    if verdict is Verdict.FOREIGN:
        return Refused(Why.NOT_ALLOWED, "municipality_differs")
    return Refused(Why.NOT_FOUND, "review_unknown")


def replay_dead_letter(
    actor: Actor,
    dead_letter_id: bytes,
    *,
    at_ms: int,
    letters: DeadLetterStore,
    sources: SourceRecords,
    audit: AuditLog,
) -> DeadLetterEntry | Refused:
    """Put the source record back at the end of its topic, once. A crash between the writing and the
    mark lets a second call write it again: consumers drop what they have seen.
    """
    with letters.held(dead_letter_id) as held:
        letter = held.entry
        if letter is None:
            answer: DeadLetterEntry | Refused = Refused(Why.NOT_FOUND, "dead_letter_unknown")
            result = "unknown"
        elif letter.replayed:
            answer, result = letter, "already_replayed"
        elif sources.put_back(letter):
            held.mark_replayed(at_ms, actor.subject)
            answer, result = _replayed(letter), "replayed"
        else:
            answer, result = Refused(Why.PRECONDITION, "source_record_gone"), "gone"
    audit.record(entry(actor, REPLAY, dead_letter_id.hex(), result, at_ms))
    return answer


def _replayed(letter: DeadLetterEntry) -> DeadLetterEntry:
    return DeadLetterEntry(
        letter.dead_letter_id, letter.source_topic, letter.source_partition,
        letter.source_offset, letter.key_digest, letter.value_digest, letter.consumer,
        letter.reason, letter.at_ms, replayed=True,
    )  # fmt: skip
