"""Evidence that persons of a household live apart (DV): their own party, and the head's without
them.

Invariant: nothing written for the head tells more than a lower sum.
"""

from services.eligibility.domain import claim_states as claims_of
from services.eligibility.domain import parties, registers, revisions
from services.eligibility.domain.emitting import Output
from services.eligibility.domain.looks import Look, Looks
from services.eligibility.domain.registers import Separation
from services.eligibility.domain.words import State


def set_apart(
    looks: Looks,
    state: State,
    claim_unit_id: bytes,
    programme: str,
    record: Separation,
    cause: bytes,
) -> list[Output]:
    """A head's claim that already stands goes on without the persons who live apart."""
    household = registers.find_household(state, claim_unit_id)
    unit = claims_of.load_unit(state, claim_unit_id, programme)
    claims = unit.claims_of(parties.head_party(claim_unit_id))
    if household is None or claims.active is None:
        return []
    emitter = looks.emitter(state, claim_unit_id, programme, cause, 0)
    persons = parties.persons_of(claims.party, household, record)
    step = revisions.set_apart(claims, frozenset(record.resident_ids), persons, emitter)
    if step.revision is not None:
        claims_of.save_unit(state, claim_unit_id, programme, unit.with_claims(step.claims))
    return list(step.outputs)


def prove(looks: Looks, state: State, look: Look) -> list[Output]:
    """A case worker has seen the evidence: the applicant and whom the form names live apart. The
    head never accompanies them, even if the form names him: he would act for the party he must not
    know of. Where the register already knows another separated party, that one stays as it is.
    """
    identified, household = look.entry.identified, look.household
    if household is None or look.separation is not None:
        return []
    listing = parties.read_form(identified.application.persons, True, household.persons, household)
    heads = {person.resident_id for person in household.persons if person.is_head}
    others = sorted(listing.named - heads - {identified.resident_id})
    proven = Separation(0, (identified.resident_id, *others))
    registers.prove_separation(state, identified.claim_unit_id, proven)
    return set_apart(
        looks,
        state,
        identified.claim_unit_id,
        identified.application.programme,
        proven,
        look.emitter.causing_event_id,
    )
