"""One look of dedup at an application: what is known of it, and how a look ends.

An application ends here (refused), waits for a person (review), or becomes a revision; each is
remembered under its id, so that a retry is told from a new application.
"""

from dataclasses import dataclass

from services.eligibility.domain import claim_states as claims_of
from services.eligibility.domain import registers, waiting
from services.eligibility.domain.claims import DIGEST_BYTES, Seen, Unit
from services.eligibility.domain.emitting import Emitter, Output
from services.eligibility.domain.identify import Identified
from services.eligibility.domain.parties import head_party
from services.eligibility.domain.registers import Household, Register, Separation
from services.eligibility.domain.rules import Programmes
from services.eligibility.domain.words import (
    NO_PARTY,
    Capacity,
    EventIds,
    Intent,
    Outcome,
    Party,
    PayoutKind,
    Reason,
    Record,
    ReviewOpened,
    Stage,
    State,
)


class Entry(Record, frozen=True):
    """An identified application with the place it was read from. `raw`: the identified event.

    `cause`: the resolution after which it waits once more; `waived`: what a person waived by it.
    """

    identified: Identified
    position: int
    raw: bytes
    cause: bytes = b""
    waived: tuple[Reason, ...] = ()


class Look(Record, frozen=True):
    """What is known, and what a person has waived."""

    entry: Entry
    unit: Unit
    household: Household | None
    separation: Separation | None
    emitter: Emitter
    waived: tuple[Reason, ...] = ()

    @property
    def application_id(self) -> bytes:
        """The application looked at."""
        return self.entry.identified.application.application_id

    @property
    def protected(self) -> bool:
        """Whether the applicant lives apart, by the register or by their own word: whatever becomes
        of it then travels on the protected topics, also where no party is known yet.
        """
        identified, separation = self.entry.identified, self.separation
        apart = separation is not None and identified.resident_id in separation.resident_ids
        return apart or identified.application.capacity is Capacity.SEPARATED

    def seen(self, *, party_id: bytes = b"", revision: int = 0, review_id: bytes = b"") -> Seen:
        """What will be remembered of the application."""
        return Seen(
            self.application_id,
            self.entry.identified.application.body_digest[:DIGEST_BYTES],
            self.entry.position,
            party_id,
            revision,
            review_id,
        )


