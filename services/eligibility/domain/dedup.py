"""dedup: one active claim per party across all channels. Key: claim unit.

Every event of a claim unit passes here: applications, register records, answers of the stations
behind, resolutions. Invariants (INV-3): at most one active revision per party; every application
has exactly one latest outcome; the same record taken twice changes nothing.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from services.eligibility.domain import claim_states as claims_of
from services.eligibility.domain import (
    feedback,
    parties,
    registers,
    revisions,
    separations,
    waiting,
)
from services.eligibility.domain.claims import DIGEST_BYTES, Seen
from services.eligibility.domain.emitting import Output
from services.eligibility.domain.feedback import Feedback
from services.eligibility.domain.looks import Entry, Look, Looks
from services.eligibility.domain.registers import Household, Register, Separation
from services.eligibility.domain.revisions import Wish
from services.eligibility.domain.waiting import Waiting
from services.eligibility.domain.words import (
    Ignored,
    Intent,
    Party,
    PayoutKind,
    Reason,
    Resolution,
    Stage,
    State,
)

WAIT_MS: Final = 3_600_000

_entry = msgspec.msgpack.Decoder(Entry)
_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Dedup:
    """The rules of the stage."""

    looks: Looks
    wait_ms: int = WAIT_MS

    # -- registers and the clock ------------------------------------------------------------

    def take_household(self, state: State, claim_unit_id: bytes, record: Household) -> list[Output]:
        """A household of the register; whoever waits for it goes on."""
        registers.load_household(state, claim_unit_id, record)
        return self._resume(state, claim_unit_id) if waiting.anyone(state) else []

    def take_account(
        self, state: State, claim_unit_id: bytes, record: registers.RegisteredAccount
    ) -> list[Output]:
        """A registered account; whoever waits for it goes on."""
        registers.load_account(state, claim_unit_id, record)
        return self._resume(state, claim_unit_id) if waiting.anyone(state) else []

    def take_separation(
        self, state: State, claim_unit_id: bytes, record: Separation
    ) -> list[Output]:
        """Evidence of a separation. A head's claim that already stands goes on without them."""
        if not registers.load_separation(state, claim_unit_id, record):
            return self._resume(state, claim_unit_id)
        cause = claim_unit_id + record.version.to_bytes(8, "big")
        outputs: list[Output] = []
        for programme in self.looks.programmes:
            outputs.extend(
                separations.set_apart(self.looks, state, claim_unit_id, programme, record, cause)
            )
        return [*outputs, *self._resume(state, claim_unit_id)]

    def take_complete(self, state: State, snapshot_id: str, register: Register) -> list[Output]:
        """This partition of a register is complete; whoever waits is looked at again, now or by the
        next ticks.
        """
        registers.set_complete(state, snapshot_id, register)
        return [
            output for owner in waiting.everyone(state) for output in self._resume(state, owner)
        ]

    def take_tick(self, state: State, at_ms: int) -> list[Output]:
        """Whoever has waited too long is looked at by a person; who need not wait goes on."""
        outputs: list[Output] = []
        for owner in waiting.tick(state, at_ms):
            for each in waiting.take(state, owner):
                entry = _entry.decode(each.body)
                look = self.looks.open(state, entry)
                if each.deadline_ms > at_ms or self.looks.ready(state, look):
                    outputs.extend(self.take_application(state, entry))
                    continue
                outputs.extend(self.looks.review(state, look, Reason.REGISTER_INCOMPLETE))
        return outputs

    # -- applications -----------------------------------------------------------------------

    def take_application(self, state: State, entry: Entry) -> list[Output]:
        """An identified application: new, a retry, or the same record read once more."""
        look = self.looks.open(state, entry)
        seen = look.unit.find_seen(look.application_id)
        if seen is not None:
            return self._repeated(look, seen)
        if not self.looks.ready(state, look):
            return self._park(state, look, entry)
        return self._judge(state, look)

    def take_resolution(
        self,
        state: State,
        entry: Entry,
        review_id: bytes,
        resolution: Resolution,
        reasons: tuple[Reason, ...],
        resolved_at_ms: int,
    ) -> list[Output]:
        """A case worker has looked. Only the open review of an application is answered."""
        look = self.looks.open(state, entry, cause=review_id, waived=reasons, at_ms=resolved_at_ms)
        seen = look.unit.find_seen(look.application_id)
        if seen is None or seen.review_id != review_id:
            return [Ignored(Stage.DEDUP, "resolution_repeated")]
        if resolution is Resolution.REFUSE:
            return self.looks.refused(state, look, (Reason.REVIEW_REFUSED, *reasons))
        outputs: list[Output] = []
        if Reason.SEPARATION_UNPROVEN in reasons:
            outputs = separations.prove(self.looks, state, look)
            look = self.looks.open(
                state, entry, cause=review_id, waived=reasons, at_ms=resolved_at_ms
            )
        if self.looks.waits_for_head(look) or self.looks.may_yet_come(state, look):
            self.looks.save(state, look, look.unit.without_seen(look.application_id))
            again = replace(entry, cause=review_id, waived=reasons)
            return [*outputs, *self._park(state, look, again)]
        return [*outputs, *self._judge(state, look)]

    def take_feedback(
        self, state: State, claim_unit_id: bytes, programme: str, party: Party, cause: bytes,
        answer: Feedback, at_ms: int,
    ) -> list[Output]:  # fmt: skip
        """An answer of link, decide or payments about a revision; whoever waits for it goes on."""
        unit = claims_of.load_unit(state, claim_unit_id, programme)
        claims = unit.claims_of(party)
        emitter = self.looks.emitter(state, claim_unit_id, programme, cause, at_ms)
        changed, outputs = feedback.take(claims, answer, emitter)
        if changed is claims:
            return outputs
        claims_of.save_unit(state, claim_unit_id, programme, unit.with_claims(changed))
        return [*outputs, *self._resume(state, claim_unit_id)]

    # -- one look ---------------------------------------------------------------------------

    def _judge(self, state: State, look: Look) -> list[Output]:
        identified = look.entry.identified
        application, household = identified.application, look.household
        if household is None:
            return self.looks.refused(state, look, (Reason.NOT_IN_REGISTER,))
        acts = parties.party_of(
            identified.resident_id,
            application.capacity,
            identified.claim_unit_id,
            household,
            look.separation,
            proxy_proven=Reason.PROXY_UNPROVEN in look.waived,
        )
        if isinstance(acts, parties.MayNot):
            if acts.review:
                return self.looks.review(state, look, acts.reason)
            return self.looks.refused(state, look, (acts.reason,))
        wish = self._wish(state, look, household, acts)
        if wish is None:
            return self.looks.refused(
                state, look, (Reason.NO_REGISTERED_ACCOUNT,), party=acts.party
            )
        claims = look.unit.claims_of(acts.party)
        if application.intent is Intent.WITHDRAW:
            step = revisions.withdraw(claims, wish, look.emitter)
        else:
            step = revisions.apply(claims, wish, acts.persons, look.emitter)
        if step.refused is not None:
            return self.looks.refused(state, look, (step.refused,), party=acts.party)
        number = 0 if step.revision is None else step.revision.number
        seen = look.seen(party_id=acts.party.party_id, revision=number)
        self.looks.save(state, look, look.unit.with_claims(step.claims).with_seen(seen))
        return list(step.outputs)

    def _wish(
        self, state: State, look: Look, household: Household, acts: parties.Acts
    ) -> Wish | None:
        """The application matched with the register; None where no account is registered."""
        identified = look.entry.identified
        application = identified.application
        fingerprint, account = application.account_fingerprint, b""
        if application.payout is PayoutKind.REGISTERED_ACCOUNT:
            registered = registers.find_account(
                state, identified.claim_unit_id, identified.resident_id
            )
            if registered is None or registered.suspended:
                return None
            fingerprint, account = registered.account_fingerprint, registered.account
        return Wish(
            application_id=application.application_id,
            cause=look.emitter.causing_event_id,
            submitted_at_ms=application.submitted_at_ms,
            resident_id=identified.resident_id,
            payout=application.payout,
            account_fingerprint=fingerprint,
            account=account,
            listing=parties.read_form(
                application.persons, application.persons_complete, acts.persons, household
            ),
            register_version=household.version,
            raw=application.raw,
            waived=look.waived,
        )

    def _repeated(self, look: Look, seen: Seen) -> list[Output]:
        """A retry changes nothing. The very record read twice writes the same bytes again, so that
        nothing is lost where transactions are off.
        """
        if seen.body_digest != look.entry.identified.application.body_digest[:DIGEST_BYTES]:
            return [Ignored(Stage.DEDUP, "idempotency_conflict")]
        if seen.position != look.entry.position or not seen.revision or look.household is None:
            return [Ignored(Stage.DEDUP, "application_repeated")]
        for claims in look.unit.parties:
            # A place is that of one record, and only what no person has answered bears one: the
            # revision has this very event as its cause.
            revision = claims.find(seen.revision)
            if claims.party.party_id != seen.party_id or revision is None or not revision.alive:
                continue
            persons = parties.persons_of(claims.party, look.household, look.separation)
            return list(revisions.rebuilt(claims, revision, persons, look.emitter))
        return [Ignored(Stage.DEDUP, "application_repeated")]

    def _park(self, state: State, look: Look, entry: Entry) -> list[Output]:
        """`entry`: what the look goes on from, once whatever it lacks has come."""
        application = entry.identified.application
        deadline_ms = waiting.now_ms(state, application.submitted_at_ms) + self.wait_ms
        parked = Waiting(application.application_id, deadline_ms, _encode(entry))
        if waiting.park(state, entry.identified.claim_unit_id, parked):
            return []
        return self.looks.review(state, look, Reason.REGISTER_INCOMPLETE)

    def _resume(self, state: State, claim_unit_id: bytes) -> list[Output]:
        return [
            output
            for each in waiting.take(state, claim_unit_id)
            for output in self.take_application(state, _entry.decode(each.body))
        ]
