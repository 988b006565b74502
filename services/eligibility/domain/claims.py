"""The claims of one claim unit in one programme: state of dedup.

Invariants: a party has at most one active revision, the highest that lives; numbers rise and are
never used twice; every application that ever came is remembered with what became of it here, so
that a retry is told from a new application.
"""

from collections.abc import Iterator
from enum import IntEnum
from typing import Final

from services.eligibility.domain.words import Party, PayoutKind, Reason, Record

# Bounds of one claim unit's state. Above the first a new application is refused, above the second
# the oldest memory of an application that ended here is dropped; only where none has ended, the
# oldest of all.
REVISIONS_MAX: Final = 64
SEEN_MAX: Final = 512
# Half of SHA-256 tells a changed body as surely as anybody needs, in half the state.
DIGEST_BYTES: Final = 16


class RevisionKind(IntEnum):
    """What a revision asks for."""

    CLAIM = 1
    WITHDRAWAL = 2


class Standing(IntEnum):
    """How far a revision has come, as far as dedup was told."""

    # on its way through link and decide, waiting for a person, or approved and not yet planned
    OPEN = 1
    PLANNED = 2
    # in a bank file, or further: nothing can be changed
    LOCKED = 3
    RETURNED = 4
    REFUSED = 5
    SUPERSEDED = 6
    WITHDRAWN = 7


ENDED: Final = frozenset({Standing.REFUSED, Standing.SUPERSEDED, Standing.WITHDRAWN})


class Listing(Record, frozen=True):
    """What a form says of the party's persons, by resident id.

    `unknown`: persons whom the register does not know under this household. `apart`: persons of the
    household who are decided on another application.
    """

    named: frozenset[bytes]
    opted_out: frozenset[bytes]
    unknown: int
    apart: bool
    complete: bool


class Revision(Record, frozen=True):
    """One revision of a party's claim. `raw`: the application, `account`: sealed; opaque here, and
    empty in a revision that comes out of state (`claim_states.Cold` has them).
    """

    number: int
    replaces: int
    kind: RevisionKind
    standing: Standing
    application_id: bytes
    # the identified (or resolved, or separation) event that made this revision
    cause: bytes
    submitted_at_ms: int
    resident_id: bytes
    payout: PayoutKind
    account_fingerprint: bytes
    account: bytes
    listing: Listing
    register_version: int
    raw: bytes
    waived: tuple[Reason, ...] = ()
    holding: bool = False
    payment_version: int = 0
    # what SUPERSEDED will say
    merged: bool = False

    @property
    def alive(self) -> bool:
        """Whether this revision may still be paid, or has been."""
        return self.standing not in ENDED


class PartyClaims(Record, frozen=True):
    """All revisions of one party, in order."""

    party: Party
    revisions: tuple[Revision, ...] = ()

    @property
    def active(self) -> Revision | None:
        """The highest revision that lives."""
        for revision in reversed(self.revisions):
            if revision.alive:
                return revision
        return None

    @property
    def next_number(self) -> int:
        """The number of the next revision."""
        return self.revisions[-1].number + 1 if self.revisions else 1

    @property
    def being_set_apart(self) -> bool:
        """Whether the claim is on its way once more without persons who live apart: a revision of
        the same application that is not planned yet.
        """
        return any(
            each.holding
            and each.standing is Standing.OPEN
            and (replaced := self.find(each.replaces)) is not None
            and replaced.application_id == each.application_id
            for each in self.revisions
        )

    def find(self, number: int) -> Revision | None:
        """The revision of this number."""
        for revision in self.revisions:
            if revision.number == number:
                return revision
        return None

    def below(self, number: int) -> Iterator[Revision]:
        """Living revisions of lower numbers."""
        return (each for each in self.revisions if each.number < number and each.alive)


class Seen(Record, frozen=True):
    """One application that came, and where. `revision` 0: it ended here or waits in a review."""

    application_id: bytes
    body_digest: bytes
    # offset in applications.identified of the first acceptance
    position: int
    party_id: bytes = b""
    revision: int = 0
    review_id: bytes = b""

    @property
    def ended_here(self) -> bool:
        """Whether nothing of it is left but its refusal."""
        return not self.revision and not self.review_id


class Unit(Record, frozen=True):
    """All claims of one claim unit in one programme."""

    parties: tuple[PartyClaims, ...] = ()
    seen: tuple[Seen, ...] = ()

    def claims_of(self, party: Party) -> PartyClaims:
        """The party's claims, empty when it has none yet."""
        for claims in self.parties:
            if claims.party == party:
                return claims
        return PartyClaims(party)

    def with_claims(self, changed: PartyClaims) -> "Unit":
        """The unit with one party's claims exchanged."""
        if not self.parties:
            return Unit((changed,), self.seen)
        others = tuple(each for each in self.parties if each.party != changed.party)
        return Unit((*others, changed), self.seen)

    def find_seen(self, application_id: bytes) -> Seen | None:
        """What is remembered of an application."""
        for seen in self.seen:
            if seen.application_id == application_id:
                return seen
        return None

    def without_seen(self, application_id: bytes) -> "Unit":
        """The unit that has forgotten an application, which will be looked at once more."""
        others = tuple(each for each in self.seen if each.application_id != application_id)
        return Unit(self.parties, others)

    def with_seen(self, entry: Seen) -> "Unit":
        """The unit that remembers `entry`, in the place of an older memory of it."""
        if not self.seen:
            return Unit(self.parties, (entry,))
        seen = [each for each in self.seen if each.application_id != entry.application_id]
        if len(seen) >= SEEN_MAX:
            seen.remove(next((each for each in seen if each.ended_here), seen[0]))
        return Unit(self.parties, (*seen, entry))


def changed(claims: PartyClaims, revision: Revision) -> PartyClaims:
    """The claims with one revision added or exchanged."""
    if not claims.revisions:
        return PartyClaims(claims.party, (revision,))
    others = [each for each in claims.revisions if each.number != revision.number]
    ordered = sorted((*others, revision), key=lambda each: each.number)
    return PartyClaims(claims.party, tuple(ordered))