@dataclass(frozen=True, slots=True)
class Looks:
    """Starts and ends looks."""

    programmes: Programmes
    event_ids: EventIds

    def emitter(
        self, state: State, claim_unit_id: bytes, programme: str, cause: bytes, at_ms: int
    ) -> Emitter:
        """Builds outputs that follow from `cause`."""
        household = registers.find_household(state, claim_unit_id)
        return self._emitter(state, claim_unit_id, programme, cause, at_ms, household)

    def _emitter(
        self,
        state: State,
        claim_unit_id: bytes,
        programme: str,
        cause: bytes,
        at_ms: int,
        household: Household | None,
    ) -> Emitter:
        rules = self.programmes[programme]
        return Emitter(
            event_ids=self.event_ids,
            programme=programme,
            claim_unit_id=claim_unit_id,
            municipality_code="" if household is None else household.municipality_code,
            snapshot_id=rules.snapshot_id,
            rule_version=rules.rule_version,
            causing_event_id=cause,
            at_ms=waiting.now_ms(state, at_ms),
            cold_of=lambda application_id: claims_of.load_cold(
                state, claim_unit_id, application_id
            ),
        )

    def open(
        self,
        state: State,
        entry: Entry,
        *,
        cause: bytes = b"",
        waived: tuple[Reason, ...] = (),
        at_ms: int = 0,
    ) -> Look:
        """Gather what is known. `cause`: the resolution that led here, else the event itself."""
        identified = entry.identified
        application, claim_unit_id = identified.application, identified.claim_unit_id
        household = registers.find_household(state, claim_unit_id)
        return Look(
            entry=entry,
            unit=claims_of.load_unit(state, claim_unit_id, application.programme),
            household=household,
            separation=registers.find_separation(state, claim_unit_id),
            emitter=self._emitter(
                state,
                claim_unit_id,
                application.programme,
                cause or entry.cause or identified.event_id,
                max(application.submitted_at_ms, at_ms),
                household,
            ),
            waived=waived or entry.waived,
        )

    def ready(self, state: State, look: Look) -> bool:
        """Whether the registers say enough: the household, that nobody of it is apart without our
        knowing, and the account where the registered one is asked for; and whether the head's claim
        has let go of whoever lives apart.
        """
        if self.waits_for_head(look) or self.may_yet_come(state, look):
            return False
        snapshot_id = look.entry.identified.snapshot_id
        return registers.is_complete(state, snapshot_id, Register.SEPARATIONS)

    def may_yet_come(self, state: State, look: Look) -> bool:
        """Whether a record is missing, without which the application is refused, and its register
        may still bring it. Nobody can waive that.
        """
        identified = look.entry.identified
        application, snapshot_id = identified.application, identified.snapshot_id
        if look.household is None:
            return not registers.is_complete(state, snapshot_id, Register.HOUSEHOLDS)
        if (
            application.payout is not PayoutKind.REGISTERED_ACCOUNT
            or application.intent is Intent.WITHDRAW
        ):
            return False
        account = registers.find_account(state, identified.claim_unit_id, identified.resident_id)
        return account is None and not registers.is_complete(state, snapshot_id, Register.ACCOUNTS)

    def waits_for_head(self, look: Look) -> bool:
        """Whether the head's claim is just being decided without the applicant. Until then payments
        knows the items as the head's, and would refuse them as claimed already.
        """
        if not look.protected:
            return False
        head = head_party(look.entry.identified.claim_unit_id)
        return look.unit.claims_of(head).being_set_apart

    def save(self, state: State, look: Look, unit: Unit) -> None:
        """Write the claim unit's state."""
        identified = look.entry.identified
        claims_of.save_unit(state, identified.claim_unit_id, identified.application.programme, unit)

    def refused(
        self,
        state: State,
        look: Look,
        reasons: tuple[Reason, ...],
        *,
        party: Party = NO_PARTY,
    ) -> list[Output]:
        """The application ends here."""
        self.save(state, look, look.unit.with_seen(look.seen(party_id=party.party_id)))
        return [self._decided(look, Outcome.REFUSED, reasons, party)]

    def review(self, state: State, look: Look, reason: Reason) -> list[Output]:
        """A person must look; the application waits."""
        identified = look.entry.identified
        application = identified.application
        review_id = look.emitter.review_id(application.application_id)
        self.save(state, look, look.unit.with_seen(look.seen(review_id=review_id)))
        opened = ReviewOpened(
            review_id=review_id,
            causing_event_id=look.emitter.causing_event_id,
            stage=Stage.DEDUP,
            stage_key=identified.claim_unit_id,
            stage_event=look.entry.raw,
            application_id=application.application_id,
            programme=application.programme,
            reasons=(reason,),
            opened_at_ms=look.emitter.at_ms,
            claim_unit_id=identified.claim_unit_id,
            municipality_code=identified.municipality_code,
            protected=look.protected,
        )
        waits = self._decided(look, Outcome.WAITING, (reason,), NO_PARTY, review_id=review_id)
        return [opened, waits]

    def _decided(
        self,
        look: Look,
        outcome: Outcome,
        reasons: tuple[Reason, ...],
        party: Party,
        *,
        review_id: bytes = b"",
    ) -> Output:
        application = look.entry.identified.application
        return look.emitter.decided(
            application.application_id,
            application.raw,
            application.submitted_at_ms,
            outcome,
            reasons,
            party=party,
            register_version=0 if look.household is None else look.household.version,
            review_id=review_id,
            protected=look.protected,
        )
