"""Which claims use one account: state of link.

Invariants: uses stand in the order of their first coming, and a correction keeps its place; a use
counts revisions, so that taking one back leaves the other; a hold is set once for a newcomer and
cleared once, under one id with a rising version. A use that was taken back and comes again brings
holds with ids of their own: payments would take a lower version under the old id for old news.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec.structs import replace

from services.eligibility.domain.emitting import Claim
from services.eligibility.domain.words import (
    EventIds,
    HoldCause,
    HoldChanged,
    Ordinal,
    Party,
    Record,
    State,
)

NAME: Final = "link"
OPEN: Final = b"o"
CLOSED: Final = b"x"
# Above this an account is plainly a collector's; earlier uses beyond it are not held any more.
HELD_MAX: Final = 32
# Above this a newcomer is looked at as ever, but no longer noted: a value of the changelog must
# stay well below a megabyte, however many apply with one account.
USES_MAX: Final = 400


class Held(Record, frozen=True):
    """A party whose money is stopped while the newcomer is looked at."""

    claim_unit_id: bytes
    party_id: bytes


class Use(Record, frozen=True):
    """One party's use of the account. `review_revision`: whose review the holds wait for.

    `application_id` and `first_revision` name this coming of the use, and with it its holds.
    """

    claim_unit_id: bytes
    party: Party
    application_id: bytes
    revisions: tuple[int, ...]
    accepted: bool = False
    review_revision: int = 0
    held: tuple[Held, ...] = ()
    hold_version: int = 0
    first_revision: int = 0


Uses = tuple[Use, ...]

_decoder = msgspec.msgpack.Decoder(Uses)
_encode = msgspec.msgpack.Encoder().encode


def uses_key(programme: str, account_fingerprint: bytes) -> bytes:
    """Where the uses of an account stand."""
    return b"u" + account_fingerprint + programme.encode()


def review_key(review_id: bytes) -> bytes:
    """Where it stands whether a review is open."""
    return b"r" + review_id


def judged_key(claim_event_id: bytes) -> bytes:
    """Where it stands that a claim was judged. Judging it later once more could end otherwise."""
    return b"j" + claim_event_id


def load_uses(state: State, programme: str, account_fingerprint: bytes) -> Uses:
    """The uses of an account, first comer first."""
    value = state.get(uses_key(programme, account_fingerprint))
    return () if value is None else _decoder.decode(value)


def save_uses(state: State, programme: str, account_fingerprint: bytes, uses: Uses) -> None:
    """Write the uses of an account; none leaves no trace."""
    key = uses_key(programme, account_fingerprint)
    if uses:
        state.put(key, _encode(uses))
    else:
        state.delete(key)


def use_of(uses: Uses, party: Party) -> Use | None:
    """The party's use of the account."""
    return next((use for use in uses if use.party == party), None)


def others_before(uses: Uses, claim: Claim) -> Uses:
    """Uses by other claim units that came before this party's."""
    before: list[Use] = []
    for use in uses:
        if use.party == claim.party:
            break
        if use.claim_unit_id != claim.claim_unit_id:
            before.append(use)
    return tuple(before)


def with_revision(uses: Uses, claim: Claim) -> tuple[Use, Uses] | None:
    """Note that a revision uses the account: the use, and all uses with it. None where there are
    too many to note one more.
    """
    use = use_of(uses, claim.party)
    if use is None and len(uses) >= USES_MAX:
        return None
    if use is None:
        use = Use(
            claim.claim_unit_id,
            claim.party,
            claim.application_id,
            (claim.revision,),
            first_revision=claim.revision,
        )
        return use, (*uses, use)
    if claim.revision not in use.revisions:
        use = replace(use, revisions=(*use.revisions, claim.revision))
    return use, exchanged(uses, use)


def exchanged(uses: Uses, use: Use) -> Uses:
    """The uses with one party's use exchanged."""
    return tuple(use if each.party == use.party else each for each in uses)


@dataclass(frozen=True, slots=True)
class HoldWriter:
    """Writes the holds that one event brings about."""

    event_ids: EventIds
    programme: str
    account_fingerprint: bytes
    causing_event_id: bytes
    at_ms: int

    def question(self, uses: Uses, claim: Claim, *, shared: bool) -> tuple[Uses, list[HoldChanged]]:
        """Note a use that a person looks at; where it is a second one, hold the earlier ones."""
        noted = with_revision(uses, claim)
        if noted is None:
            return uses, []
        use, uses = noted
        if not shared:
            return uses, []
        changes: list[HoldChanged] = []
        if not use.held:
            held = tuple(
                Held(other.claim_unit_id, other.party.party_id)
                for other in others_before(uses, claim)[:HELD_MAX]
            )
            use = replace(use, held=held, hold_version=use.hold_version + 1)
            changes = self._changes(use, active=True)
        use = replace(use, review_revision=claim.revision)
        return exchanged(uses, use), changes

    def settle(self, uses: Uses, claim: Claim, *, accepted: bool) -> tuple[Uses, list[HoldChanged]]:
        """Note a use for good; if a person accepted it, nobody is held because of it any more."""
        noted = with_revision(uses, claim)
        if noted is None:
            return uses, []
        use, uses = noted
        if not accepted:
            return uses, []
        use, changes = self._cleared(replace(use, accepted=True))
        return exchanged(uses, use), changes

    def take_back(self, uses: Uses, party: Party, revision: int) -> tuple[Uses, list[HoldChanged]]:
        """A revision does not use the account any more."""
        use = use_of(uses, party)
        if use is None or revision not in use.revisions:
            return uses, []
        asked = use.review_revision
        use = replace(use, revisions=tuple(each for each in use.revisions if each != revision))
        if use.revisions and asked != revision:
            return exchanged(uses, use), []
        use, changes = self._cleared(use)
        if use.revisions:
            return exchanged(uses, use), changes
        return tuple(each for each in uses if each.party != party), changes

    def _cleared(self, use: Use) -> tuple[Use, list[HoldChanged]]:
        if not use.held:
            return replace(use, review_revision=0), []
        raised = replace(use, hold_version=use.hold_version + 1)
        changes = self._changes(raised, active=False)
        return replace(raised, held=(), review_revision=0), changes

    def _changes(self, use: Use, *, active: bool) -> list[HoldChanged]:
        ordinal = Ordinal.HOLD if active else Ordinal.HOLD_CLEARED
        changes = []
        for held in use.held:
            hold_id = self.event_ids(
                use.application_id, use.first_revision, NAME,
                self.account_fingerprint + held.party_id, Ordinal.HOLD_ID,
            )  # fmt: skip
            changes.append(
                HoldChanged(
                    event_id=self.event_ids(
                        hold_id, use.hold_version, NAME, self.causing_event_id, ordinal
                    ),
                    causing_event_id=self.causing_event_id,
                    hold_id=hold_id,
                    programme=self.programme,
                    claim_unit_id=held.claim_unit_id,
                    party_id=held.party_id,
                    cause=HoldCause.ACCOUNT_SHARED,
                    version=use.hold_version,
                    active=active,
                    occurred_at_ms=self.at_ms,
                )
            )
        return changes
