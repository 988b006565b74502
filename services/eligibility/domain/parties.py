"""Who may act for which party, and whom a form names. Pure look-ups in the register.

Parties have disjoint persons: a separated member and who accompanies them are one party, everybody
else in the household is the head's. Nothing here tells one party anything of the other.
"""

from services.eligibility.domain.claims import Listing
from services.eligibility.domain.registers import Household, Person, Separation
from services.eligibility.domain.words import (
    Capacity,
    ClaimedPerson,
    Party,
    PartyKind,
    Reason,
    Record,
)


class Acts(Record, frozen=True):
    """The applicant acts for this party."""

    party: Party
    persons: tuple[Person, ...]


class MayNot(Record, frozen=True):
    """The applicant acts for no party: refused, or (with `review`) looked at by a person."""

    reason: Reason
    review: bool = False


def head_party(claim_unit_id: bytes) -> Party:
    """The party that everybody belongs to who does not live apart."""
    return Party(PartyKind.HEAD, claim_unit_id)


def persons_of(
    party: Party, household: Household, separation: Separation | None
) -> tuple[Person, ...]:
    """The persons of a party, in the order of the register."""
    if separation is None:
        return household.persons if party.kind is PartyKind.HEAD else ()
    apart = frozenset(separation.resident_ids)
    wanted = party.kind is PartyKind.SEPARATED
    return tuple(each for each in household.persons if (each.resident_id in apart) is wanted)


def party_of(
    resident_id: bytes,
    capacity: Capacity,
    claim_unit_id: bytes,
    household: Household,
    separation: Separation | None,
    *,
    proxy_proven: bool = False,
) -> Acts | MayNot:
    """For whom the applicant may act. Evidence in the register outweighs what the form says."""
    for applicant in household.persons:
        if applicant.resident_id == resident_id:
            break
    else:
        return MayNot(Reason.NOT_IN_REGISTER)
    if separation is not None and resident_id in separation.resident_ids:
        party = Party(PartyKind.SEPARATED, separation.resident_ids[0])
        return Acts(party, persons_of(party, household, separation))
    if capacity is Capacity.SEPARATED:
        return MayNot(Reason.SEPARATION_UNPROVEN, review=True)
    party = head_party(claim_unit_id)
    acts = Acts(party, persons_of(party, household, separation))
    if applicant.is_head or proxy_proven:
        return acts
    if capacity is Capacity.PROXY:
        return MayNot(Reason.PROXY_UNPROVEN, review=True)
    return MayNot(Reason.APPLICANT_NOT_HEAD)


def read_form(
    lines: tuple[ClaimedPerson, ...],
    complete: bool,
    persons: tuple[Person, ...],
    household: Household,
) -> Listing:
    """Match the lines of a form with the party's persons. A person named twice counts once, and a
    tick on any of the lines counts as opting out.
    """
    mine = {person.person_fingerprint: person.resident_id for person in persons}
    everybody = (
        mine
        if persons is household.persons
        else {person.person_fingerprint for person in household.persons}
    )
    named: set[bytes] = set()
    opted_out: set[bytes] = set()
    unknown: set[bytes] = set()
    apart = False
    for line in lines:
        resident_id = mine.get(line.person_fingerprint)
        if resident_id is not None:
            named.add(resident_id)
            if line.opted_out:
                opted_out.add(resident_id)
        elif line.person_fingerprint in everybody:
            apart = True
        else:
            unknown.add(line.person_fingerprint)
    return Listing(frozenset(named), frozenset(opted_out), len(unknown), apart, complete)


def same_listing(active: Listing, new: Listing) -> bool:
    """Whether a new form asks for what the active one already asks for. A part of a list that has
    been merged says nothing new.
    """
    if new.complete or active.complete:
        return (active.named, active.opted_out, active.unknown) == (
            new.named,
            new.opted_out,
            new.unknown,
        )
    return (
        new.named <= active.named
        and new.opted_out == active.opted_out & new.named
        and new.unknown <= active.unknown
    )


def merged_listing(active: Listing, new: Listing) -> Listing | None:
    """The union of two partial lists of one party (a paper form holds ten lines), or None where
    the new form is a correction.
    """
    if active.complete or new.complete or active.named & new.named:
        return None
    return Listing(
        active.named | new.named,
        active.opted_out | new.opted_out,
        active.unknown + new.unknown,
        active.apart or new.apart,
        False,
    )


def without(listing: Listing, residents: frozenset[bytes]) -> Listing:
    """The listing after some persons turned out to be of another party."""
    return Listing(
        listing.named - residents,
        listing.opted_out - residents,
        listing.unknown,
        listing.apart or bool(listing.named & residents),
        listing.complete,
    )
