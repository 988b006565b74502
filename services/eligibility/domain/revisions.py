"""A new application of a party meets the claims that stand: new, the same again, the rest of a
list, a correction, or a withdrawal.

Invariants: what is accepted gets the next number; over a living revision it sets a hold first, so
that the old payment cannot leave meanwhile; what comes too late is refused at once.
"""

from typing import Final

from msgspec.structs import replace

from services.eligibility.domain.claims import (
    REVISIONS_MAX,
    Listing,
    PartyClaims,
    Revision,
    RevisionKind,
    Standing,
    changed,
)
from services.eligibility.domain.emitting import Emitter, Output
from services.eligibility.domain.parties import merged_listing, same_listing, without
from services.eligibility.domain.registers import Person
from services.eligibility.domain.words import Outcome, PayoutKind, Reason, Record

_TOO_LATE: Final = Reason.TOO_LATE_TO_CHANGE


class Step(Record, frozen=True):
    """What one application did to its party's claims. `refused`: why it changed nothing."""

    claims: PartyClaims
    outputs: tuple[Output, ...] = ()
    revision: Revision | None = None
    refused: Reason | None = None


class Wish(Record, frozen=True):
    """What the applicant asks for, matched with the register."""

    application_id: bytes
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

    def revision(
        self, number: int, *, replaces: int, kind: RevisionKind = RevisionKind.CLAIM
    ) -> Revision:
        """The revision that this wish becomes."""
        return Revision(
            number=number,
            replaces=replaces,
            kind=kind,
            standing=Standing.OPEN,
            application_id=self.application_id,
            cause=self.cause,
            submitted_at_ms=self.submitted_at_ms,
            resident_id=self.resident_id,
            payout=self.payout,
            account_fingerprint=self.account_fingerprint,
            account=self.account,
            listing=self.listing,
            register_version=self.register_version,
            raw=self.raw,
            waived=self.waived,
            holding=replaces > 0,
        )


def apply(claims: PartyClaims, wish: Wish, persons: tuple[Person, ...], emitter: Emitter) -> Step:
    """Take an application into the claims of its party."""
    active = claims.active
    if len(claims.revisions) >= REVISIONS_MAX:
        return Step(claims, refused=_TOO_LATE)
    if active is None:
        return _accept(claims, wish.revision(claims.next_number, replaces=0), persons, emitter)
    if active.kind is RevisionKind.CLAIM:
        if _same_payee(active, wish) and same_listing(active.listing, wish.listing):
            return Step(claims, refused=Reason.ALREADY_CLAIMED)
        refusal = _closed_to(claims, active, wish)
        if refusal is not None:
            return Step(claims, refused=refusal)
        union = merged_listing(active.listing, wish.listing)
        if union is not None:
            claims = changed(claims, replace(active, merged=True))
            merged = wish.revision(claims.next_number, replaces=active.number)
            return _accept(claims, replace(merged, listing=union), persons, emitter)
    revision = wish.revision(claims.next_number, replaces=active.number)
    return _accept(claims, revision, persons, emitter)


def withdraw(claims: PartyClaims, wish: Wish, emitter: Emitter) -> Step:
    """Take back what the party claims, if it is not too late. Payments cancels and says so."""
    active = claims.active
    if active is None or active.kind is RevisionKind.WITHDRAWAL:
        return Step(claims, refused=Reason.NOTHING_TO_WITHDRAW)
    if len(claims.revisions) >= REVISIONS_MAX or _locked(claims):
        return Step(claims, refused=_TOO_LATE)
    revision = wish.revision(
        claims.next_number, replaces=active.number, kind=RevisionKind.WITHDRAWAL
    )
    outputs: tuple[Output, ...] = (
        emitter.hold(claims.party, revision, active=True),
        emitter.ended(
            claims.party,
            revision,
            Outcome.WITHDRAWN,
            (Reason.WITHDRAWN_BY_APPLICANT,),
            replaces=active.number,
        ),
    )
    return Step(changed(claims, revision), outputs, revision)


def set_apart(
    claims: PartyClaims,
    residents: frozenset[bytes],
    persons: tuple[Person, ...],
    emitter: Emitter,
) -> Step:
    """Persons of the head's claim turned out to live apart: the claim goes on without them, as a
    revision of the same application, unless its payment can no longer be changed.
    """
    active = claims.active
    if (
        active is None
        or active.kind is RevisionKind.WITHDRAWAL
        or active.standing is Standing.RETURNED
        or _locked(claims)
        or len(claims.revisions) >= REVISIONS_MAX
    ):
        return Step(claims)
    revision = replace(
        active,
        number=claims.next_number,
        replaces=active.number,
        standing=Standing.OPEN,
        cause=emitter.causing_event_id,
        listing=without(active.listing, residents),
        holding=True,
        payment_version=0,
        merged=False,
    )
    return _accept(claims, revision, persons, emitter)


def rebuilt(
    claims: PartyClaims, revision: Revision, persons: tuple[Person, ...], emitter: Emitter
) -> tuple[Output, ...]:
    """What was written when the revision was accepted, byte for byte: for a record that is read
    twice because its transaction was lost.
    """
    held: tuple[Output, ...] = ()
    if revision.replaces:
        held = (emitter.hold(claims.party, revision, active=True),)
    if revision.kind is RevisionKind.WITHDRAWAL:
        withdrawn = emitter.ended(
            claims.party,
            revision,
            Outcome.WITHDRAWN,
            (Reason.WITHDRAWN_BY_APPLICANT,),
            replaces=revision.replaces,
        )
        return (*held, withdrawn)
    return (*held, emitter.claim(claims.party, revision, persons))


def _accept(
    claims: PartyClaims, revision: Revision, persons: tuple[Person, ...], emitter: Emitter
) -> Step:
    outputs = rebuilt(claims, revision, persons, emitter)
    return Step(changed(claims, revision), outputs, revision)


def _same_payee(active: Revision, wish: Wish) -> bool:
    cash = active.payout is PayoutKind.CASH
    if cash or wish.payout is PayoutKind.CASH:
        return cash and wish.payout is PayoutKind.CASH
    # The same account is the same payee, whether it was typed or taken from the register.
    return active.account_fingerprint == wish.account_fingerprint


def _locked(claims: PartyClaims) -> bool:
    return any(each.standing is Standing.LOCKED for each in claims.revisions)


def _closed_to(claims: PartyClaims, active: Revision, wish: Wish) -> Reason | None:
    """A payment in a bank file closes the claim; a return opens it again for the account alone."""
    if _locked(claims):
        return _TOO_LATE
    returned = active.standing is Standing.RETURNED
    if returned and not same_listing(active.listing, wish.listing):
        return _TOO_LATE
    return None
