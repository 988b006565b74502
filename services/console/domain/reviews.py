"""A review: a question that a person answers, once.

Invariants: one resolution for ever; the same answer again is harmless; a protected review exists
for its own case workers alone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.console.domain.access import Actor, Sight, sight

# Where a resolution re-enters, by kyufu.events.v1.Stage. Decide runs in link's process.
RESOLVED_TOPICS: Final = {
    2: "reviews.resolved.identify",
    3: "reviews.resolved.dedup",
    4: "reviews.resolved.link",
    5: "reviews.resolved.link",
}


class Resolution(StrEnum):
    """What a person may answer."""

    ACCEPT = "accept"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Review:
    """One task. `resolution` is None while it is open."""

    review_id: bytes
    stage: int
    application_id: bytes
    programme: str
    municipality_code: str
    reasons: tuple[str, ...]
    opened_at_ms: int
    protected: bool
    resolution: Resolution | None = None
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the queue: opening time and id of the last review seen."""

    opened_at_ms: int
    review_id: bytes


class Verdict(StrEnum):
    """What an answer to a review comes to."""

    RESOLVE = "resolve"
    ALREADY_SO = "already_so"
    CONFLICT = "conflict"
    NOT_FOUND = "not_found"
    FOREIGN = "foreign"


def judge(actor: Actor, review: Review | None, resolution: Resolution) -> Verdict:
    """Whether this person may give this answer now."""
    if review is None:
        return Verdict.NOT_FOUND
    seen = sight(actor, municipality_code=review.municipality_code, protected=review.protected)
    if seen is Sight.HIDDEN:
        return Verdict.NOT_FOUND
    if seen is Sight.FOREIGN:
        return Verdict.FOREIGN
    if review.resolution is None:
        return Verdict.RESOLVE
    return Verdict.ALREADY_SO if review.resolution is resolution else Verdict.CONFLICT
