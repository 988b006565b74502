"""decide: what a claim is worth, or why it is not, or what a person must look at.

A table of rules over one claim and the dated rules; nothing else enters. Sources: 特別定額給付金
実施要領 as quoted in docs/sources.md; each rule says which of its points it is.
"""

from services.eligibility.domain.days import legal_day
from services.eligibility.domain.emitting import Claim
from services.eligibility.domain.registers import Person
from services.eligibility.domain.rules import Programme
from services.eligibility.domain.words import Item, Reason, Record, Yen


class Refused(Record, frozen=True):
    """Nothing is paid."""

    reasons: tuple[Reason, ...]


class Questions(Record, frozen=True):
    """A person must look. Empty reasons do not occur."""

    reasons: tuple[Reason, ...]


class Granted(Record, frozen=True):
    """What is paid, per person, and what the applicant should be told of it."""

    items: tuple[Item, ...]
    notes: tuple[Reason, ...]

    @property
    def amount_yen(self) -> Yen:
        """The sum of the items."""
        return Yen(sum(item.amount_yen for item in self.items))


Verdict = Refused | Questions | Granted


def in_window(claim: Claim, rules: Programme) -> bool:
    """The day of submission decides, not that of the decision: nobody loses by our delay."""
    day = legal_day(claim.submitted_at_ms)
    return rules.window_of(claim.municipality_code).holds(day)


def is_eligible(person: Person, base_date: int) -> bool:
    """In the register on the base date: born on it or before, and not dead before it.

    A birth of the base date counts, a death of the base date counts as alive.
    """
    return person.born_on <= base_date and (person.died_on == 0 or person.died_on >= base_date)


def decide(
    claim: Claim, rules: Programme, found: tuple[Reason, ...], waived: frozenset[Reason]
) -> Verdict:
    """Judge one claim that link found to be in its window. `found`: what link wants looked at; it
    joins this look's questions, so that there is one review. `waived`: what a person has already
    accepted.
    """
    granted = _grant(claim, rules)
    questions = [*found]
    if _omits_eligible(claim, rules):
        questions.append(Reason.MEMBER_OMITTED)
    if claim.unknown_persons:
        questions.append(Reason.MEMBER_UNKNOWN)
    if granted.amount_yen > rules.claim_yen_max:
        questions.append(Reason.CAP_EXCEEDED)
    if not granted.items:
        return Refused((Reason.NOTHING_CLAIMED,))
    still_open = tuple(reason for reason in questions if reason not in waived)
    return Questions(still_open) if still_open else granted


def _grant(claim: Claim, rules: Programme) -> Granted:
    """Every eligible person of the party who did not opt out. An omitted one is paid too: leaving a
    line out is no opting out, and a person has looked before anything is paid.
    """
    notes = list(claim.notes)
    items: list[Item] = []
    for person in claim.persons:
        if person.resident_id in claim.opted_out:
            _note(notes, Reason.OPTED_OUT)
        elif not is_eligible(person, rules.base_date):
            _note(notes, Reason.MEMBER_NOT_ELIGIBLE)
        else:
            items.append(Item(person.resident_id, rules.occurrence, rules.yen_per_person))
    return Granted(tuple(items), tuple(notes))


def _omits_eligible(claim: Claim, rules: Programme) -> bool:
    """Nobody is asked about a person who would not be paid anyway."""
    omitted = claim.omitted
    return bool(omitted) and any(
        person.resident_id in omitted and is_eligible(person, rules.base_date)
        for person in claim.persons
    )


def _note(notes: list[Reason], reason: Reason) -> None:
    if reason not in notes:
        notes.append(reason)
