"""What link, decide and payments answer, and what follows for the party's revisions.

Dedup reads its own way's results (`applications.decided`, `payments.events`) and never asks.
Invariants: whatever order answers come in, an application has one latest outcome; a revision that
has ended is said to have ended again whenever a later answer overruled it; holds of a revision are
cleared when it is planned or ends.
"""

from enum import Enum, auto
from typing import Final

from msgspec.structs import replace

from services.eligibility.domain.claims import (
    PartyClaims,
    Revision,
    RevisionKind,
    Standing,
    changed,
)
from services.eligibility.domain.emitting import Emitter, Output, uses_account
from services.eligibility.domain.words import Outcome, Reason, Record


class Answer(Enum):
    """What a downstream station said about one revision."""

    REFUSED_BY_RULES = auto()
    PLANNED = auto()
    LOCKED = auto()
    RETURNED = auto()
    CANCELLED = auto()
    REPLACED = auto()
    DECISION_REFUSED = auto()


class Feedback(Record, frozen=True):
    """One answer. `version`: of the payment; 0 where there is none."""

    answer: Answer
    application_id: bytes
    revision: int
    version: int = 0
    refusal: Reason | None = None


Result = tuple[PartyClaims, list[Output]]

_STANDING_OF: Final = {
    Answer.PLANNED: Standing.PLANNED,
    Answer.LOCKED: Standing.LOCKED,
    Answer.RETURNED: Standing.RETURNED,
}


def take(claims: PartyClaims, feedback: Feedback, emitter: Emitter) -> Result:
    """Let one answer take effect."""
    if feedback.answer is Answer.CANCELLED:
        return _cancelled(claims, feedback.revision, emitter)
    revision = claims.find(feedback.revision)
    if revision is None:
        return claims, []
    if feedback.answer in _STANDING_OF:
        return _moved(claims, revision, feedback, emitter)
    if not revision.alive:
        # Link may have noted the account's use once more, when an old review was resolved.
        late = _released(claims, revision, emitter)
        return claims, [*_say_again(claims, revision, emitter), *late]
    if feedback.answer is Answer.REPLACED:
        return _superseded(claims, revision, emitter)
    outputs: list[Output] = []
    if feedback.answer is Answer.DECISION_REFUSED:
        reason = feedback.refusal or Reason.TOO_LATE_TO_CHANGE
        outputs.append(emitter.ended(claims.party, revision, Outcome.REFUSED, (reason,)))
        outputs.extend(_released(claims, revision, emitter))
    return _end(claims, revision, Standing.REFUSED, emitter, outputs)


def _moved(claims: PartyClaims, revision: Revision, feedback: Feedback, emitter: Emitter) -> Result:
    """The payment of a revision came to another station; older news is dropped."""
    if not revision.alive or 0 < feedback.version <= revision.payment_version:
        return claims, []
    outputs: list[Output] = []
    if revision.holding:
        outputs.append(emitter.hold(claims.party, revision, active=False))
    revision = replace(
        revision,
        standing=_STANDING_OF[feedback.answer],
        holding=False,
        payment_version=feedback.version,
    )
    claims = changed(claims, revision)
    # Revisions that were never planned are not replaced by payments: nobody else will end them.
    for earlier in list(claims.below(revision.number)):
        if earlier.standing is Standing.OPEN:
            claims, more = _superseded(claims, earlier, emitter)
            outputs.extend(more)
    return claims, outputs


def _superseded(claims: PartyClaims, revision: Revision, emitter: Emitter) -> Result:
    outputs = [*_say_superseded(claims, revision, emitter)]
    outputs.extend(_released(claims, revision, emitter))
    return _end(claims, revision, Standing.SUPERSEDED, emitter, outputs)


def _cancelled(claims: PartyClaims, number: int, emitter: Emitter) -> Result:
    """A withdrawal took effect: the withdrawal and all that it took back have ended.

    Payments names the revision whose payment it cancelled, or which it would have. The first
    withdrawal after that one is meant, unless it was refused or replaced; the same answer heard
    again must not end a later withdrawal, which payments may still refuse.
    """
    withdrawal = next(
        (
            each
            for each in claims.revisions
            if each.kind is RevisionKind.WITHDRAWAL
            and each.number > number
            and (each.alive or each.standing is Standing.WITHDRAWN)
        ),
        None,
    )
    if withdrawal is None or not withdrawal.alive:
        return claims, []
    outputs: list[Output] = []
    for earlier in list(claims.below(withdrawal.number)):
        outputs.append(_withdrawn(claims, earlier, emitter))
        outputs.extend(_released(claims, earlier, emitter))
        claims, more = _end(claims, earlier, Standing.WITHDRAWN, emitter, [])
        outputs.extend(more)
    return _end(claims, withdrawal, Standing.WITHDRAWN, emitter, outputs)


def _end(
    claims: PartyClaims,
    revision: Revision,
    standing: Standing,
    emitter: Emitter,
    outputs: list[Output],
) -> Result:
    if revision.holding:
        outputs = [*outputs, emitter.hold(claims.party, revision, active=False)]
    ended = replace(revision, standing=standing, holding=False)
    return changed(claims, ended), outputs


def _say_again(claims: PartyClaims, revision: Revision, emitter: Emitter) -> list[Output]:
    """A later word of link, such as an old review resolved, must not stand as the last one.

    Where the application went on under a higher number, that revision's end is what counts.
    """
    same = [each for each in claims.revisions if each.application_id == revision.application_id]
    last = same[-1]
    if last.standing is Standing.SUPERSEDED:
        return _say_superseded(claims, last, emitter)
    if last.standing is Standing.WITHDRAWN and last.kind is RevisionKind.CLAIM:
        return [_withdrawn(claims, last, emitter)]
    return []


def _say_superseded(claims: PartyClaims, revision: Revision, emitter: Emitter) -> list[Output]:
    if revision.kind is RevisionKind.WITHDRAWAL:
        return []
    later = [each for each in claims.revisions if each.number > revision.number]
    if any(each.application_id == revision.application_id for each in later):
        # The same application goes on under a higher number; that is its outcome.
        return []
    merged = Reason.MERGED_INTO_REVISION if revision.merged else Reason.REPLACED_BY_REVISION
    return [emitter.ended(claims.party, revision, Outcome.SUPERSEDED, (merged,))]


def _withdrawn(claims: PartyClaims, revision: Revision, emitter: Emitter) -> Output:
    return emitter.ended(
        claims.party, revision, Outcome.WITHDRAWN, (Reason.WITHDRAWN_BY_APPLICANT,)
    )


def _released(claims: PartyClaims, revision: Revision, emitter: Emitter) -> list[Output]:
    if revision.kind is RevisionKind.CLAIM and uses_account(revision):
        return [emitter.release(claims.party, revision)]
    return []
