"""What dedup writes, built from a revision: claims onward, outcomes, holds, releases.

A value of this kind is made for one causing event; ids follow from it, so a replay writes the same
bytes.
"""

from collections.abc import Callable
from typing import Final

from services.eligibility.domain.claim_states import Cold
from services.eligibility.domain.claims import Revision
from services.eligibility.domain.registers import Person
from services.eligibility.domain.words import (
    Decided,
    EventIds,
    HoldCause,
    HoldChanged,
    Ignored,
    Ordinal,
    Outcome,
    Party,
    PayoutKind,
    Reason,
    Record,
    ReviewOpened,
    Stage,
)

NAME: Final = "dedup"


class Claim(Record, frozen=True):
    """One active claim of one party on its way to link. `persons`: of this party only."""

    event_id: bytes
    causing_event_id: bytes
    application_id: bytes
    programme: str
    submitted_at_ms: int
    at_ms: int
    claim_unit_id: bytes
    party: Party
    revision: int
    replaces_revision: int
    persons: tuple[Person, ...]
    resident_id: bytes
    # absent (b"") for cash
    account_fingerprint: bytes
    account: bytes
    municipality_code: str
    snapshot_id: str
    register_version: int
    notes: tuple[Reason, ...]
    unknown_persons: int
    opted_out: tuple[bytes, ...]
    omitted: tuple[bytes, ...]
    waived: tuple[Reason, ...]
    raw: bytes


class Release(Record, frozen=True):
    """A revision does not use this account any more."""

    event_id: bytes
    causing_event_id: bytes
    account_fingerprint: bytes
    claim_unit_id: bytes
    party: Party
    programme: str
    revision: int
    at_ms: int


Output = Claim | Release | Decided | HoldChanged | ReviewOpened | Ignored


class Emitter(Record, frozen=True):
    """Builds the outputs of one step for one claim unit."""

    event_ids: EventIds
    programme: str
    claim_unit_id: bytes
    municipality_code: str
    snapshot_id: str
    rule_version: str
    causing_event_id: bytes
    at_ms: int
    # what a revision that comes out of state was made of, by application id
    cold_of: Callable[[bytes], Cold]

    def claim(self, party: Party, revision: Revision, persons: tuple[Person, ...]) -> Claim:
        """The revision onward to link."""
        listing = revision.listing
        raw, account = revision.raw, revision.account
        if not raw:
            cold = self.cold_of(revision.application_id)
            raw, account = cold.raw, cold.account
        named, opted_out = listing.named, listing.opted_out
        omitted = tuple([p.resident_id for p in persons if p.resident_id not in named])
        return Claim(
            event_id=self._id(revision.application_id, revision.number, Ordinal.ONWARD),
            causing_event_id=self.causing_event_id,
            application_id=revision.application_id,
            programme=self.programme,
            submitted_at_ms=revision.submitted_at_ms,
            at_ms=self.at_ms,
            claim_unit_id=self.claim_unit_id,
            party=party,
            revision=revision.number,
            replaces_revision=revision.replaces,
            persons=persons,
            resident_id=revision.resident_id,
            account_fingerprint=revision.account_fingerprint,
            account=account,
            municipality_code=self.municipality_code,
            snapshot_id=self.snapshot_id,
            register_version=revision.register_version,
            notes=(Reason.DECIDED_SEPARATELY,) if listing.apart else (),
            unknown_persons=listing.unknown,
            opted_out=tuple(sorted(opted_out)) if opted_out else (),
            omitted=omitted,
            waived=revision.waived,
            raw=raw,
        )

    def ended(
        self,
        party: Party,
        revision: Revision,
        outcome: Outcome,
        reasons: tuple[Reason, ...],
        *,
        replaces: int = 0,
    ) -> Decided:
        """What became of the application of a revision."""
        return self.decided(
            revision.application_id,
            revision.raw or self.cold_of(revision.application_id).raw,
            revision.submitted_at_ms,
            outcome,
            reasons,
            party=party,
            revision=revision.number,
            replaces=replaces,
            register_version=revision.register_version,
        )

    def decided(
        self,
        application_id: bytes,
        raw: bytes,
        submitted_at_ms: int,
        outcome: Outcome,
        reasons: tuple[Reason, ...],
        *,
        party: Party,
        revision: int = 0,
        replaces: int = 0,
        register_version: int = 0,
        review_id: bytes = b"",
        protected: bool = False,
    ) -> Decided:
        """An outcome that dedup itself writes."""
        return Decided(
            event_id=self._id(application_id, revision, Ordinal.DECIDED),
            causing_event_id=self.causing_event_id,
            application_id=application_id,
            programme=self.programme,
            stage=Stage.DEDUP,
            outcome=outcome,
            reasons=reasons,
            decided_at_ms=self.at_ms,
            submitted_at_ms=submitted_at_ms,
            raw=raw,
            claim_unit_id=self.claim_unit_id,
            party=party,
            revision=revision,
            replaces_revision=replaces,
            municipality_code=self.municipality_code,
            rule_version=self.rule_version,
            snapshot_id=self.snapshot_id,
            register_version=register_version,
            review_id=review_id,
            protected=protected or party.protected,
        )

    def hold(self, party: Party, revision: Revision, *, active: bool) -> HoldChanged:
        """While `revision` is undecided, the payment that it would replace does not leave."""
        hold_id = self.event_ids(
            revision.application_id, revision.number, NAME, self.claim_unit_id, Ordinal.HOLD_ID
        )
        return HoldChanged(
            event_id=self._id(
                revision.application_id,
                revision.number,
                Ordinal.HOLD if active else Ordinal.HOLD_CLEARED,
            ),
            causing_event_id=self.causing_event_id,
            hold_id=hold_id,
            programme=self.programme,
            claim_unit_id=self.claim_unit_id,
            party_id=party.party_id,
            cause=HoldCause.REVISION_PENDING,
            version=1 if active else 2,
            active=active,
            occurred_at_ms=self.at_ms,
        )

    def release(self, party: Party, revision: Revision) -> Release:
        """Link forgets that the revision uses its account."""
        return Release(
            event_id=self._id(revision.application_id, revision.number, Ordinal.RELEASE),
            causing_event_id=self.causing_event_id,
            account_fingerprint=revision.account_fingerprint,
            claim_unit_id=self.claim_unit_id,
            party=party,
            programme=self.programme,
            revision=revision.number,
            at_ms=self.at_ms,
        )

    def review_id(self, application_id: bytes) -> bytes:
        """The id of the review that this step opens for an application."""
        return self._id(application_id, 0, Ordinal.REVIEW)

    def _id(self, application_id: bytes, revision: int, ordinal: Ordinal) -> bytes:
        return self.event_ids(application_id, revision, NAME, self.causing_event_id, ordinal)


def uses_account(revision: Revision) -> bool:
    """Whether link knows of an account for this revision."""
    return revision.payout is not PayoutKind.CASH and bool(revision.account_fingerprint)
