"""link: the account that a claim is to be paid to. Key: account fingerprint; claim unit for cash.

Checks that bank and branch exist and that the holder may receive, and knows which claims use
an account. Then decide judges in the same step, so that a claim gets one look and at most one
review. Invariants: whoever used an account first is held, never questioned, because of a newcomer;
a release takes back exactly one revision's use.
"""

from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from services.eligibility.domain.decide import Granted, Questions, Refused, decide, in_window
from services.eligibility.domain.emitting import Claim, Release
from services.eligibility.domain.opened import Opened
from services.eligibility.domain.rules import Programmes
from services.eligibility.domain.uses import (
    CLOSED,
    NAME,
    OPEN,
    HoldWriter,
    judged_key,
    load_uses,
    others_before,
    review_key,
    save_uses,
    use_of,
)
from services.eligibility.domain.words import (
    Decided,
    EventIds,
    HoldChanged,
    Ignored,
    Item,
    Ordinal,
    Outcome,
    Party,
    Reason,
    Resolution,
    ReviewOpened,
    Stage,
    State,
)

Output = Decided | ReviewOpened | HoldChanged | Ignored


@dataclass(frozen=True, slots=True)
class Link:
    """The rules of the stage. `branch_exists(bank 4 digits, branch 3 digits)`."""

    programmes: Programmes
    branch_exists: Callable[[str, str], bool]
    event_ids: EventIds

    def take_claim(
        self, state: State, claim: Claim, stage_event: bytes, opened: Opened | None
    ) -> list[Output]:
        """A claim as dedup accepted it; the same claim read twice is judged once."""
        key = judged_key(claim.event_id)
        if state.get(key) is not None:
            return [Ignored(Stage.LINK, "claim_repeated")]
        state.put(key, CLOSED)
        return self._look(state, claim, stage_event, opened, claim.event_id, claim.at_ms)

    def take_release(self, state: State, release: Release) -> list[Output]:
        """A revision does not use its account any more."""
        return self._take_back(
            state,
            release.programme,
            release.account_fingerprint,
            release.party,
            release.revision,
            release.event_id,
            release.at_ms,
        )

    def take_resolution(
        self,
        state: State,
        claim: Claim,
        stage_event: bytes,
        opened: Opened | None,
        review_id: bytes,
        resolution: Resolution,
        reasons: tuple[Reason, ...],
        resolved_at_ms: int,
    ) -> list[Output]:
        """A case worker has looked. Only an open review is answered, and once."""
        key = review_key(review_id)
        if state.get(key) != OPEN:
            return [Ignored(Stage.LINK, "resolution_repeated")]
        state.put(key, CLOSED)
        if resolution is Resolution.REFUSE:
            refusal = (Reason.REVIEW_REFUSED, *reasons)
            return self._refuse(state, claim, refusal, review_id, resolved_at_ms)
        claim = replace(claim, waived=(*claim.waived, *reasons))
        return self._look(state, claim, stage_event, opened, review_id, resolved_at_ms)

    def _look(
        self,
        state: State,
        claim: Claim,
        stage_event: bytes,
        opened: Opened | None,
        cause: bytes,
        at_ms: int,
    ) -> list[Output]:
        rules = self.programmes[claim.programme]
        if not in_window(claim, rules):
            return self._refuse(state, claim, (Reason.WINDOW_CLOSED,), cause, at_ms)
        if opened is not None and not opened.account_exists(self.branch_exists):
            return self._refuse(state, claim, (Reason.ACCOUNT_INVALID,), cause, at_ms)
        waived = frozenset(claim.waived)
        found: list[Reason] = []
        if opened is not None and not opened.may_receive():
            found.append(Reason.HOLDER_MISMATCH)
        if claim.account_fingerprint and self._is_shared(state, claim):
            found.append(Reason.ACCOUNT_SHARED)
        verdict = decide(claim, rules, tuple(found), waived)
        if isinstance(verdict, Refused):
            return self._refuse(state, claim, verdict.reasons, cause, at_ms)
        if isinstance(verdict, Questions):
            return self._review(state, claim, verdict, stage_event, cause, at_ms)
        return self._approve(state, claim, verdict, cause, at_ms)

    def _is_shared(self, state: State, claim: Claim) -> bool:
        """Whether another claim unit used this account before, and nobody accepted that yet."""
        uses = load_uses(state, claim.programme, claim.account_fingerprint)
        if not uses:
            return False
        mine = use_of(uses, claim.party)
        return not (mine and mine.accepted) and bool(others_before(uses, claim))

    # -- how a look ends --------------------------------------------------------------------

    def _approve(
        self, state: State, claim: Claim, granted: Granted, cause: bytes, at_ms: int
    ) -> list[Output]:
        accepted = Reason.ACCOUNT_SHARED in claim.waived
        decided = self._decided(
            claim, Outcome.APPROVED, granted.notes, cause, at_ms, items=granted.items
        )
        if not claim.account_fingerprint:
            return [decided]
        uses = load_uses(state, claim.programme, claim.account_fingerprint)
        writer = HoldWriter(
            self.event_ids, claim.programme, claim.account_fingerprint, cause, at_ms
        )
        uses, changes = writer.settle(uses, claim, accepted=accepted)
        save_uses(state, claim.programme, claim.account_fingerprint, uses)
        return [decided, *changes]

    def _refuse(
        self, state: State, claim: Claim, reasons: tuple[Reason, ...], cause: bytes, at_ms: int
    ) -> list[Output]:
        decided = self._decided(claim, Outcome.REFUSED, reasons, cause, at_ms)
        return [
            decided,
            *self._take_back(
                state,
                claim.programme,
                claim.account_fingerprint,
                claim.party,
                claim.revision,
                cause,
                at_ms,
            ),
        ]

    def _review(
        self,
        state: State,
        claim: Claim,
        questions: Questions,
        stage_event: bytes,
        cause: bytes,
        at_ms: int,
    ) -> list[Output]:
        review_id = self._id(claim, cause, Ordinal.REVIEW)
        state.put(review_key(review_id), OPEN)
        opened = ReviewOpened(
            review_id=review_id,
            causing_event_id=cause,
            stage=Stage.LINK,
            stage_key=claim.account_fingerprint or claim.claim_unit_id,
            stage_event=stage_event,
            application_id=claim.application_id,
            programme=claim.programme,
            reasons=questions.reasons,
            opened_at_ms=at_ms,
            claim_unit_id=claim.claim_unit_id,
            municipality_code=claim.municipality_code,
            protected=claim.party.protected,
        )
        waits = self._decided(
            claim, Outcome.WAITING, questions.reasons, cause, at_ms, review_id=review_id
        )
        if not claim.account_fingerprint:
            return [opened, waits]
        uses = load_uses(state, claim.programme, claim.account_fingerprint)
        writer = HoldWriter(
            self.event_ids, claim.programme, claim.account_fingerprint, cause, at_ms
        )
        shared = Reason.ACCOUNT_SHARED in questions.reasons
        uses, changes = writer.question(uses, claim, shared=shared)
        save_uses(state, claim.programme, claim.account_fingerprint, uses)
        return [opened, waits, *changes]

    def _take_back(
        self,
        state: State,
        programme: str,
        account_fingerprint: bytes,
        party: Party,
        revision: int,
        cause: bytes,
        at_ms: int,
    ) -> list[Output]:
        if not account_fingerprint:
            return []
        uses = load_uses(state, programme, account_fingerprint)
        writer = HoldWriter(self.event_ids, programme, account_fingerprint, cause, at_ms)
        rest, changes = writer.take_back(uses, party, revision)
        if rest is not uses:
            save_uses(state, programme, account_fingerprint, rest)
        return [*changes]

    def _decided(
        self,
        claim: Claim,
        outcome: Outcome,
        reasons: tuple[Reason, ...],
        cause: bytes,
        at_ms: int,
        *,
        items: tuple[Item, ...] = (),
        review_id: bytes = b"",
    ) -> Decided:
        rules = self.programmes[claim.programme]
        paid = outcome is Outcome.APPROVED
        return Decided(
            event_id=self._id(claim, cause, Ordinal.DECIDED),
            causing_event_id=cause,
            application_id=claim.application_id,
            programme=claim.programme,
            stage=Stage.DECIDE,
            outcome=outcome,
            reasons=reasons,
            decided_at_ms=max(at_ms, claim.submitted_at_ms),
            submitted_at_ms=claim.submitted_at_ms,
            raw=claim.raw,
            claim_unit_id=claim.claim_unit_id,
            party=claim.party,
            revision=claim.revision,
            replaces_revision=claim.replaces_revision,
            items=items,
            cash=paid and not claim.account_fingerprint,
            account=claim.account if paid else b"",
            municipality_code=claim.municipality_code,
            rule_version=rules.rule_version,
            snapshot_id=claim.snapshot_id,
            register_version=claim.register_version,
            review_id=review_id,
            protected=claim.party.protected,
        )

    def _id(self, claim: Claim, cause: bytes, ordinal: Ordinal) -> bytes:
        return self.event_ids(claim.application_id, claim.revision, NAME, cause, ordinal)
